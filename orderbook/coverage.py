"""How far a book is verified: a snapshot holds so many levels a side, and beyond its last one anything may lie.

Inside, every level is known: the snapshot had it or a diff has set it since. Outside, only what diffs have touched is.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from orderbook.book import LocalBook
from orderbook.market import Snapshot

BPS = 10_000


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

    def reach_bps(self, mid: float) -> tuple[float | None, float | None]:
        """Return how far below and above `mid` each side is known, in basis points of it; None: all of it.

        Negative where the price has left the verified part.
        """
        bid = None if self.lowest_bid == 0.0 else round((1 - self.lowest_bid / mid) * BPS, 2)
        ask = None if self.highest_ask == inf else round((self.highest_ask / mid - 1) * BPS, 2)
        return bid, ask


WHOLE = Coverage(0.0, inf)


def reaches_beyond(edge: Coverage, book: LocalBook, rank: int) -> bool:
    """Whether the level of a rank (0: the best) of either side is outside what is verified, or is missing."""
    if edge.lowest_bid > 0.0:
        bid = book.bid_price_at(rank)
        if bid is None or bid < edge.lowest_bid:
            return True
    if edge.highest_ask < inf:
        ask = book.ask_price_at(rank)
        return ask is None or ask > edge.highest_ask
    return False
