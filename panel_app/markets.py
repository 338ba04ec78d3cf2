"""What is known of each symbol at one moment, and whether its numbers may be believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from panel_app import words
from panel_app.pressure import Pressing, PressureClock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orderbook.alerts import Thresholds
    from orderbook.messages import Heartbeat, Metrics

Trust = Literal["LIVE", "SYNCING", "RESYNCING", "STALE", "UNVERIFIED", "NO DATA"]

LATE_MS: Final = 5_000
"""A heartbeat comes each second; one or a metrics row older than this is late, and nothing late is shown as current."""

CLOCK_TOLERANCE_MS: Final = 10_000
"""Event times further than this from the machine's clock belong to another time: a recording."""

TRUSTS: Final[dict[str, Trust]] = {
    "live": "LIVE",
    "syncing": "SYNCING",
    "resyncing": "RESYNCING",
    "stale": "STALE",
    "unverified": "UNVERIFIED",
}


@dataclass(frozen=True, slots=True)
class Market:
    """One symbol at one moment. Times are milliseconds of the machine's clock unless they say event time.

    `seen_ms`: when the newest metrics row came, also after it has expired; None when that is not known.
    `current`: the numbers describe the market now. `current_until_ms`: when they stop to, if nothing else comes.
    `quiet`: no row has come lately, and a heartbeat confirms that the book has not changed since.
    `behind`: the book has moved on and no metrics row has followed in time.
    `clock_offset_ms`: what to add to the symbol's event times to get the machine's clock.
    """

    symbol: str
    venue: str | None
    metrics: Metrics | None
    heartbeat: Heartbeat | None
    seen_ms: int | None
    heartbeat_seen_ms: int | None
    trust: Trust
    reason: str
    current: bool
    current_until_ms: int
    quiet: bool
    behind: bool
    pressing: Pressing | None
    clock_offset_ms: int

    def heartbeat_is_fresh(self, now_ms: int) -> bool:
        """Whether ingest has given a sign of life for this symbol within the time allowed."""
        return self.heartbeat_seen_ms is not None and now_ms - self.heartbeat_seen_ms <= LATE_MS


class _Arrival:
    """When the newest record of one kind came.

    Its receive time says so, except for a recording, whose receive times are those of the day it was made: there it
    is the moment the record was first seen here, and unknown for the one that was there at the start.
    """

    def __init__(self) -> None:
        self._identity: tuple[str, int, int] | None = None
        self.seen_ms: int | None = None

    def observe(self, record: Metrics | Heartbeat, now_ms: int) -> None:
        identity = (record.venue, record.event_time_ms, record.receive_time_ms)
        if record.venue != "recording":
            self.seen_ms = min(now_ms, record.receive_time_ms)
        elif identity != self._identity:
            self.seen_ms = None if self._identity is None else now_ms
        self._identity = identity


