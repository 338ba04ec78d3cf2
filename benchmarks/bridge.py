"""Measure the bridge between real servers: `python -m benchmarks.bridge`.

A broker, a database and a Valkey of their own. Each book comes as its record of topic raw and its row of topic metrics,
each symbol ten times a second; each symbol's window once a second, an alert's step once a second in all. CPU is that of
whole processes over the measured seconds. A row is late by the time from its send until a reader of Valkey has it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import msgspec
import numpy as np
import psutil
import psycopg
from confluent_kafka import Producer
from rich.console import Console
from rich.table import Table

from connectors.kafka.topics import create_topics
from local_stack.kafka import EmbeddedKafka
from local_stack.postgres import EmbeddedPostgres
from local_stack.valkey import EmbeddedValkey
from migrations.runner import apply_pending
from migrations.script import read_scripts
from orderbook import keys
from orderbook.messages import Book, encode
from orderbook.settings import Settings
from orderbook.topics import Topics, partition_of
from runtime.logs import configure_logs
from sinks.redis import connect
from tests.component.storage.samples import alert, book, metrics, window, window_json
from tests.processes import eventually, running
from tests.servers import broker_jars, free_port
from tests.servers import running as serving

BOOKS_A_SYMBOL: Final = 10
"""Books a second of a symbol."""
WATCHED: Final = 5
"""Symbols whose rows are timed; to read all of them would cost more than to write them."""
HELD_S: Final = 0.55
"""How long the windows' table is held each time before the measurement: a slow batch must leave nothing behind."""
HOLDS: Final = 5
READ_WITHIN_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Servers:
    """What the bridge stands between."""

    kafka: EmbeddedKafka
    postgres: EmbeddedPostgres
    valkey: EmbeddedValkey

    def settings(self, partitions: int) -> Settings:
        """Settings of a bridge with topics of its own."""
        return Settings(
            _env_file=None,
            kafka_bootstrap_servers=self.kafka.bootstrap_servers,
            topic_prefix=f"bench{uuid.uuid4().hex[:8]}",
            topic_partitions=partitions,
            database_port=self.postgres.port,
            redis_port=self.valkey.port,
        )


@dataclass(frozen=True, slots=True)
class Measured:
    """Books a second that were sent, cores that the bridge and the broker used, milliseconds from send to Valkey."""

    books_a_second: float
    bridge: float
    broker: float
    delays_ms: list[float]


class Market:
    """Sends what the bridge reads, and knows when each watched row was sent."""

    def __init__(self, settings: Settings, symbols: int) -> None:
        self._topics = Topics(settings.topic_prefix)
        self._partitions = settings.topic_partitions
        properties = {"linger.ms": 2, "compression.type": "lz4"}  # as the product's producer
        self._producer = Producer({"bootstrap.servers": settings.kafka_bootstrap_servers, **properties})
        self._symbols = [f"{settings.topic_prefix}{number}".upper() for number in range(symbols)]
        self._books_sent = 0
        self.watched = frozenset(self._symbols[:WATCHED])
        self.sent_s: dict[tuple[str, int], float] = {}

    def run(self, seconds: float) -> int:
        """Send for so many seconds and return how many books that were."""
        rate, before, began = BOOKS_A_SYMBOL * len(self._symbols), self._books_sent, time.monotonic()
        for number in range(int(rate * seconds)):
            due = began + number / rate
            while (wait_s := due - time.monotonic()) > 0:
                self._producer.poll(wait_s)
            self._send_book()
        self._producer.flush()
        return self._books_sent - before

    def _send_book(self) -> None:
        update_id, place = divmod(self._books_sent, len(self._symbols))
        symbol = self._symbols[place]
        self._books_sent += 1
        self._send(self._topics.raw, symbol, encode(_whole_book(symbol, update_id)))
        row = msgspec.json.encode(metrics(symbol, update_id))
        if symbol in self.watched:
            self.sent_s[symbol, update_id] = time.monotonic()
        self._send(self._topics.metrics, symbol, row)
        second, tenth = divmod(update_id, BOOKS_A_SYMBOL)
        if tenth == 0:
            self._send(self._topics.processed, symbol, window_json(window(symbol, second)))
            if place == 0:
                step = encode(alert(f"{symbol}-{second // 2}", second % 2, "FIRING", symbol=symbol))
                self._send(self._topics.alerts, symbol, step)

    def _send(self, topic: str, symbol: str, value: bytes) -> None:
        self._producer.produce(topic, value, symbol.encode(), partition_of(symbol, self._partitions))


def _whole_book(symbol: str, update_id: int) -> Book:
    side = [100.0 + level / 8 for level in range(20)]
    return msgspec.structs.replace(book(symbol, update_id), bid_price=side, bid_qty=side, ask_price=side, ask_qty=side)


