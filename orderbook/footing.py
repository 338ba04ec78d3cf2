"""What a followed book stands on: its newest snapshot, how far that verifies it, and when a newer one is wanted."""

from __future__ import annotations

from typing import Final

from orderbook.book import Top
from orderbook.coverage import WHOLE, Coverage, Reach
from orderbook.refresh import Merged, Refresh
from orderbook.sequence import SequenceRules

KEPT_DIFFS: Final = 100
"""Diffs kept under a live book that waits for a newer snapshot, 10 s: that is how old one may be when it arrives."""
REST_MS_A_LEVEL: Final = 10
"""Least time between two refreshes, for each level of the snapshot, since its weight grows with its levels.

So a book near the edge of a shallow one soon has another, and one near the edge of a deep one costs no more than that.
"""
DEEP: Final = 1000
"""Levels a snapshot is taken to have where it does not say."""


class Footing:
    """The snapshot under one book. Times in milliseconds of the receive clock."""

    __slots__ = (
        "_covered_mid",
        "_rest_ms",
        "_rests_until_ms",
        "coverage",
        "coverage_bps",
        "refresh",
        "snapshot_time_ms",
    )

    def __init__(self) -> None:
        self.coverage: Coverage = WHOLE
        self.coverage_bps: tuple[float | None, float | None] = (None, None)
        self.snapshot_time_ms: int | None = None
        self.refresh: Refresh | None = None
        self._covered_mid: float | None = None
        self._rest_ms = 0
        self._rests_until_ms = 0

    @property
    def wants_snapshot(self) -> bool:
        """True while a newer snapshot is wanted and not here."""
        return self.refresh is not None and self.refresh.wants_snapshot

    def age_ms(self, receive_time_ms: int) -> int | None:
        """How old the snapshot is; None before the first."""
        return None if self.snapshot_time_ms is None else receive_time_ms - self.snapshot_time_ms

    def stands_on(self, coverage: Coverage, limit: int | None, receive_time_ms: int) -> None:
        """The book stands on a snapshot of at most `limit` levels a side from now on."""
        self.refresh = None
        self.coverage = coverage
        self.coverage_bps = (None, None)
        self.snapshot_time_ms = receive_time_ms
        self._covered_mid = None
        self._rest_ms = REST_MS_A_LEVEL * (DEEP if limit is None else limit)
        self._rests_until_ms = receive_time_ms + self._rest_ms

    def reach(self, top: Top, mid: float | None, levels: int) -> Reach:
        """Return where the best `levels` levels lie, and note how far from `mid` each side is verified."""
        coverage = self.coverage
        if coverage is WHOLE:
            return "far"
        if mid is not None and mid != self._covered_mid:
            self._covered_mid = mid
            self.coverage_bps = coverage.reach_bps(mid)
        return coverage.reach(top, levels)

    def want_newer(self, reach: Reach, rules: SequenceRules, receive_time_ms: int) -> None:
        """Want a newer snapshot where the levels near the edge; after the last one's rest, but at once beyond it."""
        if reach == "far" or self.refresh is not None:
            return
        # A wait longer than the rest is none: the receive clock went back.
        rests = 0 < self._rests_until_ms - receive_time_ms <= self._rest_ms
        if reach == "beyond" or not rests:
            self.refresh = Refresh(rules, KEPT_DIFFS)

    def merged(self, update_id: int | None, receive_time_ms: int) -> Merged | None:
        """Return the book on the newer snapshot as soon as that can be made; raises ImpossibleLevel."""
        if self.refresh is None or update_id is None:
            return None
        return self.refresh.merged(update_id, receive_time_ms)
