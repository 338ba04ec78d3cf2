from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis
from confluent_kafka import Consumer, TopicPartition

from connectors.kafka.log_ends import log_ends
from connectors.kafka.sink import CheckedProducer, OutRecord
from connectors.kafka.topics import create_topics
from dataflows.bridge import Bridge, group
from local_stack.kafka import EmbeddedKafka
from local_stack.process import end_with_parent
from local_stack.valkey import EmbeddedValkey
from orderbook import keys
from orderbook.messages import Alert, DeadLetter, Metrics, Trade, Window, decode_dead_letter, encode
from orderbook.metrics import WINDOW_COLUMNS
from orderbook.settings import Settings
from orderbook.topics import Topics, partition_of
from sinks.redis import connect
from tests.component.flink import market, poison
from tests.component.flink.market import BEGIN_MS
from tests.component.storage.conftest import Database
from tests.component.storage.samples import alert, book, heartbeat, metrics, unique_symbol, window, window_json
from tests.records import new_heartbeat
from tests.servers import free_port, running

pytestmark = [pytest.mark.component, pytest.mark.recovery]

WITHIN_S = 60.0
PARTITIONS = 2


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {WITHIN_S:g} s: {what}"
        time.sleep(0.05)


TRADE = Trade(
    venue="simulator",
    symbol="BTCUSDT",
    event_time_ms=BEGIN_MS,
    receive_time_ms=BEGIN_MS + 3,
    trade_id=1,
    trade_time_ms=BEGIN_MS,
    price=100.0,
    quantity=0.5,
    aggressor="buy",
)


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
    def bridge(self) -> Iterator[subprocess.Popen[bytes]]:
        """A bridge that is ready, ended by SIGTERM; its status is checked."""
        process = self.start()
        try:
            self.wait_until_ready(process)
            yield process
            process.terminate()
            assert process.wait(WITHIN_S) == 0, self.log
            assert "Traceback" not in self.log
        finally:
            process.kill()
            process.wait()


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


@pytest.fixture
def pipeline(
    kafka_server: EmbeddedKafka, migrated: Database, valkey_server: EmbeddedValkey, tmp_path: Path
) -> Pipeline:
    return Pipeline(settings_for(kafka_server, migrated, valkey_server), migrated, tmp_path)


def recent(live: redis.Redis, symbol: str) -> list[int]:
    rows: Any = live.xrange(keys.recent(symbol))
    return [msgspec.json.decode(row["metrics"])["update_id"] for _id, row in rows]


@pytest.mark.parametrize("runs", ["database", "redis", "whole"])
def test_a_flow_has_one_input_so_that_none_waits_for_another_one_s_epoch(pipeline: Pipeline, runs: str) -> None:
    settings = pipeline.settings.model_copy(update={"database_name": pipeline.database.name})
    bridge = Bridge(settings, threading.Event())
    flow = {**bridge.ways(), "whole": bridge.whole}[runs]()
    inputs = [step.step_id for step in flow.substeps if type(step).__name__ == "input"]
    assert (
        inputs
        == {
            "database": ["bridge_database.database_records"],
            "redis": ["bridge_redis.redis_records"],
            "whole": ["bridge.records"],
        }[runs]
    )


