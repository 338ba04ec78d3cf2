"""Measure the Flink job with everything it computes: `python -m benchmarks.flink`.

The market is the simulator's, taken through the live source over real sockets, with all its symbols. Throughput: it
stands in the topics before the job starts, as often as `--laps` says. Latency: it is produced at its own pace, and a
metric or an alert is late by the time from the send of its record until a consumer has it.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import msgspec
import numpy as np
import psutil
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from rich.console import Console
from rich.table import Table

from connectors.simulator.universe import ALL_SYMBOLS
from dataflows.routing import router
from local_stack.kafka import EmbeddedKafka
from orderbook.messages import Book, FeedGap, Heartbeat, IngestMessage, Trade, decode_alert, decode_metrics
from orderbook.settings import Settings
from orderbook.topics import Topics
from runtime.logs import configure_logs
from tests.faults.consumer import Consumer as LiveSource
from tests.processes import Running, eventually, running
from tests.servers import broker_jars, free_port
from tests.servers import running as serving

PARTITIONS = 5
LEAST_SETTLED = 0.1
"""The share of the books after which the rate is measured: before it the JVM still compiles."""
ID_STEP = 1 << 40

Taken = Book | Heartbeat | FeedGap | Trade


@dataclass(slots=True)
class Market:
    """What the live source made, in its order, and how long it took."""

    messages: list[Taken] = field(default_factory=list)

    @property
    def books(self) -> int:
        """How many books there are."""
        return sum(isinstance(message, Book) for message in self.messages)

    @property
    def span_ms(self) -> int:
        """From the first event to a second after the last."""
        times = [message.event_time_ms for message in self.messages]
        return max(times) - min(times) + 1000

    def take(self, message: IngestMessage) -> None:
        """Keep what the job reads."""
        if isinstance(message, Taken):
            self.messages.append(message)

    def lap(self, number: int) -> list[Taken]:
        """The market once more, so many spans later."""
        later_ms = number * self.span_ms
        return [_shifted(message, later_ms, number * ID_STEP) for message in self.messages] if number else self.messages


def _shifted(message: Taken, later_ms: int, ids: int) -> Taken:
    changes = {
        "event_time_ms": message.event_time_ms + later_ms,
        "receive_time_ms": message.receive_time_ms + later_ms,
    }
    for name in ("update_id", "trade_id"):
        number = getattr(message, name, None)
        if number is not None:
            changes[name] = number + ids
    return msgspec.structs.replace(message, **changes)


def captured(symbols: tuple[str, ...], seconds: float, folder: Path) -> Market:
    """The simulator's market of so many seconds, from the moment when every symbol is live."""
    settings = Settings(
        _env_file=None, symbols=symbols, feed="simulator", simulator_port=free_port(), state_dir=folder / "capture"
    )
    market, live = Market(), set[str]()

    def take(message: IngestMessage) -> None:
        if isinstance(message, Book) and message.state == "live":
            live.add(message.symbol)
        market.take(message)

    source = LiveSource(settings, each=take)
    with running(settings, ["connectors.simulator"], folder), source.running():
        eventually(lambda: True if len(live) == len(symbols) else None, 300.0)
        market.messages.clear()
        time.sleep(seconds)
    if source.failed is not None:
        raise source.failed
    return market


