"""A symbol's recent past for the charts: written by the one reader of the process, read by each session's cursor."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orderbook.messages import Metrics

BPS: Final = 10_000


@dataclass(frozen=True, slots=True)
class ChartPoint:
    """One moment of one symbol: mid in quote currency, imbalance_ratio, spread and the spread that alerts in bps."""

    event_time_ms: int
    mid: float | None
    imbalance: float | None
    spread_bps: float | None
    spread_alert_bps: float | None


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a session has read: the tape's epoch and the number of the next point. The default is before all."""

    epoch: int = -1
    next_number: int = 0


@dataclass(frozen=True, slots=True)
class Drained:
    """What a read gave: `restarted` says that the points replace everything read before, not add to it."""

    points: tuple[ChartPoint, ...]
    restarted: bool
    cursor: Cursor


def point_of(metrics: Metrics, spread_alert_multiplier: float) -> ChartPoint:
    """The chart's view of a metrics row. The alerting spread is the baseline times the multiplier, in bps of mid."""
    alert_bps = None
    if metrics.spread_baseline is not None and metrics.mid:
        alert_bps = BPS * spread_alert_multiplier * metrics.spread_baseline / metrics.mid
    return ChartPoint(metrics.event_time_ms, metrics.mid, metrics.imbalance_ratio, metrics.spread_bps, alert_bps)


class Tape:
    """The last points of one symbol, oldest first, at most `capacity`. Safe for one writer and many readers.

    It holds one venue's records in the order of their event time: a row of another venue, or one that goes back in
    time, starts it afresh, so that a line never joins a simulated price to a real one.
    """

    def __init__(self, capacity: int, spread_alert_multiplier: float) -> None:
        self._capacity = capacity
        self._multiplier = spread_alert_multiplier
        self._lock = threading.Lock()
        self._points: deque[ChartPoint] = deque(maxlen=capacity)
        self._epoch = 0
        self._written = 0
        self._venue: str | None = None

    @property
    def epoch(self) -> int:
        """Counts how often the tape was rewritten rather than continued."""
        with self._lock:
            return self._epoch

    def start(self) -> tuple[str, int] | None:
        """The venue and the event time (milliseconds) of the oldest point; None while empty."""
        with self._lock:
            if not self._points or self._venue is None:
                return None
            return self._venue, self._points[0].event_time_ms

    def append(self, rows: Iterable[Metrics]) -> None:
        """Continue with metrics rows in their order."""
        with self._lock:
            for row in rows:
                newest = self._points[-1].event_time_ms if self._points else None
                if row.venue != self._venue or (newest is not None and row.event_time_ms < newest):
                    self._restart()
                    self._venue = row.venue
                self._points.append(point_of(row, self._multiplier))
                self._written += 1

    def replace(self, rows: Iterable[Metrics]) -> None:
        """Forget everything and continue with these rows."""
        with self._lock:
            self._restart()
        self.append(rows)

    def put_before(self, points: Sequence[ChartPoint], epoch: int) -> int | None:
        """Put older points before the oldest one; return the epoch that now holds them.

        None, and nothing changed, when the tape was rewritten since `epoch` was read.
        """
        with self._lock:
            if epoch != self._epoch or not self._points:
                return None
            if not points:
                return self._epoch
            oldest = self._points[0].event_time_ms
            older = [point for point in points if point.event_time_ms < oldest]
            together = [*older, *self._points]
            self._restart()
            self._points.extend(together)
            self._written = len(self._points)
            return self._epoch

    def drain(self, cursor: Cursor) -> Drained:
        """The points after the cursor, and the cursor behind them."""
        with self._lock:
            first_number = self._written - len(self._points)
            restarted = cursor.epoch != self._epoch or cursor.next_number < first_number
            skip = 0 if restarted else cursor.next_number - first_number
            points = tuple(islice(self._points, skip, None))
            return Drained(points, restarted, Cursor(self._epoch, self._written))

    def _restart(self) -> None:
        self._points.clear()
        self._written = 0
        self._epoch += 1