def test_from_the_topics_to_both_stores(pipeline: Pipeline, live: redis.Redis) -> None:
    symbols = [unique_symbol() for _ in range(3)]
    with pipeline.bridge():
        for symbol in symbols:
            pipeline.send_windows(*[window(symbol, second, updates=second) for second in range(20)])
            pipeline.send_metrics(*[metrics(symbol, number) for number in range(50)])
            pipeline.send(pipeline.topics.raw, symbol, encode(book(symbol, 7)), encode(heartbeat(symbol, 3)))
            pipeline.send_alerts(
                alert(f"{symbol}-a", 0, "FIRING", symbol=symbol),
                alert(f"{symbol}-a", 1, "RESOLVED", symbol=symbol),
                alert(f"{symbol}-b", 0, "FIRING", symbol=symbol),
            )
        wait_for(lambda: pipeline.lag("database") == 0, "the database way's lag is gone")
        wait_for(lambda: pipeline.lag("redis") == 0, "the Redis way's lag is gone")

    mid_close = window(symbols[0], 0).values[WINDOW_COLUMNS.index("mid_close")]
    assert pipeline.windows() == [(symbol, second, mid_close) for symbol in sorted(symbols) for second in range(20)]
    assert sorted(
        pipeline.rows("SELECT alert_id, status, step, resolved_time IS NULL FROM orderbook_alerts")
    ) == sorted(
        row for symbol in symbols for row in ((f"{symbol}-a", "RESOLVED", 1, False), (f"{symbol}-b", "FIRING", 0, True))
    )
    assert len(pipeline.rows("SELECT * FROM dashboard_summary")) == 3
    for symbol in symbols:
        assert str(live.get(keys.latest(symbol))).encode() == msgspec.json.encode(metrics(symbol, 49))
        assert str(live.get(keys.book(symbol))).encode() == encode(book(symbol, 7))
        assert str(live.get(keys.heartbeat(symbol))).encode() == encode(heartbeat(symbol, 3))
        assert recent(live, symbol) == list(range(50))
        assert live.hget(keys.ACTIVE_ALERTS, f"{symbol}-a") is None
        assert live.hdel(keys.ACTIVE_ALERTS, f"{symbol}-b") == 1


def test_what_cannot_be_read_is_set_aside_and_nothing_else(pipeline: Pipeline, live: redis.Redis) -> None:
    symbol = unique_symbol()
    place = f"{partition_of(symbol, PARTITIONS)}"
    topics = pipeline.topics
    unstorable = window_json(window(symbol, 5)).replace(b'"simulator"', b'"simu\\u0000lator"')
    pipeline.send(topics.processed, symbol, b"{not json", window_json(window(symbol, 1)), unstorable)
    pipeline.send_windows(window(symbol, 2))
    pipeline.send(topics.alerts, symbol, b'{"type":"alert"}', encode(alert(symbol, 0, "FIRING", symbol=symbol)))
    pipeline.send(topics.metrics, symbol, b"[]", msgspec.json.encode(metrics(symbol, 1)))
    pipeline.send(topics.raw, symbol, b"\xff\xfe", encode(heartbeat(symbol, 1)))
    with pipeline.bridge():
        letters = pipeline.dead_letters(5)
        wait_for(lambda: pipeline.lag("database") + pipeline.lag("redis") == 0, "no lag")

    assert [letter.origin for letter in letters] == [
        f"{topics.alerts}/{place}@0",
        f"{topics.metrics}/{place}@0",
        f"{topics.processed}/{place}@0",
        f"{topics.processed}/{place}@2",
        f"{topics.raw}/{place}@0",
    ]
    assert letters[2].payload == "{not json"
    assert "malformed" in letters[2].reason
    assert letters[3].reason == "venue holds a NUL character, which text in the database cannot"
    assert "missing required field" in letters[0].reason
    assert all(letter.receive_time_ms > 0 for letter in letters)
    assert len(pipeline.windows()) == 2
    assert len(pipeline.rows("SELECT * FROM orderbook_alerts")) == 1
    assert recent(live, symbol) == [1]
    assert str(live.get(keys.heartbeat(symbol))).encode() == encode(heartbeat(symbol, 1))
    assert live.hdel(keys.ACTIVE_ALERTS, symbol) == 1
    ends = log_ends(pipeline.settings.kafka_bootstrap_servers, (topics.dead_letter,))
    assert sum(ends.values()) == 5


