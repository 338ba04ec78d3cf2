"""A symbol's records put together again in the order of their Kafka offsets.

Books pass an operator (the spread's rolling mean) that heartbeats do not, so either may reach the alerts before the
other, while each kind keeps its order. A heartbeat is therefore held until a book with a later offset arrives or, where
the market is silent, until the watermark passes it: then every book before it has arrived. A book never waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from orderbook.alerts import AlertRecord

if TYPE_CHECKING:
    from collections.abc import Sequence


class HeldHeartbeat(msgspec.Struct, frozen=True, array_like=True):
    """A heartbeat that waits until every earlier record of its symbol was seen."""

    offset: int
    venue: str
    event_time_ms: int
    untrusted: str | None

    def record_of(self, symbol: str) -> AlertRecord:
        """Return it as the alerts read it."""
        return AlertRecord(self.venue, symbol, self.event_time_ms, untrusted=self.untrusted)


Held = tuple[HeldHeartbeat, ...]


def before_book(held: Held, offset: int, book: AlertRecord) -> tuple[Held, Sequence[AlertRecord]]:
    """Return what is still held, and the records to observe now: the heartbeats before the book, and the book."""
    due = [heartbeat.record_of(book.symbol) for heartbeat in held if heartbeat.offset < offset]
    return held[len(due) :], (*due, book)


def up_to_watermark(held: Held, watermark_ms: int, symbol: str) -> tuple[Held, Sequence[AlertRecord]]:
    """Return what is still held, and the heartbeats to observe now: those the watermark has passed."""
    due = [heartbeat.record_of(symbol) for heartbeat in held if heartbeat.event_time_ms <= watermark_ms]
    return held[len(due) :], due
