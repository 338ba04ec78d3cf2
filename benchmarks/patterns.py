"""What the event patterns find on the recordings, what each costs, and a plot of each match.

    python -m benchmarks.patterns                      counts and plots of every match under .orderbook/patterns
    python -m benchmarks.patterns --cost --copies 8    CPU of the JVM a book for each pattern, over copies of the books

The patterns' own SQL over a file in place of topic raw: no broker is needed. Needs the shared recordings.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil
from pyflink.common import Configuration
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import StreamTableEnvironment

from benchmarks.pattern_plots import plot
from connectors.recordings.files import summarise
from connectors.recordings.playing import Player
from connectors.recordings.source import RecordingPartition
from flink.patterns import PATTERNS, VIEWS
from flink.rendering import render
from orderbook.messages import Book, FeedGap, Heartbeat, encode
from orderbook.settings import Settings

RECORDINGS: Final = Path(__file__).resolve().parents[2] / "shared" / "data" / "binance_captures" / "hftbacktest"
FILES: Final = {
    "spot BTC": ("spot_btcusdt_20240808.jsonl.gz", "spot_btcusdt_20240809.jsonl.gz"),
    "spot ETH": ("spot_ethusdt_20240808.jsonl.gz", "spot_ethusdt_20240809.jsonl.gz"),
    "USD-M BTC": ("usdm_btcusdt_20240808.jsonl.gz",),
}
CONTROL: Final = "spoof_like_control"
FILLED: Final = (
    ("opposite side only", True, False),
    ("both sides", True, True),
    ("its own side only", False, True),
    ("nobody", False, False),
)

Message = Book | Heartbeat | FeedGap


def messages(folder: Path, name: str) -> list[Message]:
    """Every record of topic raw that the ingest makes of a recording, the symbol replaced by the recording's name."""
    files = tuple(folder / file for file in FILES[name])
    settings = Settings(_env_file=None)
    player = Player(summarise(files), depth_levels=settings.depth_levels, covered=False)
    partition = RecordingPartition(files, player, "max", settings.watermark_delay_ms + 1001, None)
    found: list[Message] = []
    while True:
        try:
            batch = partition.next_batch()
        except StopIteration:
            return found
        found += [
            msgspec.structs.replace(message, symbol=name)
            for message in batch
            if isinstance(message, Book | Heartbeat | FeedGap) and message.symbol
        ]


def write(lives: dict[str, list[Message]], path: Path, copies: int) -> int:
    """Write the records in the order of their times, `copies` symbols of each; returns how many books there are."""
    merged = sorted(
        (message.event_time_ms, name, number, message)
        for name, found in lives.items()
        for number, message in enumerate(found)
    )
    offset = books = 0
    with path.open("wb") as file:
        for _, name, _, message in merged:
            for copy in range(copies):
                named = msgspec.structs.replace(message, symbol=f"{name} {copy}" if copy else name)
                file.write(encode(named)[:-1] + b',"kafka_partition":0,"kafka_offset":%d}\n' % offset)
                offset += 1
                books += isinstance(message, Book)
    return books