def test_what_the_job_leaves_out_is_set_aside_with_its_reason(pipeline: Pipeline, live: redis.Redis) -> None:
    symbol = unique_symbol()
    place = f"{partition_of(symbol, PARTITIONS)}"
    topics = pipeline.topics
    beat = new_heartbeat(symbol, BEGIN_MS)
    made = market.book(symbol, BEGIN_MS, 1, [1.0] * 6, [1.0] * 6, spread=1)
    of_raw = poison.of_raw(made, beat, market.feed_gap(symbol, BEGIN_MS))
    of_trades = poison.of_trades(TRADE, made)
    for topic, payloads in ((topics.raw, of_raw), (topics.trades, of_trades)):
        pipeline.send(topic, symbol, *payloads)
    pipeline.send(topics.raw, symbol, encode(beat))
    pipeline.send(topics.trades, symbol, encode(TRADE), encode(beat))
    with pipeline.bridge():
        letters = {letter.origin: letter for letter in pipeline.dead_letters(len(of_raw) + len(of_trades))}
        wait_for(lambda: pipeline.lag("redis") == 0, "no lag")

    for topic, payloads in ((topics.raw, of_raw), (topics.trades, of_trades)):
        for offset, (payload, reason) in enumerate(payloads.items()):
            letter = letters[f"{topic}/{place}@{offset}"]
            assert reason in letter.reason
            assert len(letter.reason) < 1300
            assert letter.payload == payload[:4096].decode(errors="replace")
    assert len(letters) == len(of_raw) + len(of_trades)
    assert str(live.get(keys.heartbeat(symbol))).encode() == encode(beat)
    assert live.get(keys.book(symbol)) is None


