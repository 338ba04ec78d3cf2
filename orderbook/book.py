"""A local order book: the levels of one market, kept exactly as the exchange states them."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from math import isfinite

from orderbook.market import Level


class ImpossibleLevel(ValueError):
    """A level that no market can have: a price that is not positive and finite, or a negative quantity."""


class LocalBook:
    """All levels of both sides.

    A dict of levels a side and a sorted list of their keys with the best LAST, so that the busy end of the list is
    the cheap one to change. Keys are the price for bids and the negated price for asks.
    """

    __slots__ = ("_ask_keys", "_asks", "_bid_keys", "_bids")

    def __init__(self) -> None:
        self._bids: dict[float, float] = {}
        self._asks: dict[float, float] = {}
        self._bid_keys: list[float] = []
        self._ask_keys: list[float] = []

    def replace(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Forget every level and hold these instead; raises ImpossibleLevel."""
        self._bids, self._asks, self._bid_keys, self._ask_keys = {}, {}, [], []
        self.apply(bids, asks)

    def apply(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Set or remove levels, by price and never by position; removing an absent level is normal.

        Raises ImpossibleLevel; the book is then not to be used any more.
        """
        _apply(self._bids, self._bid_keys, bids, 1.0)
        _apply(self._asks, self._ask_keys, asks, -1.0)

    @property
    def best_bid(self) -> Level | None:
        """(price, quantity) of the highest bid; None when there is none."""
        if not self._bid_keys:
            return None
        price = self._bid_keys[-1]
        return price, self._bids[price]

    @property
    def best_ask(self) -> Level | None:
        """(price, quantity) of the lowest ask; None when there is none."""
        if not self._ask_keys:
            return None
        price = -self._ask_keys[-1]
        return price, self._asks[price]

    @property
    def best(self) -> tuple[float, float, float, float] | None:
        """Bid price, bid quantity, ask price, ask quantity of the touch; None when a side is empty."""
        if not (self._bid_keys and self._ask_keys):
            return None
        bid, ask = self._bid_keys[-1], -self._ask_keys[-1]
        return bid, self._bids[bid], ask, self._asks[ask]

    def bid_price_at(self, rank: int) -> float | None:
        """Price of the bid of a rank, 0 being the best; None when there are fewer."""
        keys = self._bid_keys
        return keys[-1 - rank] if rank < len(keys) else None

    def ask_price_at(self, rank: int) -> float | None:
        """Price of the ask of a rank, 0 being the best; None when there are fewer."""
        keys = self._ask_keys
        return -keys[-1 - rank] if rank < len(keys) else None

    @property
    def crossed(self) -> bool:
        """True when the best bid is at or above the best ask, which no book of an open market is."""
        return bool(self._bid_keys and self._ask_keys) and self._bid_keys[-1] >= -self._ask_keys[-1]

    def top_bids(self, levels: int) -> tuple[list[float], list[float]]:
        """Prices and quantities of the highest bids, best first, at most `levels`."""
        prices = self._bid_keys[: -levels - 1 : -1]
        return prices, [self._bids[price] for price in prices]

    def top_asks(self, levels: int) -> tuple[list[float], list[float]]:
        """Prices and quantities of the lowest asks, best first, at most `levels`."""
        prices = [-key for key in self._ask_keys[: -levels - 1 : -1]]
        return prices, [self._asks[price] for price in prices]


def _apply(levels: dict[float, float], keys: list[float], changes: Iterable[Level], sign: float) -> None:
    for price, quantity in changes:
        if not (price > 0.0 and quantity >= 0.0 and isfinite(price) and isfinite(quantity)):
            raise ImpossibleLevel(f"a level of price {price} and quantity {quantity} cannot exist")
        if quantity == 0.0:
            if levels.pop(price, None) is not None:
                del keys[bisect_left(keys, sign * price)]
        else:
            if price not in levels:
                insort(keys, sign * price)
            levels[price] = quantity
