"""Which topic and partition a message of the ingest goes to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from connectors.kafka.sink import OutRecord
from dataflows.partition_clock import PartitionClock
from orderbook.messages import Book, DeadLetter, FeedGap, Heartbeat, IngestMessage, Trade, encode
from orderbook.settings import Settings
from orderbook.topics import Topics, partition_of
from runtime.logs import get_logger

UNCOVERED_AFTER_MS: Final = 3000
"""Every symbol has a heartbeat a second: a partition without records for so long has no symbol, or none any more."""
TOLD_EVERY_MS: Final = 10_000

log = get_logger("routing")


def router(settings: Settings, symbols: Iterable[str]) -> Callable[[IngestMessage], list[OutRecord]]:
    """Return the function that turns a message into the records to write, one nearly always, two of a heartbeat.

    `symbols` are followed from the start; others may appear and disappear. A clock heartbeat (empty symbol) becomes two
    records for each partition that no symbol lives in at its time.
    """
    return _Router(settings, symbols).route


class _Router:
    def __init__(self, settings: Settings, symbols: Iterable[str]) -> None:
        self._topics = Topics(settings.topic_prefix)
        self._partitions = settings.topic_partitions
        self._partition = {symbol: partition_of(symbol, self._partitions) for symbol in symbols}
        self._expected = set(self._partition.values())
        self._written_ms: dict[int, int] = {}
        self._clock = PartitionClock(settings.watermark_delay_ms)
        self._told_ms: int | None = None
        self._told = 0

    def route(self, message: IngestMessage) -> list[OutRecord]:
        """The records of one message."""
        match message:
            case DeadLetter():
                return [OutRecord(self._topics.dead_letter, None, encode(message))]
            case Trade():
                number = self._partition_of(message.symbol)
                return [OutRecord(self._topics.trades, message.symbol.encode(), encode(message), number)]
            case Heartbeat(symbol=""):
                uncovered = self._uncovered(message.receive_time_ms)
                return [record for number in uncovered for record in self._heartbeat(message, number)]
            case raw:
                number = self._partition_of(raw.symbol)
                self._written_ms[number] = raw.receive_time_ms
                return self._heartbeat(raw, number) if isinstance(raw, Heartbeat) else [self._raw(raw, number)]

    def _heartbeat(self, message: Heartbeat, number: int) -> list[OutRecord]:
        """On both topics: it moves the event time of topic trades too, where nothing may be traded for long."""
        of_raw = self._raw(message, number)
        return [of_raw, OutRecord(self._topics.trades, of_raw.key, of_raw.value, number)]

    def _raw(self, message: Book | Heartbeat | FeedGap, number: int) -> OutRecord:
        admitted = self._clock.admit(number, message)
        if self._clock.moved > self._told:
            self._tell(message.receive_time_ms)
        return OutRecord(self._topics.raw, message.symbol.encode(), encode(admitted), number)

    def _partition_of(self, symbol: str) -> int:
        number = self._partition.get(symbol)
        if number is None:
            number = self._partition[symbol] = partition_of(symbol, self._partitions)
        return number

    def _uncovered(self, now_ms: int) -> list[int]:
        """The partitions that no symbol's record went to lately. At first those of `symbols` count as written to."""
        for number in self._expected:
            self._written_ms.setdefault(number, now_ms)
        self._expected.clear()
        return [
            number
            for number in range(self._partitions)
            if number not in self._written_ms or abs(now_ms - self._written_ms[number]) > UNCOVERED_AFTER_MS
        ]

    def _tell(self, now_ms: int) -> None:
        if self._told_ms is None or now_ms - self._told_ms >= TOLD_EVERY_MS:
            log.warning("event_times_moved", records=self._clock.moved - self._told)
            self._told_ms, self._told = now_ms, self._clock.moved