class Reader:
    """Takes the watched symbols' rows from Valkey as they come there."""

    def __init__(self, valkey: EmbeddedValkey, market: Market) -> None:
        self._client = connect(valkey.host, valkey.port)
        self._market = market
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self.arrived_s: dict[tuple[str, int], float] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        self._client.close()

    def _read(self) -> None:
        places: dict[Any, Any] = {keys.recent(symbol): "0" for symbol in self._market.watched}
        while not self._ending.is_set():
            streams: Any = self._client.xread(places, block=100)
            now = time.monotonic()
            for key, rows in streams or ():
                places[key] = rows[-1][0]
                for _id, row in rows:
                    read = msgspec.json.decode(row["metrics"])
                    self.arrived_s[read["symbol"], read["update_id"]] = now


def measure(servers: Servers, folder: Path, *, rate: int, partitions: int, seconds: float) -> Measured:
    """Run a bridge, send at the rate while its database falters, and then measure for so many seconds."""
    settings = servers.settings(partitions)
    create_topics(settings)
    market = Market(settings, max(rate // BOOKS_A_SYMBOL, 1))
    with running(settings, ["dataflows", "bridge"], folder) as bridge, Reader(servers.valkey, market) as reader:
        processes = [psutil.Process(bridge.process.pid), _listening_on(servers.kafka.port)]
        holding = threading.Thread(target=_hold_windows, args=(servers.postgres.conninfo,))
        holding.start()
        while holding.is_alive():
            market.run(1.0)
        market.sent_s.clear()
        began, before = time.monotonic(), [_cpu_s(process) for process in processes]
        books = market.run(seconds)
        took_s, after = time.monotonic() - began, [_cpu_s(process) for process in processes]
        eventually(lambda: market.sent_s.keys() <= reader.arrived_s.keys() or None, READ_WITHIN_S, process=bridge)
    cores = [(end - begin) / took_s for begin, end in zip(before, after, strict=True)]
    delays_ms = [1000 * (reader.arrived_s[row] - sent_s) for row, sent_s in market.sent_s.items()]
    return Measured(books / took_s, cores[0], cores[1], delays_ms)


def _hold_windows(conninfo: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for _ in range(HOLDS):
            time.sleep(2 * HELD_S)
            with connection.transaction():
                connection.execute("LOCK TABLE orderbook_metrics IN SHARE MODE")
                time.sleep(HELD_S)


def _listening_on(port: int) -> psutil.Process:
    """The server on a port of this machine."""
    listening = (one for one in psutil.net_connections("tcp") if one.status == psutil.CONN_LISTEN)
    return psutil.Process(next(one.pid for one in listening if one.laddr and one.laddr.port == port))


def _cpu_s(process: psutil.Process) -> float:
    return sum(process.cpu_times()[:2])


def main() -> None:
    """Print a row for each rate."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rates", type=int, nargs="+", default=[50, 4500], help="books a second")
    arguments.add_argument("--partitions", type=int, default=1, help="of each topic")
    arguments.add_argument("--seconds", type=float, default=20.0, help="that are measured at each rate")
    asked = arguments.parse_args()
    configure_logs(level="warning", form="console")
    sys.setswitchinterval(0.0005)  # the reader's clock is not to wait for the sender's turn
    folder = Path(tempfile.mkdtemp(prefix="orderbook-bridge-"))
    servers = Servers(
        EmbeddedKafka(
            host="127.0.0.1", port=free_port(), controller_port=free_port(), folder=folder / "kafka", jars=broker_jars()
        ),
        EmbeddedPostgres(
            host="127.0.0.1",
            port=free_port(),
            folder=folder / "postgres",
            dbname="orderbook",
            user="orderbook_user",
            password="orderbook",  # noqa: S106 - of a server that lives as long as the benchmark
        ),
        EmbeddedValkey(host="127.0.0.1", port=free_port(), folder=folder / "valkey"),
    )
    table = Table(title=f"The bridge, topics of {asked.partitions} partitions, {asked.seconds:.0f} s a rate")
    for column in ("books a second", "cores, bridge", "cores, broker", "rows timed", "p50, ms", "p99, ms"):
        table.add_column(column, justify="right")
    with (
        serving(servers.kafka, folder / "kafka.log"),
        serving(servers.postgres, folder / "postgres.log"),
        serving(servers.valkey, folder / "valkey.log"),
    ):
        with psycopg.connect(servers.postgres.conninfo, autocommit=True) as connection:
            apply_pending(connection, read_scripts())
        for rate in asked.rates:
            one = measure(servers, folder, rate=rate, partitions=asked.partitions, seconds=asked.seconds)
            middle, high = np.percentile(one.delays_ms, (50, 99))
            table.add_row(
                f"{one.books_a_second:,.0f}",
                f"{one.bridge:.2f}",
                f"{one.broker:.2f}",
                f"{len(one.delays_ms):,}",
                f"{middle:.1f}",
                f"{high:.1f}",
            )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
