"""The job as a process of its own on its own topics, and what it wrote there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path

import psutil
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from connectors.kafka.log_ends import log_ends
from connectors.kafka.source import committed_offset
from local_stack.process import end_with_parent
from orderbook.topics import Topics
from tests.component.flink.market import DEPTH, PARTITIONS, Record
from tests.processes import wait_until

START_WITHIN_S = 240.0
FINISH_WITHIN_S = 180.0
REPOSITORY = Path(__file__).resolve().parents[3]
RULES_FILE = Path(__file__).with_name("rules.yaml")
FITTED_FILE = Path(__file__).with_name("fitted.json")
BUCKET_SIZES = {"BTCUSDT": 1.5, "ETHUSDT": 0.4}
"""A bucket of VPIN takes more than one trade, or a trade fills several."""
BUCKETS_A_DAY = 35


class Job:
    """`python -m flink` on topics of its own, at a parallelism; started, stopped and killed as the test wants."""

    def __init__(
        self, bootstrap_servers: str, folder: Path, *, parallelism: int, settings: Mapping[str, str] | None = None
    ) -> None:
        self.bootstrap_servers = bootstrap_servers
        self.topics = Topics(f"job{uuid.uuid4().hex[:8]}")
        self.folder = folder
        self.log = folder / "flink.log"
        self._ready = folder / "ready"
        self._environment = {
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
            "TOPIC_PREFIX": self.topics.prefix,
            "TOPIC_PARTITIONS": str(PARTITIONS),
            "FLINK_PARALLELISM": str(parallelism),
            "CALCULATE_DEPTH": str(DEPTH),
            "DEPTH_LEVELS": "6",
            "SPREAD_BASELINE_UPDATES": "150",
            "ALERT_RULES_FILE": str(RULES_FILE),
            "FITTED_FILE": str(FITTED_FILE),
            "VPIN_BUCKETS_A_DAY": str(BUCKETS_A_DAY),
            "VPIN_BUCKET_SIZES": ",".join(f"{symbol}={size}" for symbol, size in BUCKET_SIZES.items()),
            "CHECKPOINT_INTERVAL_MS": "1000",
            "STATE_DIR": str(folder / "state"),
            "ORDERBOOK_READY_FILE": str(self._ready),
            **(settings or {}),
        }
        created = AdminClient({"bootstrap.servers": bootstrap_servers})
        wanted = [NewTopic(topic, num_partitions=PARTITIONS, replication_factor=1) for topic in self.topics.all()]
        for future in created.create_topics(wanted).values():
            future.result()
        self._process: subprocess.Popen[bytes] | None = None
        self.family: list[psutil.Process] = []

    def start(self) -> None:
        """Start it and wait until every task runs."""
        self.launch()
        self.wait_for_start()

    def launch(self) -> None:
        """Start it."""
        self._ready.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "flink"],
                cwd=REPOSITORY,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=end_with_parent(signal.SIGKILL),  # noqa: PLW1509 - one system call before its program
            )
        self._process = process

    def wait_for_start(self) -> None:
        """Wait until every task runs."""
        process = self._process
        assert process is not None
        wait_until(lambda: self._ready.exists() or process.poll() is not None, START_WITHIN_S, "the job runs")
        assert process.poll() is None, self.log.read_text(errors="replace")[-3000:]
        self.family = psutil.Process(process.pid).children(recursive=True)

    def end(self, with_signal: signal.Signals) -> int:
        """Send the signal, wait for the end, and return the exit status."""
        assert self._process is not None
        self._process.send_signal(with_signal)
        return self._process.wait(60)

    def kill(self) -> None:
        """kill -9 of every process it consists of, at once."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        assert self._process.wait(30) == -signal.SIGKILL
        wait_until(lambda: not self.survivors(), 30, f"{self.survivors()} end")

    def survivors(self) -> list[str]:
        """Names of the processes it started that still run."""
        return [process.name() for process in self.family if alive(process)]

    def checkpoints(self) -> int:
        """How many complete checkpoints there are."""
        return len(list((self.folder / "state" / "flink").glob("*/*/chk-*/_metadata")))

    def jvm_log(self) -> str:
        """What its JVM has logged so far."""
        [log] = (self.folder / "state" / "logs").glob("flink-*.log")
        return log.read_text(errors="replace")

    def settle(self) -> None:
        """Return when all that was produced has gone through the job, and what it wrote of that is on the broker.

        The group's offsets are those of a complete checkpoint. The last watermark is made within 200 ms after the last
        record, so that the barrier of the checkpoint after the next has it before itself.
        """
        wait_until(lambda: self._unread() == 0, FINISH_WITHIN_S, f"every record is read, by {self.log}")
        before = self.newest_checkpoint()
        wait_until(
            lambda: self.newest_checkpoint() >= before + 2, FINISH_WITHIN_S, f"two more checkpoints, by {self.log}"
        )

    def _unread(self) -> int:
        """How many records of the inputs lie beyond the offsets of the job's newest complete checkpoint."""
        inputs = [
            TopicPartition(topic, number)
            for topic in (self.topics.raw, self.topics.trades)
            for number in range(PARTITIONS)
        ]
        group = {"bootstrap.servers": self.bootstrap_servers, "group.id": f"{self.topics.prefix}-flink"}
        consumer = Consumer(group)
        read = sum(max(committed_offset(consumer, one), 0) for one in inputs)
        consumer.close()
        return self.count(self.topics.raw) + self.count(self.topics.trades) - read

    def count(self, topic: str) -> int:
        """How many records a topic holds."""
        ends = log_ends(self.bootstrap_servers, (topic,))
        return sum(ends.values())

    def newest_checkpoint(self) -> int:
        """The number of the newest complete checkpoint, 0 before the first; a resumed job counts on."""
        complete = (self.folder / "state" / "flink").glob("*/*/chk-*/_metadata")
        return max((int(file.parent.name.removeprefix("chk-")) for file in complete), default=0)

    def produce(self, records: list[Record], *, within_s: float = 30.0) -> None:
        """Write records to their topics, in their order; returns when the broker has them."""
        producer = Producer({"bootstrap.servers": self.bootstrap_servers, "linger.ms": 5, "enable.idempotence": True})
        for record in records:
            producer.produce(
                getattr(self.topics, record.topic), record.value, key=record.key, partition=record.partition
            )
        assert producer.flush(within_s) == 0

    def written(self, topic: str) -> list[tuple[str, int, bytes]]:
        """Every record of an output topic as (key, partition, value), each partition in its order."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap_servers, "group.id": uuid.uuid4().hex})
        found: list[tuple[str, int, bytes]] = []
        for partition in range(PARTITIONS):
            _, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
            consumer.assign([TopicPartition(topic, partition, 0)])
            left = high
            while left:
                message = consumer.poll(10)
                assert message is not None, f"{topic} [{partition}] ends early"
                assert message.error() is None, message.error()
                key, value, offset = message.key(), message.value(), message.offset()
                assert isinstance(key, bytes)
                assert isinstance(value, bytes)
                assert offset is not None
                found.append((key.decode(), partition, value))
                left = high - offset - 1
        consumer.close()
        return found


def alive(process: psutil.Process) -> bool:
    """Whether a process still runs; one that has ended and was not yet asked for its status does not."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
