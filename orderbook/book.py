"""A local order book: the levels of one market, kept exactly as the exchange states them.

Why floats are exact keys: conversion from decimal is correctly rounded, so equal numbers become the same float however
they are spelled ("1.1", "1.10"), and numbers of at most 15 significant digits that differ become different floats, in
the same order. Binance states prices with at most 15 (8 decimals below 10,000,000).
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Iterable
from math import inf, ulp
from typing import Final, TypeAlias

from orderbook.market import Level

KEPT_NEAR: Final = 64
"""Levels of a side that are kept sorted at least; twice as many as were asked for, if that is more."""

SPARE: Final = 3
"""How many times the kept levels may be near before the surplus is put away: sorting is paid for seldom."""

_LOWEST: Final = ulp(0.0)
_HIGHEST: Final = sys.float_info.max


Top: TypeAlias = tuple[list[float], list[float], list[float], list[float]]
"""Bid prices, bid quantities, ask prices, ask quantities, best first."""


def best_of(top: Top) -> tuple[float, float, float, float] | None:
    """Return bid price, bid quantity, ask price, ask quantity of the touch; None when a side is empty."""
    bid_price, bid_qty, ask_price, ask_qty = top
    return (bid_price[0], bid_qty[0], ask_price[0], ask_qty[0]) if bid_price and ask_price else None


Zone: TypeAlias = tuple[float, float, float, float]
"""The lowest and the highest bid price, and the lowest and the highest ask price, whose changes are looked at."""

NOWHERE: Final[Zone] = (inf, -inf, inf, -inf)

SideChange: TypeAlias = tuple[float, float, float, float]
"""The price of the level that a diff added most to and how much, and of that which it took most off and how much.

Price 0 where there was none. One counts of those that are equal but for the rounding of a difference.
"""

UNCHANGED: Final[SideChange] = (0.0, 0.0, 0.0, 0.0)


class ImpossibleLevel(ValueError):
    """A level that no market can have: a price that is not positive and finite, or a negative quantity."""


class LocalBook:
    """All levels of both sides."""

    __slots__ = ("_asks", "_bids")

    def __init__(self) -> None:
        self._bids = _Bids()
        self._asks = _Asks()

    def replace(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Forget every level and hold these instead; raises ImpossibleLevel."""
        self._bids, self._asks = _Bids(), _Asks()
        self.apply(bids, asks)

    def apply(
        self, bids: Iterable[Level], asks: Iterable[Level], zone: Zone = NOWHERE
    ) -> tuple[SideChange, SideChange]:
        """Set or remove levels, by price and never by position; removing an absent level is normal.

        Returns the largest changes of bids and of asks within the zone. Raises ImpossibleLevel; the book is then not to
        be used any more.
        """
        if zone is NOWHERE:
            self._bids.apply(bids)
            self._asks.apply(asks)
            return UNCHANGED, UNCHANGED
        lowest_bid, highest_bid, lowest_ask, highest_ask = zone
        return self._bids.change(bids, lowest_bid, highest_bid), self._asks.change(asks, lowest_ask, highest_ask)

    @property
    def levels(self) -> tuple[int, int]:
        """How many levels there are: (bids, asks)."""
        return len(self._bids), len(self._asks)

    @property
    def bids(self) -> _Bids:
        """The bids themselves, to be read."""
        return self._bids

    @property
    def asks(self) -> _Asks:
        """The asks themselves, to be read."""
        return self._asks

    def top(self, levels: int) -> Top:
        """At most `levels` of each side."""
        bids, asks = self._bids, self._asks
        bids.reach(levels)
        asks.reach(levels)
        last = -levels - 1
        return bids.prices[:last:-1], bids.quantities[:last:-1], asks.prices[:levels], asks.quantities[:levels]