class Bench:
    """The job on topics of its own."""

    def __init__(self, kafka: EmbeddedKafka, folder: Path, parallelism: int, symbols: tuple[str, ...]) -> None:
        self._servers = kafka.bootstrap_servers
        self.folder = folder
        self.settings = Settings(
            _env_file=None,
            symbols=symbols,
            kafka_bootstrap_servers=self._servers,
            topic_prefix=f"bench{uuid.uuid4().hex[:8]}",
            topic_partitions=PARTITIONS,
            flink_parallelism=parallelism,
            state_dir=folder / "flink",
        )
        self.topics = Topics(self.settings.topic_prefix)
        self._route = router(self.settings, ALL_SYMBOLS)
        wanted = [NewTopic(topic, num_partitions=PARTITIONS, replication_factor=1) for topic in self.topics.all()]
        admin = AdminClient({"bootstrap.servers": self._servers})
        for made in admin.create_topics(wanted).values():
            made.result()

    def producer(self) -> Producer:
        """A producer whose records stay in the order of their symbol."""
        settings = {"linger.ms": 5, "enable.idempotence": True, "queue.buffering.max.messages": 2_000_000}
        return Producer({"bootstrap.servers": self._servers, **settings})

    def send(self, producer: Producer, message: Taken) -> None:
        """Send one message to the topics that it belongs to."""
        for record in self._route(message):
            producer.produce(
                record.topic, record.value, record.key, -1 if record.partition is None else record.partition
            )

    def written(self, topic: str) -> int:
        """How many records a topic holds."""
        consumer = Consumer({"bootstrap.servers": self._servers, "group.id": "bench"})
        marks = [consumer.get_watermark_offsets(TopicPartition(topic, part), timeout=10) for part in range(PARTITIONS)]
        consumer.close()
        return sum(high for _, high in marks)

    def reader(self, topic: str) -> Consumer:
        """A consumer of all partitions of a topic, from the beginning."""
        consumer = Consumer({"bootstrap.servers": self._servers, "group.id": uuid.uuid4().hex})
        consumer.assign([TopicPartition(topic, part, OFFSET_BEGINNING) for part in range(PARTITIONS)])
        return consumer


@dataclass(frozen=True, slots=True)
class Throughput:
    """Books a second after the first tenth, CPU seconds of the job's processes a million books, rows by topic."""

    books: int
    books_a_second: float
    cpu_s_a_million: float
    rows: dict[str, int]


def throughput(bench: Bench, market: Market, laps: int) -> Throughput:
    """Fill the topics, start the job, and measure until it has made the last metric."""
    producer = bench.producer()
    for number in range(laps):
        for message in market.lap(number):
            bench.send(producer, message)
            producer.poll(0)
        producer.flush()
    books = laps * market.books
    with running(bench.settings, ["flink"], bench.folder) as job:
        marks: list[tuple[float, int, float]] = []

        def look() -> bool | None:
            marks.append((time.monotonic(), bench.written(bench.topics.metrics), _cpu_s(job)))
            return True if marks[-1][1] >= books else None

        eventually(look, 1800.0, process=job, every_s=0.1)
        first = next(mark for mark in marks if mark[1] >= LEAST_SETTLED * books)
        last = marks[-1]
        rows = {name: bench.written(getattr(bench.topics, name)) for name in ("metrics", "processed", "alerts")}
    done = last[1] - first[1]
    return Throughput(books, done / (last[0] - first[0]), 1e6 * (last[2] - first[2]) / done, rows)