def test_kills_lose_and_double_nothing(pipeline: Pipeline, live: redis.Redis) -> None:
    symbol, other = unique_symbol(), unique_symbol()
    total, kills = 600, 4
    sent = threading.Event()

    def produce() -> None:
        for number in range(total):
            pipeline.send_windows(window(symbol, number, updates=number), window(other, number, updates=number))
            pipeline.send_metrics(metrics(symbol, number), metrics(other, number))
            pipeline.send_alerts(alert(f"{symbol}-{number // 3}", number % 3, "FIRING", symbol=symbol))
        sent.set()

    producing = threading.Thread(target=produce)
    producing.start()
    try:
        for kill in range(1, kills + 1):
            process = pipeline.start()
            try:
                pipeline.wait_until_ready(process)
                goal = total * kill // (kills + 2)
                wait_for(lambda goal=goal: len(pipeline.windows()) >= goal, f"{goal} windows")  # type: ignore[misc]  # early bound
            finally:
                process.kill()
                process.wait()
    finally:
        producing.join()
    assert sent.is_set()
    with pipeline.bridge():
        wait_for(lambda: pipeline.lag("database") + pipeline.lag("redis") == 0, "no lag")

    assert [(name, updates) for name, updates, _mid in pipeline.windows()] == [
        (name, number) for name in sorted((symbol, other)) for number in range(total)
    ]
    assert pipeline.rows("SELECT count(*), min(step), max(step) FROM orderbook_alerts") == [(total // 3, 2, 2)]
    assert recent(live, symbol) == recent(live, other) == list(range(total))
    steps: Any = live.xrange(keys.RECENT_ALERTS)
    own = [row for _id, row in steps if f'"{symbol}"' in row["alert"]]
    assert len(own) == total
    for number in range(total // 3):
        live.hdel(keys.ACTIVE_ALERTS, f"{symbol}-{number}")


def test_an_offset_is_committed_only_when_the_store_has_the_record(pipeline: Pipeline) -> None:
    symbol = unique_symbol()
    process = pipeline.start()
    try:
        pipeline.wait_until_ready(process)
        pipeline.send_windows(*[window(symbol, number) for number in range(5)])
        wait_for(lambda: pipeline.lag("database") == 0, "the first windows are committed")
        with pipeline.database.connect() as holder, holder.transaction():
            holder.execute("LOCK TABLE orderbook_metrics IN SHARE MODE")
            pipeline.send_windows(*[window(symbol, number) for number in range(5, 12)])
            wait_for(lambda: blocked(pipeline), "the bridge waits for the table")
            process.kill()
            process.wait()
        written = len(pipeline.windows())
        assert pipeline.lag("database") >= 12 - written
    finally:
        process.kill()
        process.wait()
    with pipeline.bridge():
        wait_for(lambda: len(pipeline.windows()) == 12, "the windows that were not committed")


def blocked(pipeline: Pipeline) -> bool:
    """Whether a statement waits for a table that somebody else holds."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    return pipeline.rows(waiting) == [(1,)]


def test_a_stop_while_the_database_is_held_back_is_tidy_and_loses_nothing(pipeline: Pipeline) -> None:
    symbol = unique_symbol()
    process = pipeline.start()
    try:
        pipeline.wait_until_ready(process)
        with pipeline.database.connect() as holder, holder.transaction():
            holder.execute("LOCK TABLE orderbook_metrics IN SHARE MODE")
            pipeline.send_windows(*[window(symbol, number) for number in range(3)])
            wait_for(lambda: blocked(pipeline), "the bridge waits for the table")
            process.terminate()
            assert process.wait(WITHIN_S) == 0, pipeline.log
        assert "Traceback" not in pipeline.log
    finally:
        process.kill()
        process.wait()
    with pipeline.bridge():
        wait_for(lambda: len(pipeline.windows()) == 3, "the windows that were held back")


def test_without_redis_the_database_goes_on(kafka_server: EmbeddedKafka, migrated: Database, tmp_path: Path) -> None:
    valkey = EmbeddedValkey(host="127.0.0.1", port=free_port(), folder=tmp_path / "valkey")
    asyncio.run(valkey.prepare())
    pipeline = Pipeline(settings_for(kafka_server, migrated, valkey), migrated, tmp_path)
    symbol = unique_symbol()
    process = pipeline.start()
    try:
        pipeline.send_windows(window(symbol, 0))
        pipeline.send_metrics(metrics(symbol, 0))
        wait_for(lambda: len(pipeline.windows()) == 1, "a window, with Redis down from the start")
        assert not (tmp_path / "ready").exists()
        with running(valkey, tmp_path / "valkey.log"):
            pipeline.wait_until_ready(process)
            wait_for(lambda: pipeline.lag("redis") == 0, "no lag")
        pipeline.send_metrics(*[metrics(symbol, number) for number in range(1, 5)])
        pipeline.send_windows(window(symbol, 1))
        wait_for(lambda: len(pipeline.windows()) == 2, "a window, with Redis down again")
        with running(valkey, tmp_path / "valkey.log"):
            wait_for(lambda: pipeline.lag("redis") == 0, "no lag")
            with connect(valkey.host, valkey.port) as client:
                assert recent(client, symbol) == [0, 1, 2, 3, 4]
        process.terminate()
        assert process.wait(WITHIN_S) == 0, pipeline.log
    finally:
        process.kill()
        process.wait()


def test_a_missing_table_is_one_line(
    kafka_server: EmbeddedKafka, database: Database, valkey_server: EmbeddedValkey, tmp_path: Path
) -> None:
    pipeline = Pipeline(settings_for(kafka_server, database, valkey_server), database, tmp_path)
    process = pipeline.start()
    try:
        assert process.wait(WITHIN_S) == 1, pipeline.log
    finally:
        process.kill()
        process.wait()
    assert "the database has no table orderbook_metrics yet: run `python -m migrations up`" in pipeline.log
    assert "Traceback" not in pipeline.log


def test_the_whole_bridge_as_one_flow_of_bytewax(pipeline: Pipeline, live: redis.Redis) -> None:
    symbol = unique_symbol()
    process = pipeline.start("bytewax.run", "dataflows.bridge", "-s", "1")
    try:
        pipeline.wait_until_ready(process)
        pipeline.send_windows(window(symbol, 1))
        pipeline.send_metrics(metrics(symbol, 1))
        wait_for(lambda: len(pipeline.windows()) == 1 and recent(live, symbol) == [1], "both stores")
    finally:
        process.kill()
        process.wait()