class _Side(ABC):
    """The levels of one side.

    Levels whose price is in [low, high] are near: from the touch and beyond it down to the last bid, or up to the last
    ask, that is kept sorted. They stand in `prices`, ascending, and `quantities`. Half of all changes are to levels far
    from the touch, which nobody looks at: those stand in a dict, unsorted, until the near ones do not suffice.
    """

    __slots__ = ("_far", "_high", "_kept", "_low", "prices", "quantities")

    def __init__(self) -> None:
        self.prices: list[float] = []
        self.quantities: list[float] = []
        self._low = _LOWEST
        self._high = _HIGHEST
        self._far: dict[float, float] = {}
        self._kept = KEPT_NEAR

    def __len__(self) -> int:
        return len(self.prices) + len(self._far)

    def apply(self, changes: Iterable[Level]) -> None:
        """Set or remove levels; raises ImpossibleLevel."""
        low, high, prices, quantities, far = self._low, self._high, self.prices, self.quantities, self._far
        for price, quantity in changes:
            # Both comparisons are written so that NaN, which compares to nothing, ends where it is refused.
            if not 0.0 <= quantity < inf:
                raise _impossible(price, quantity)
            if low <= price <= high:
                position = bisect_left(prices, price)
                if position < len(prices) and prices[position] == price:
                    if quantity:
                        quantities[position] = quantity
                    else:
                        del prices[position], quantities[position]
                elif quantity:
                    prices.insert(position, price)
                    quantities.insert(position, quantity)
            elif not 0.0 < price < inf:
                raise _impossible(price, quantity)
            elif quantity:
                far[price] = quantity
            else:
                far.pop(price, None)
        if len(prices) > SPARE * self._kept:
            self._put_away(len(prices) - self._kept)

    def change(  # noqa: C901, PLR0912 - a call a level would cost more than all of it
        self, changes: Iterable[Level], lowest: float, highest: float
    ) -> SideChange:
        """Do as `apply` does, and return the largest changes at prices in [lowest, highest]: a quarter dearer."""
        low, high, prices, quantities, far = self._low, self._high, self.prices, self.quantities, self._far
        most = least = add_price = cut_price = 0.0
        for price, quantity in changes:
            if not 0.0 <= quantity < inf:
                raise _impossible(price, quantity)
            if low <= price <= high:
                position = bisect_left(prices, price)
                if position < len(prices) and prices[position] == price:
                    change = quantity - quantities[position]
                    if quantity:
                        quantities[position] = quantity
                    else:
                        del prices[position], quantities[position]
                elif quantity:
                    change = quantity
                    prices.insert(position, price)
                    quantities.insert(position, quantity)
                else:
                    continue
            elif not 0.0 < price < inf:
                raise _impossible(price, quantity)
            elif quantity:
                change = quantity - far.get(price, 0.0)
                far[price] = quantity
            else:
                change = -far.pop(price, 0.0)
            if change > most:
                if lowest <= price <= highest:
                    most, add_price = change, price
            elif change < least and lowest <= price <= highest:
                least, cut_price = change, price
        if len(prices) > SPARE * self._kept:
            self._put_away(len(prices) - self._kept)
        return add_price, most, cut_price, -least

    def far_levels(self, lowest: float, highest: float) -> list[Level]:
        """Return the far levels whose price is in [lowest, highest], unsorted."""
        far = self._far
        return [(price, far[price]) for price in far if lowest <= price <= highest]

    def reach(self, levels: int) -> bool:
        """Make the best `levels` levels near; return whether there are as many."""
        if len(self.prices) >= levels:
            return True
        if self._far:
            self._kept = max(self._kept, 2 * levels)
            self._fetch(self._kept - len(self.prices))
        return len(self.prices) >= levels

    @abstractmethod
    def _fetch(self, levels: int) -> None:
        """Make the best `levels` of the far levels, or all of them, near."""

    @abstractmethod
    def _put_away(self, surplus: int) -> None:
        """Make the worst `surplus` of the near levels far."""


class _Bids(_Side):
    """The best price is the last."""

    __slots__ = ()

    @property
    def edge(self) -> float:
        """The last price that is near: bids below it are far."""
        return self._low

    def _fetch(self, levels: int) -> None:
        far = self._far
        fetched = sorted(far)[-levels:]
        self.prices[:0] = fetched
        self.quantities[:0] = [far.pop(price) for price in fetched]
        self._low = self.prices[0] if far else _LOWEST

    def _put_away(self, surplus: int) -> None:
        self._far.update(zip(self.prices[:surplus], self.quantities[:surplus], strict=True))
        del self.prices[:surplus], self.quantities[:surplus]
        self._low = self.prices[0]


class _Asks(_Side):
    """The best price is the first."""

    __slots__ = ()

    @property
    def edge(self) -> float:
        """The last price that is near: asks above it are far."""
        return self._high

    def _fetch(self, levels: int) -> None:
        far = self._far
        fetched = sorted(far)[:levels]
        self.prices += fetched
        self.quantities += [far.pop(price) for price in fetched]
        self._high = self.prices[-1] if far else _HIGHEST

    def _put_away(self, surplus: int) -> None:
        self._far.update(zip(self.prices[-surplus:], self.quantities[-surplus:], strict=True))
        del self.prices[-surplus:], self.quantities[-surplus:]
        self._high = self.prices[-1]


def _impossible(price: float, quantity: float) -> ImpossibleLevel:
    return ImpossibleLevel(f"a level of price {price} and quantity {quantity} cannot exist")
