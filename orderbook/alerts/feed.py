"""How long a symbol's book has not been live, told by what broke it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from orderbook.alerts.values import FEED_STALE_S, FEED_VALUE_OF_CAUSE

if TYPE_CHECKING:
    from orderbook.alerts.episode import Doubt
    from orderbook.alerts.record import AlertRecord


class Stretch(msgspec.Struct, frozen=True, array_like=True):
    """A stretch of records that were not live: since when, and the feed value it counts for (empty: for none)."""

    since_ms: int
    value: str = ""

    def seconds(self, time_ms: int) -> float:
        """Return how long it has lasted at a record, that record's own millisecond included: more than 0."""
        return (time_ms - self.since_ms + 1) / 1000


def follow(stretch: Stretch | None, record: AlertRecord) -> Stretch | None:
    """Return the stretch that lasts at a record, None where the book is live.

    A stretch keeps the feed value that it first counted for: one that began by an ordinary start counts for none until
    another cause is named.
    """
    if record.untrusted is None:
        return None
    if stretch is not None and stretch.value:
        return stretch
    value = FEED_VALUE_OF_CAUSE.get(record.cause or "", "")
    return Stretch(record.event_time_ms, value) if stretch is None or value else stretch


def doubt_of(record: AlertRecord) -> Doubt:
    """Return how an untrusted record is told: as missing data, or as a book that cannot be believed."""
    return "NODATA" if FEED_VALUE_OF_CAUSE.get(record.cause or "") == FEED_STALE_S else "SUPPRESSED"
