"""How far a book is verified: a snapshot holds so many levels a side, and beyond its last one anything may lie.

Inside, every level is known: the snapshot had it or a diff has set it since. Outside, only what diffs have touched is.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Literal

from orderbook.book import Top
from orderbook.market import PartialBook, Snapshot

BPS = 10_000

Reach = Literal["far", "near", "beyond"]
"""Of the published levels from the edge of what is verified."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """The prices between which every level is known; 0 and infinity where a side is known whole."""

    lowest_bid: float
    highest_ask: float

    @classmethod
    def of(cls, snapshot: Snapshot) -> Coverage:
        """Return what a snapshot covers."""
        limit = snapshot.limit
        if limit is None or max(len(snapshot.bids), len(snapshot.asks)) < limit:
            return WHOLE
        return cls(
            min((price for price, _ in snapshot.bids), default=0.0) if len(snapshot.bids) >= limit else 0.0,
            max((price for price, _ in snapshot.asks), default=inf) if len(snapshot.asks) >= limit else inf,
        )

    @classmethod
    def of_partial(cls, partial: PartialBook) -> Coverage:
        """Return what a partial book covers: it is cut at some number of levels, which the longer side may have."""
        bids, asks = partial.bids, partial.asks
        return cls(
            min((price for price, _ in bids), default=0.0) if len(bids) >= len(asks) else 0.0,
            max((price for price, _ in asks), default=inf) if len(asks) >= len(bids) else inf,
        )

    def reach_bps(self, mid: float) -> tuple[float | None, float | None]:
        """Return how far below and above `mid` each side is known, in basis points of it; None: all of it.

        Negative where the price has left the verified part.
        """
        bid = None if self.lowest_bid == 0.0 else _hundredths((1 - self.lowest_bid / mid) * BPS)
        ask = None if self.highest_ask == inf else _hundredths((self.highest_ask / mid - 1) * BPS)
        return bid, ask

    def reach(self, top: Top, levels: int) -> Reach:
        """Return where the best `levels` levels of both sides lie: a missing one lies where its side is not known.

        `near`: as far again as from the touch to the last of them, the edge would be crossed.
        """
        bids, _, asks, _ = top
        lowest, highest = self.lowest_bid, self.highest_ask
        last_bid = bids[-1] if len(bids) >= levels else 0.0
        last_ask = asks[-1] if len(asks) >= levels else inf
        if last_bid < lowest or last_ask > highest:
            return "beyond"
        if (lowest and 2 * last_bid - bids[0] < lowest) or (highest < inf and 2 * last_ask - asks[0] > highest):
            return "near"
        return "far"


WHOLE = Coverage(0.0, inf)


def _hundredths(value: float) -> float:
    """Rounded to two decimals, five times as quick as `round`."""
    return (value * 100 + 0.5) // 1 / 100