def _cpu_s(job: Running) -> float:
    root = psutil.Process(job.process.pid)
    return sum(sum(one.cpu_times()[:2]) for one in (root, *root.children(recursive=True)))


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from the send of a record to the arrival of what it made, by kind, and the pace it was sent at."""

    books_a_second: float
    ms: dict[str, list[float]]


class Delays:
    """When each record was sent, and how much later what it made was there."""

    def __init__(self, bench: Bench, measured_from_s: float) -> None:
        self.ms: dict[str, list[float]] = {"metric": [], "alert": [], "pattern": []}
        self._bench = bench
        self._measured_from_s = measured_from_s
        self._books: dict[tuple[str, int], float] = {}
        self._records: dict[tuple[str, int], float] = {}
        self._ending = threading.Event()
        self._readers = [
            threading.Thread(target=self._read, args=(topic, delay))
            for topic, delay in ((bench.topics.metrics, self._metrics), (bench.topics.alerts, self._alert))
        ]

    def begin(self) -> None:
        """Listen to both topics."""
        for reader in self._readers:
            reader.start()

    def end(self) -> None:
        """Listen no more."""
        self._ending.set()
        for reader in self._readers:
            reader.join()

    def sent(self, message: Taken) -> None:
        """The message is sent at this moment."""
        now = time.monotonic()
        if isinstance(message, Book):
            self._books[message.symbol, message.update_id] = now
        if isinstance(message, Book | Heartbeat):
            self._records.setdefault((message.symbol, message.event_time_ms), now)

    def _read(self, topic: str, told: Callable[[bytes], tuple[str, float | None]]) -> None:
        consumer = self._bench.reader(topic)
        while not self._ending.is_set():
            for record in consumer.consume(500, 0.005):
                now, payload = time.monotonic(), record.value()
                assert isinstance(payload, bytes), record.error()
                kind, at = told(payload)
                if at is not None and at >= self._measured_from_s:
                    self.ms[kind].append(1000 * (now - at))
        consumer.close()

    def _metrics(self, payload: bytes) -> tuple[str, float | None]:
        metrics = decode_metrics(payload)
        return "metric", self._books.get((metrics.symbol, metrics.update_id))

    def _alert(self, payload: bytes) -> tuple[str, float | None]:
        alert = decode_alert(payload)
        kind = "pattern" if alert.status == "MATCHED" else "alert"
        return kind, self._records.get((alert.symbol, alert.event_time_ms))


def latency(bench: Bench, market: Market, laps: int, warm_up_s: float) -> Latency:
    """Start the job, send the market at its own pace so many times over, and measure after the warm-up."""
    with running(bench.settings, ["flink"], bench.folder):
        producer = bench.producer()
        first_ms = min(message.receive_time_ms for message in market.messages)
        began = time.monotonic()
        delays = Delays(bench, began + warm_up_s)
        delays.begin()
        for message in chain.from_iterable(map(market.lap, range(laps))):
            due = began + (message.receive_time_ms - first_ms) / 1000
            while (wait_s := due - time.monotonic()) > 0:
                producer.poll(wait_s)
            delays.sent(message)
            bench.send(producer, message)
        producer.flush()
        took_s = time.monotonic() - began
        books = laps * market.books
        eventually(lambda: True if bench.written(bench.topics.metrics) >= books else None, 600.0)
        delays.end()
    return Latency(books / took_s, delays.ms)


def main() -> None:
    """Print throughput and latency."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--symbols", type=int, default=len(ALL_SYMBOLS))
    arguments.add_argument("--seconds", type=float, default=60.0, help="of the market that is taken from the simulator")
    arguments.add_argument("--laps", type=int, default=3, help="how often it is put through for the throughput")
    arguments.add_argument("--live-laps", type=int, default=1, help="how often it is sent at its own pace")
    arguments.add_argument("--warm-up", type=float, default=20.0, help="seconds of the latency run that do not count")
    arguments.add_argument("--parallelism", type=int, default=1)
    arguments.add_argument("--only", choices=("throughput", "latency"))
    asked = arguments.parse_args()
    configure_logs(level="warning", form="console")
    folder = Path(tempfile.mkdtemp(prefix="orderbook-flink-"))
    symbols = ALL_SYMBOLS[: asked.symbols]
    market = captured(symbols, asked.seconds, folder)
    kinds = Counter(type(message).__name__ for message in market.messages)
    kafka = EmbeddedKafka(
        host="127.0.0.1", port=free_port(), controller_port=free_port(), folder=folder / "kafka", jars=broker_jars()
    )
    table = Table(title=f"{asked.symbols} symbols, {asked.seconds:.0f} s of market: {dict(kinds)}")
    for column in ("measure", "value"):
        table.add_column(column)
    with serving(kafka, folder / "kafka.log"):
        if asked.only != "latency":
            fast = throughput(Bench(kafka, folder, asked.parallelism, symbols), market, asked.laps)
            table.add_row("books put through", f"{fast.books:,}")
            table.add_row("books a second", f"{fast.books_a_second:,.0f}")
            table.add_row("CPU of the job, µs a book", f"{fast.cpu_s_a_million:.0f}")
            table.add_row("rows", str(fast.rows))
        if asked.only != "throughput":
            live = latency(Bench(kafka, folder, asked.parallelism, symbols), market, asked.live_laps, asked.warm_up)
            table.add_row("live, books a second", f"{live.books_a_second:,.0f}")
            for kind, delays in live.ms.items():
                if delays:
                    middle, high = np.percentile(delays, (50, 99))
                    table.add_row(f"{kind} in its topic, ms", f"p50 {middle:.0f}, p99 {high:.0f} of {len(delays):,}")
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
