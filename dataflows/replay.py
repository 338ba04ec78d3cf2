"""`python -m dataflows.replay FILE... --speed N|max`: a recording through the running stack.

It takes the place of the ingest: the same book code, topics and job. It ends when the job has closed the last window
of every symbol. Start the stack with FEED=recording, so that no live feed writes into the same topics.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from bytewax.run import cli_main
from confluent_kafka import Consumer, TopicPartition
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from connectors.binance.arrivals import NS_PER_MS
from connectors.recordings.files import read, summarise
from connectors.recordings.source import WINDOW_MS, RecordingSource, Speed
from dataflows.ingest import build, refuse_newer_events
from orderbook.errors import OrderbookError, ServiceUnavailable, SettingsError, UnreadableMessage
from orderbook.keeper import BookKeeper
from orderbook.messages import decode_window
from orderbook.settings import Settings, load_settings
from orderbook.topics import Topics
from runtime.logs import configure_logs

LAST_WINDOW_TIMEOUT_S: Final = 120.0
KAFKA_TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay sent: books, gaps and oracle mismatches over all symbols, and the end of each last window, ms."""

    books: int
    gaps: int
    oracle_checks: int
    oracle_mismatches: int
    last_window_end_ms: dict[str, int]


def replay(files: tuple[Path, ...], speed: Speed, settings: Settings, progress: Progress) -> Replayed:
    """Send the recording and wait until the job has closed its last windows.

    Raises SettingsError when the recording cannot be read or the topics hold newer events, DeliveryFailed and
    ServiceUnavailable when a part of the stack does not answer.
    """
    summary = summarise(files)
    refuse_newer_events(settings, summary)
    processed = Topics(settings.topic_prefix).processed
    watched = _ProcessedTopic(settings.kafka_bootstrap_servers, processed)
    span = _receive_span(files)
    task = progress.add_task("replaying", total=span[1] - span[0])
    keepers: tuple[BookKeeper, ...] = ()

    def moved(reached_ms: int, now: tuple[BookKeeper, ...]) -> None:
        nonlocal keepers
        keepers = now
        progress.update(task, completed=reached_ms - span[0])

    source = RecordingSource(
        files,
        summary,
        speed=speed,
        depth_levels=settings.depth_levels,
        watermark_delay_ms=settings.watermark_delay_ms,
        progress=moved,
    )
    try:
        cli_main(build(settings, source, summary.symbols))  # type: ignore[no-untyped-call]  # Bytewax's stub names no types
        last_window_end_ms = {
            keeper.symbol: (keeper.last_book_time_ms // WINDOW_MS + 1) * WINDOW_MS
            for keeper in keepers
            if keeper.last_book_time_ms is not None
        }
        waiting = progress.add_task("closing the last windows", total=len(last_window_end_ms))
        watched.wait_for(last_window_end_ms, lambda closed: progress.update(waiting, completed=closed))
    finally:
        watched.close()
    counters = [keeper.counters for keeper in keepers]
    oracles = [keeper.oracle for keeper in keepers]
    return Replayed(
        books=sum(counter.books for counter in counters),
        gaps=sum(counter.gaps for counter in counters),
        oracle_checks=sum(oracle.checks for oracle in oracles),
        oracle_mismatches=sum(oracle.mismatches for oracle in oracles),
        last_window_end_ms=last_window_end_ms,
    )


class _ProcessedTopic:
    """The windows that the job closes from now on."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        self._consumer = Consumer(
            {"bootstrap.servers": bootstrap_servers, "group.id": "orderbook-replay", "enable.auto.commit": False}
        )
        partitions = self._consumer.list_topics(topic, timeout=KAFKA_TIMEOUT_S).topics[topic].partitions
        self._consumer.assign(
            [
                TopicPartition(
                    topic,
                    number,
                    self._consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=KAFKA_TIMEOUT_S)[1],
                )
                for number in partitions
            ]
        )

    def wait_for(self, ends_ms: dict[str, int], closed: Callable[[int], None]) -> None:
        """Return when a second that ends at the given time or later was closed for every symbol.

        Raises ServiceUnavailable after two minutes without any window.
        """
        open_ends = dict(ends_ms)
        quiet_since = time.monotonic()
        while open_ends:
            message = self._consumer.poll(0.2)
            value = None if message is None or message.error() else message.value()
            if not isinstance(value, bytes):
                if time.monotonic() - quiet_since > LAST_WINDOW_TIMEOUT_S:
                    raise ServiceUnavailable(
                        f"the job closed no window for {LAST_WINDOW_TIMEOUT_S:.0f} s while the last ones of "
                        f"{', '.join(sorted(open_ends))} were awaited: is it running?"
                    )
                continue
            quiet_since = time.monotonic()
            try:
                window = decode_window(value)
            except UnreadableMessage:
                continue
            if window.window_ms == WINDOW_MS and window.window_end_ms >= open_ends.get(window.symbol, sys.maxsize):
                del open_ends[window.symbol]
                closed(len(ends_ms) - len(open_ends))

    def close(self) -> None:
        self._consumer.close()


def _receive_span(files: tuple[Path, ...]) -> tuple[int, int]:
    """First and last receive time of the recording, ms."""
    first = last = None
    for recorded in read(files):
        last = recorded.receive_time_ns // NS_PER_MS
        first = last if first is None else first
    return first or 0, last or 0


def _speed(text: str) -> Speed:
    if text == "max":
        return "max"
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not speed > 0:
        raise SettingsError(f"--speed {text} is refused: use a number above 0, or max")
    return speed


def send(files: list[Path], speed: str) -> None:
    """Replay with the settings in force, with a progress bar, and say what was sent; raises as `replay` does."""
    console = Console(stderr=True)
    settings = load_settings()
    configure_logs(level="warning", form=settings.log_format)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        done = replay(tuple(files), _speed(speed), settings, progress)
    console.print(
        f"{done.books} books sent, {done.gaps} gaps, {done.oracle_mismatches} mismatches in {done.oracle_checks} "
        f"comparisons with the exchange's best quotes; the last windows of {', '.join(done.last_window_end_ms)} "
        "are closed.",
        highlight=False,
        soft_wrap=True,
    )


def main(
    files: Annotated[list[Path], typer.Argument(help="Files, or folders of segments; together, one recording.")],
    speed: Annotated[str, typer.Option(help="1 is as recorded; max is flat out.")] = "1",
) -> None:
    """Send a recording through the running stack and wait until its last window is closed."""
    try:
        send(files, speed)
    except OrderbookError as refused:
        Console(stderr=True).print(str(refused), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    typer.run(main)