class MarketTracker:
    """Follows one symbol through the successive looks at Redis."""

    def __init__(self, symbol: str, thresholds: Thresholds) -> None:
        self._symbol = symbol
        self._metrics_arrival = _Arrival()
        self._heartbeat_arrival = _Arrival()
        self._clock = PressureClock(thresholds)
        self._pressing: Pressing | None = None
        self._venue: str | None = None
        self._newest: Metrics | None = None

    def observe(self, metrics: Metrics | None, heartbeat: Heartbeat | None, now_ms: int) -> Market:
        """Take in what Redis holds now; None where a key is missing or has expired.

        A row that expired in a quiet market still describes its book, and is kept while heartbeats confirm that.
        """
        if metrics is None and _is_same_book(self._newest, heartbeat):
            metrics = self._newest
        self._newest = metrics or self._newest
        if metrics is not None:
            self._metrics_arrival.observe(metrics, now_ms)
            self._pressing = self._clock.observe(metrics.event_time_ms, metrics.imbalance_ratio)
        if heartbeat is not None:
            self._heartbeat_arrival.observe(heartbeat, now_ms)
        self._venue = _venue_of(metrics, heartbeat) or self._venue
        seen_ms = self._metrics_arrival.seen_ms
        heartbeat_seen_ms = self._heartbeat_arrival.seen_ms
        trust, reason = _trust(heartbeat, heartbeat_seen_ms, now_ms)
        same_book = _is_same_book(metrics, heartbeat)
        in_time = seen_ms is not None and now_ms - seen_ms <= LATE_MS
        known = trust == "LIVE" and metrics is not None and seen_ms is not None
        current_until_ms = 0
        if heartbeat_seen_ms is not None and seen_ms is not None:
            current_until_ms = heartbeat_seen_ms + LATE_MS
            if not same_book:
                current_until_ms = min(current_until_ms, seen_ms + LATE_MS)
        return Market(
            symbol=self._symbol,
            venue=self._venue,
            metrics=metrics,
            heartbeat=heartbeat,
            seen_ms=seen_ms,
            heartbeat_seen_ms=heartbeat_seen_ms,
            trust=trust,
            reason=reason,
            current=known and (in_time or same_book),
            current_until_ms=current_until_ms,
            quiet=known and not in_time and same_book,
            behind=(
                trust == "LIVE"
                and heartbeat is not None
                and heartbeat.update_id is not None
                and not same_book
                and not in_time
                and (metrics is None or seen_ms is not None)
            ),
            pressing=self._pressing if metrics is not None else None,
            clock_offset_ms=_clock_offset(metrics, seen_ms),
        )


class Markets:
    """A tracker for each symbol that is followed, in the order in which they are listed."""

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._trackers: dict[str, MarketTracker] = {}

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols that are followed."""
        return tuple(self._trackers)

    def __contains__(self, symbol: str) -> bool:
        """Whether the symbol is followed."""
        return symbol in self._trackers

    def follow(self, symbols: tuple[str, ...]) -> None:
        """Follow these; one that stays keeps what is known of it, one that was away begins anew."""
        before = self._trackers
        self._trackers = {symbol: before.get(symbol) or MarketTracker(symbol, self._thresholds) for symbol in symbols}

    def observe(
        self, metrics: Mapping[str, Metrics], heartbeats: Mapping[str, Heartbeat], now_ms: int
    ) -> tuple[Market, ...]:
        """Take in what Redis holds, by symbol; return the market of every symbol that is followed."""
        return tuple(
            tracker.observe(metrics.get(symbol), heartbeats.get(symbol), now_ms)
            for symbol, tracker in self._trackers.items()
        )


def _is_same_book(metrics: Metrics | None, heartbeat: Heartbeat | None) -> bool:
    """Whether the metrics describe the very book that the heartbeat speaks of."""
    return (
        metrics is not None
        and heartbeat is not None
        and metrics.venue == heartbeat.venue
        and metrics.update_id == heartbeat.update_id
    )


def _venue_of(metrics: Metrics | None, heartbeat: Heartbeat | None) -> str | None:
    """The venue of the record that was received last."""
    if metrics is None or heartbeat is None:
        record = metrics or heartbeat
        return None if record is None else record.venue
    return metrics.venue if metrics.receive_time_ms >= heartbeat.receive_time_ms else heartbeat.venue


def _trust(heartbeat: Heartbeat | None, seen_ms: int | None, now_ms: int) -> tuple[Trust, str]:
    """What to believe of the book, and why: the heartbeat's word while it is fresh."""
    if heartbeat is None:
        return "NO DATA", "no heartbeat"
    if seen_ms is None:
        return "STALE", "waiting for the next heartbeat"
    if now_ms - seen_ms > LATE_MS:
        return "STALE", f"no heartbeat since {words.utc_time(seen_ms)}"
    return TRUSTS[heartbeat.state], heartbeat.reason or heartbeat.cause or ""


def _clock_offset(metrics: Metrics | None, seen_ms: int | None) -> int:
    if metrics is None or seen_ms is None:
        return 0
    offset = seen_ms - metrics.event_time_ms
    return 0 if abs(offset) <= CLOCK_TOLERANCE_MS else round(offset, -3)
