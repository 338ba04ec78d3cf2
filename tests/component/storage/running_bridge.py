"""A bridge as a process, with the topics, the database and the live store of one test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import redis
from confluent_kafka import Consumer, TopicPartition

from connectors.kafka.log_ends import log_ends
from connectors.kafka.sink import CheckedProducer, OutRecord
from connectors.kafka.topics import create_topics
from dataflows.bridge import group
from local_stack.kafka import EmbeddedKafka
from local_stack.process import end_with_parent
from local_stack.valkey import EmbeddedValkey
from orderbook import keys
from orderbook.messages import Alert, DeadLetter, Metrics, Window, decode_dead_letter, encode
from orderbook.settings import Settings
from orderbook.topics import Topics, partition_of
from tests.component.storage.databases import Database
from tests.component.storage.samples import window_json
from tests.processes import wait_until

WITHIN_S = 60.0
PARTITIONS = 2


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Return as soon as the condition holds; fail where it does not within WITHIN_S."""
    wait_until(condition, WITHIN_S, what)


@dataclass(slots=True)
class Pipeline:
    """Topics, database and live store of one test, and the bridge between them."""

    settings: Settings
    database: Database
    folder: Path
    producer: CheckedProducer = field(init=False)
    topics: Topics = field(init=False)

    def __post_init__(self) -> None:
        self.topics = Topics(self.settings.topic_prefix)
        self.producer = CheckedProducer(self.settings.kafka_bootstrap_servers)
        create_topics(self.settings)

    def send(self, topic: str, symbol: str, *values: bytes) -> None:
        self.producer.send(
            OutRecord(topic, symbol.encode(), value, partition_of(symbol, PARTITIONS)) for value in values
        )

    def send_windows(self, *windows: Window) -> None:
        for message in windows:
            self.send(self.topics.processed, message.symbol, window_json(message))

    def send_alerts(self, *alerts: Alert) -> None:
        for message in alerts:
            self.send(self.topics.alerts, message.symbol, encode(message))

    def send_metrics(self, *rows: Metrics) -> None:
        for message in rows:
            self.send(self.topics.metrics, message.symbol, msgspec.json.encode(message))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.database.connect() as connection:
            return connection.execute(query.encode()).fetchall()

    def windows(self) -> list[tuple[str, int, float]]:
        return self.rows("SELECT symbol, updates, mid_close FROM orderbook_metrics ORDER BY symbol, window_start")

    def lag(self, way: str) -> int:
        """Records between the group's committed offsets and the ends of the topics it reads."""
        topics = self.topics
        read = (
            (topics.processed, topics.alerts)
            if way == "database"
            else (
                topics.metrics,
                topics.raw,
                topics.alerts,
                topics.trades,
            )
        )
        ends = log_ends(self.settings.kafka_bootstrap_servers, read)
        parts = [TopicPartition(name.rpartition("/")[0], int(name.rpartition("/")[2])) for name in ends]
        consumer = Consumer(
            {"bootstrap.servers": self.settings.kafka_bootstrap_servers, "group.id": group(self.settings, way)}
        )
        try:
            committed = consumer.committed(parts, timeout=10)
        finally:
            consumer.close()
        return sum(ends[f"{part.topic}/{part.partition}"] - max(part.offset, 0) for part in committed)

    def dead_letters(self, count: int) -> list[DeadLetter]:
        """The topic's records once there are `count` of them."""
        consumer = Consumer({"bootstrap.servers": self.settings.kafka_bootstrap_servers, "group.id": uuid.uuid4().hex})
        consumer.assign([TopicPartition(self.topics.dead_letter, number, 0) for number in range(PARTITIONS)])
        letters: list[DeadLetter] = []

        def enough() -> bool:
            message = consumer.poll(0.2)
            if message is not None and message.error() is None:
                value = message.value()
                assert isinstance(value, bytes)
                letters.append(decode_dead_letter(value))
            return len(letters) >= count

        try:
            wait_for(enough, f"{count} dead letters")
        finally:
            consumer.close()
        return sorted(letters, key=lambda letter: letter.origin)

    @property
    def log(self) -> str:
        return (self.folder / "bridge.log").read_text(encoding="utf-8")

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        settings = self.settings
        ready = self.folder / "ready"
        ready.unlink(missing_ok=True)
        environment = {
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
            "TOPIC_PREFIX": settings.topic_prefix,
            "TOPIC_PARTITIONS": str(PARTITIONS),
            "DATABASE_HOST": self.database.host,
            "DATABASE_PORT": str(self.database.port),
            "DATABASE_NAME": self.database.name,
            "DATABASE_USER": self.database.user,
            "DATABASE_PASSWORD": self.database.password,
            "REDIS_HOST": settings.redis_host,
            "REDIS_PORT": str(settings.redis_port),
            "ORDERBOOK_READY_FILE": str(ready),
        }
        with (self.folder / "bridge.log").open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", *(command or ("dataflows", "bridge"))],
                cwd=self.folder,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=end_with_parent(signal.SIGKILL),  # noqa: PLW1509 - one system call before its program
            )

    def wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        def ready() -> bool:
            assert process.poll() is None, self.log
            return (self.folder / "ready").exists()

        wait_for(ready, f"the bridge's readiness:\n{self.log}")

    @contextmanager
    def started(self, *command: str) -> Iterator[subprocess.Popen[bytes]]:
        """A bridge, ready or not, that is gone afterwards."""
        process = self.start(*command)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    @contextmanager
    def bridge(self) -> Iterator[subprocess.Popen[bytes]]:
        """A bridge that is ready, ended by SIGTERM; its status is checked."""
        with self.started() as process:
            self.wait_until_ready(process)
            yield process
            process.terminate()
            assert process.wait(WITHIN_S) == 0, self.log
            assert "Traceback" not in self.log


def settings_for(kafka: EmbeddedKafka, database: Database, valkey: EmbeddedValkey) -> Settings:
    return Settings(
        _env_file=None,
        kafka_bootstrap_servers=kafka.bootstrap_servers,
        topic_prefix=f"bridge-{uuid.uuid4().hex[:10]}",
        topic_partitions=PARTITIONS,
        database_host=database.host,
        database_port=database.port,
        redis_host=valkey.host,
        redis_port=valkey.port,
    )


def recent(live: redis.Redis, symbol: str) -> list[int]:
    rows: Any = live.xrange(keys.recent(symbol))
    return [msgspec.json.decode(row["metrics"])["update_id"] for _id, row in rows]
