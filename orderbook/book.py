"""A local order book: the levels of one market, kept exactly as the exchange states them.

Why floats are exact keys: conversion from decimal is correctly rounded, so equal numbers become the same float however
they are spelled ("1.1", "1.10"), and numbers of at most 15 significant digits that differ become different floats, in
the same order. Binance states prices with at most 15 (8 decimals below 10,000,000).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from math import inf
from operator import neg
from typing import Final

from orderbook.market import Level

KEPT_NEAR: Final = 64
"""Levels of a side that are kept sorted at least; twice as many as were asked for, if that is more."""

SPARE: Final = 3
"""How many times the kept levels may be near before the surplus is put away: sorting is paid for seldom."""


class ImpossibleLevel(ValueError):
    """A level that no market can have: a price that is not positive and finite, or a negative quantity."""


class LocalBook:
    """All levels of both sides."""

    __slots__ = ("_asks", "_bids")

    def __init__(self) -> None:
        self._bids = _Side(1.0)
        self._asks = _Side(-1.0)

    def replace(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Forget every level and hold these instead; raises ImpossibleLevel."""
        self._bids, self._asks = _Side(1.0), _Side(-1.0)
        self.apply(bids, asks)

    def apply(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Set or remove levels, by price and never by position; removing an absent level is normal.

        Raises ImpossibleLevel; the book is then not to be used any more.
        """
        self._bids.apply(bids)
        self._asks.apply(asks)

    @property
    def best_bid(self) -> Level | None:
        """(price, quantity) of the highest bid; None when there is none."""
        bids = self._bids
        return (bids.keys[-1], bids.quantities[-1]) if bids.reach(1) else None

    @property
    def best_ask(self) -> Level | None:
        """(price, quantity) of the lowest ask; None when there is none."""
        asks = self._asks
        return (-asks.keys[-1], asks.quantities[-1]) if asks.reach(1) else None

    @property
    def best(self) -> tuple[float, float, float, float] | None:
        """(bid price, bid quantity, ask price, ask quantity) of the touch; None while a side is empty."""
        bids, asks = self._bids, self._asks
        if not (bids.reach(1) and asks.reach(1)):
            return None
        return bids.keys[-1], bids.quantities[-1], -asks.keys[-1], asks.quantities[-1]

    @property
    def crossed(self) -> bool:
        """True when the best bid is at or above the best ask, which no book of an open market is."""
        bids, asks = self._bids, self._asks
        return bids.reach(1) and asks.reach(1) and bids.keys[-1] >= -asks.keys[-1]

    @property
    def levels(self) -> tuple[int, int]:
        """How many levels there are: (bids, asks)."""
        return len(self._bids), len(self._asks)

    def top_bids(self, levels: int) -> tuple[list[float], list[float]]:
        """Prices and quantities of the highest bids, best first, at most `levels`."""
        bids = self._bids
        bids.reach(levels)
        return bids.keys[: -levels - 1 : -1], bids.quantities[: -levels - 1 : -1]

    def top_asks(self, levels: int) -> tuple[list[float], list[float]]:
        """Prices and quantities of the lowest asks, best first, at most `levels`."""
        asks = self._asks
        asks.reach(levels)
        return list(map(neg, asks.keys[: -levels - 1 : -1])), asks.quantities[: -levels - 1 : -1]

    def bid_price_at(self, rank: int) -> float | None:
        """Price of the bid that `rank` (>= 0) bids are better than; None when there are no more than `rank`."""
        return self._bids.keys[-1 - rank] if self._bids.reach(rank + 1) else None

    def ask_price_at(self, rank: int) -> float | None:
        """Price of the ask that `rank` (>= 0) asks are better than; None when there are no more than `rank`."""
        return -self._asks.keys[-1 - rank] if self._asks.reach(rank + 1) else None


class _Side:
    """The levels of one side, by keys that grow towards the touch: the price of a bid, the negated price of an ask.

    Levels whose key is at least `floor` are near: they stand in `keys` and `quantities`, sorted, with the best LAST, so
    that the busy end of the lists is the cheap one to change. Half of all changes are to levels far from the touch,
    which nobody looks at: those stand in a dict, unsorted, until the near ones do not suffice.
    """

    __slots__ = ("_far", "_floor", "_kept", "_sign", "keys", "quantities")

    def __init__(self, sign: float) -> None:
        self.keys: list[float] = []
        self.quantities: list[float] = []
        self._sign = sign
        self._far: dict[float, float] = {}
        self._floor = -inf
        self._kept = KEPT_NEAR

    def __len__(self) -> int:
        return len(self.keys) + len(self._far)

    def apply(self, changes: Iterable[Level]) -> None:
        """Set or remove levels; raises ImpossibleLevel."""
        sign, floor, keys, quantities, far = self._sign, self._floor, self.keys, self.quantities, self._far
        for price, quantity in changes:
            # Chained so that NaN, which compares to nothing, is refused as well.
            if not (0.0 < price < inf and 0.0 <= quantity < inf):
                raise ImpossibleLevel(f"a level of price {price} and quantity {quantity} cannot exist")
            key = sign * price
            if key < floor:
                if quantity:
                    far[key] = quantity
                else:
                    far.pop(key, None)
                continue
            position = bisect_left(keys, key)
            if position < len(keys) and keys[position] == key:
                if quantity:
                    quantities[position] = quantity
                else:
                    del keys[position], quantities[position]
            elif quantity:
                keys.insert(position, key)
                quantities.insert(position, quantity)
        if len(keys) > SPARE * self._kept:
            self._put_away(len(keys) - self._kept)

    def reach(self, levels: int) -> bool:
        """Make the best `levels` levels near; return whether there are as many."""
        if len(self.keys) >= levels:
            return True
        if self._far:
            self._fetch(levels)
        return len(self.keys) >= levels

    def _fetch(self, levels: int) -> None:
        """Sort the best of the far levels in below the near ones, so that `levels` or more are near."""
        self._kept = max(self._kept, 2 * levels)
        far = self._far
        fetched = sorted(far)[len(self.keys) - self._kept :]
        self.keys[:0] = fetched
        self.quantities[:0] = [far.pop(key) for key in fetched]
        self._floor = self.keys[0] if far else -inf

    def _put_away(self, surplus: int) -> None:
        """Make the worst `surplus` of the near levels far."""
        self._far.update(zip(self.keys[:surplus], self.quantities[:surplus], strict=True))
        del self.keys[:surplus], self.quantities[:surplus]
        self._floor = self.keys[0]
