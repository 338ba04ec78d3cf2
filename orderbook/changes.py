"""The largest changes of a diff behind the touch: what was added most to one level of a side, and taken off one.

Ten bps reach far beyond the published levels, so this is told by who holds them all. Only the largest of a diff is
told, as everything else about a book is told once a diff.
"""

from __future__ import annotations

from math import inf
from typing import Final, NamedTuple

from orderbook.activity import Activity
from orderbook.book import NOWHERE, SideChange, Zone
from orderbook.coverage import BPS, Coverage

NEAREST_BPS: Final = 0.5
"""How far behind the touch a level is at least, in basis points of the mid."""
FARTHEST_BPS: Final = 10.0
"""How far from the mid a level is at most."""

_ROUNDING: Final = 2.0**-49
"""A level on a bound is inside: bounds lie farther out by this share, more than rounding takes, less than any tick."""
_NEAREST: Final = NEAREST_BPS / BPS
_LOWEST: Final = (1 - FARTHEST_BPS / BPS) * (1 - _ROUNDING)
_HIGHEST: Final = (1 + FARTHEST_BPS / BPS) * (1 + _ROUNDING)


class LargestChanges(NamedTuple):
    """Of each side the level that was added most to and the one that was cut most: [price, quantity], or empty."""

    bid_add: list[float]
    bid_cut: list[float]
    ask_add: list[float]
    ask_cut: list[float]


UNTOLD: Final = LargestChanges([], [], [], [])
"""What stands with a book whose changes are not known, or that has none."""


class ChangeMeter:
    """Tells the largest changes of each diff of one symbol's book, in the zone that the book before it set."""

    __slots__ = ("_best", "_coverage", "zone")

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Nothing is told of the next diff: what it changes is not known to be what changed since the last book."""
        self.zone: Zone = NOWHERE
        self._best = (0.0, inf)
        self._coverage: Coverage | None = None

    def told(
        self,
        changed: tuple[SideChange, SideChange],
        best: tuple[float, float, float, float] | None,
        coverage: Coverage,
        activity: Activity,
    ) -> LargestChanges:
        """Return what applying a diff within `zone` changed most, and set the zone of the next one.

        `best` is the touch after the diff, None while a side is empty. What is not behind it any more is left out, and
        so is a cut of a level that a trade since the last book has reached: it was taken, or may have been.
        """
        if best is None:
            self.forget()
            return UNTOLD
        bid, _, ask, _ = best
        bids, asks = changed
        told = UNTOLD
        if bids[0] or bids[2] or asks[0] or asks[2]:
            bid_add, bid_added, bid_cut, bid_taken_off = bids
            ask_add, ask_added, ask_cut, ask_taken_off = asks
            told = LargestChanges(
                [bid_add, bid_added] if 0.0 < bid_add < bid else [],
                [bid_cut, bid_taken_off] if 0.0 < bid_cut < bid and bid_cut < activity.lowest_sold else [],
                [ask_add, ask_added] if ask_add > ask else [],
                [ask_cut, ask_taken_off] if ask_cut > ask and ask_cut > activity.highest_bought else [],
            )
        if (bid, ask) != self._best or coverage is not self._coverage:
            self._best, self._coverage = (bid, ask), coverage
            mid = (bid + ask) / 2
            nearest = mid * _NEAREST
            self.zone = (
                max(mid * _LOWEST, coverage.lowest_bid),
                (bid - nearest) * (1 + _ROUNDING),
                (ask + nearest) * (1 - _ROUNDING),
                min(mid * _HIGHEST, coverage.highest_ask),
            )
        return told