class Patterns:
    """The job's views over a file of raw records."""

    def __init__(self, path: Path) -> None:
        configured = Configuration()
        for name, value in {
            "parallelism.default": "1",
            "table.local-time-zone": "UTC",
            "pipeline.object-reuse": "true",
        }.items():
            configured.set_string(name, value)
        self._tables = StreamTableEnvironment.create(StreamExecutionEnvironment.get_execution_environment(configured))
        self._sql = render(Settings(_env_file=None)).statements
        declared, _ = self._sql["raw"].rsplit("WITH (", 1)
        for column in ("partition", "offset"):
            declared = declared.replace(f" METADATA FROM '{column}' VIRTUAL", "")
        file = f"'connector' = 'filesystem', 'path' = '{path.as_uri()}', 'format' = 'json'"
        self._tables.execute_sql(f"{declared} WITH ({file})")
        for view in ("records", "measured", "books", "live_books", *VIEWS):
            self._tables.execute_sql(self._sql[view])
        self._tables.execute_sql("CREATE TEMPORARY TABLE nowhere (symbol STRING) WITH ('connector' = 'blackhole')")

    def found(self) -> list[dict[str, Any]]:
        """Every match, as a row of the alerts table."""
        return self._rows(self._sql["pattern_matches"])

    def large_orders_gone(self) -> list[dict[str, Any]]:
        """Every large order that was gone: the spoof-like ones, those of their control, and the rest."""
        columns = "symbol, side, onset_time_ms, event_time_ms, opposite_filled, same_filled"
        return self._rows(f"SELECT {columns} FROM pattern_large_orders_gone")  # noqa: S608 - our own names

    def _rows(self, query: str) -> list[dict[str, Any]]:
        result = self._tables.execute_sql(query)
        names = result.get_table_schema().get_field_names()
        with result.collect() as rows:
            return [dict(zip(names, row, strict=True)) for row in rows]

    def cpu_s(self, view: str, where: str = "TRUE") -> float:
        """CPU seconds of the JVM while a view is computed and thrown away."""
        (jvm,) = [child for child in psutil.Process().children(recursive=True) if "java" in child.name()]
        before = sum(jvm.cpu_times()[:2])
        insert = f"INSERT INTO nowhere SELECT symbol FROM {view} WHERE {where}"  # noqa: S608 - our own names
        self._tables.execute_sql(insert).wait()
        return sum(jvm.cpu_times()[:2]) - before


def cost(patterns: Patterns, books: int, rounds: int) -> None:
    """Print the least CPU of some rounds a book, over that of books of which nothing is asked."""
    views = {"books alone": ("live_books", "imbalance_ratio > 2")}
    views |= {"books with their norms": ("pattern_compared_books", "depth_share < 0")}
    views |= {name: (name, "TRUE") for name in PATTERNS}
    spent: dict[str, list[float]] = defaultdict(list)
    # The first runs also pay for the JVM's warm-up.
    for view, where in views.values():
        patterns.cpu_s(view, where)
    for _ in range(rounds):
        for name, (view, where) in views.items():
            spent[name].append(patterns.cpu_s(view, where))
            print(f"{name} {spent[name][-1]:.2f} CPU s", file=sys.stderr, flush=True)
    least = {name: min(each) for name, each in spent.items()}
    for name, seconds in least.items():
        extra = 1e6 * (seconds - least["books alone"]) / books
        print(f"{name:24} {seconds:7.2f} CPU s {extra:+7.1f} µs a book")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Counts, plots and cost of the event patterns on the recordings.")
    parser.add_argument("--recordings", type=Path, default=RECORDINGS)
    parser.add_argument("--out", type=Path, default=Path(".orderbook/patterns"), help="folder of the plots")
    parser.add_argument("--cost", action="store_true")
    parser.add_argument("--copies", type=int, default=1, help="with --cost: symbols made of each recording")
    parser.add_argument("--rounds", type=int, default=3, help="with --cost: the least of so many counts")
    asked = parser.parse_args()
    lives = {name: messages(asked.recordings, name) for name in FILES}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "raw.jsonl"
        books = write(lives, path, asked.copies if asked.cost else 1)
        patterns = Patterns(path)
        if asked.cost:
            cost(patterns, books, asked.rounds)
            return
        rows = patterns.found()
        orders = patterns.large_orders_gone()
    # No alert is made of the control: it stands beside what it is the control of.
    rows += [{**order, "rule": CONTROL} for order in orders if order["same_filled"]]
    counts = Counter((row["rule"], row["side"], row["symbol"]) for row in rows)
    for rule, side in sorted({(rule, side) for rule, side, _ in counts}, key=str):
        print(f"{rule:20} {side or '':4}", *(f"{name} {counts[rule, side, name]:3}" for name in FILES), sep="  ")
    print("large orders gone, by who was filled before")
    filled = Counter((order["symbol"], order["opposite_filled"], order["same_filled"]) for order in orders)
    for label, opposite, same in FILLED:
        print(f"{label:25}", *(f"{name} {filled[name, opposite, same]:3}" for name in FILES), sep="  ")
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "matches.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    for file in plot(lives, rows, asked.out):
        print(file)


if __name__ == "__main__":
    main()
