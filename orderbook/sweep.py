"""What it costs to trade a notional at once: walking a side from the touch, level by level, until it is filled."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from operator import mul
from typing import Final, Protocol, TypeAlias

BPS: Final = 10_000

FIRST_LEVELS: Final = 8
"""Levels that are looked at first: most notionals are filled among them."""
MORE_LEVELS: Final = 32
"""Levels that are looked at next: their worth is summed at once, and they are walked one by one only where it fills."""

Stretch: TypeAlias = tuple[list[float], list[float]]
"""Prices and quantities of some levels that follow one another, best first."""


class Walked(Protocol):
    """One side of a book: `prices`, ascending, and `quantities` of at least as many levels as were reached for."""

    prices: list[float]
    quantities: list[float]

    def reach(self, levels: int) -> bool:
        """Put the best `levels` levels into the lists; return whether there are as many."""


def buy_costs_bps(asks: Walked, notionals: tuple[float, ...], mid: float, verified: float) -> list[float | None]:
    """Return what buying for each notional costs, in basis points of `mid`: 10^4 (A - M) / M.

    A is the notional over the quantity it buys. None where the asks up to the price `verified` end before it is filled.
    `notionals` ascend, in quote currency.
    """
    averages = average_prices(_asks_upwards(asks, verified), notionals)
    return [None if average is None else BPS * (average - mid) / mid for average in averages]


def sell_costs_bps(bids: Walked, notionals: tuple[float, ...], mid: float, verified: float) -> list[float | None]:
    """Return what selling for each notional costs, in basis points of `mid`: 10^4 (M - A) / M.

    A is the notional over the quantity sold for it. None where the bids down to the price `verified` end before.
    """
    averages = average_prices(_bids_downwards(bids, verified), notionals)
    return [None if average is None else BPS * (mid - average) / mid for average in averages]


def average_prices(stretches: Iterable[Stretch], notionals: tuple[float, ...]) -> list[float | None]:
    """Return the average price at which each notional is filled; None for one that is not. `notionals` ascend."""
    averages: list[float | None] = []
    spent = filled = 0.0
    notional = notionals[0]
    for prices, quantities in stretches:
        if spent:  # the first levels are walked at once
            worth = sum(map(mul, prices, quantities))
            if spent + worth < notional:
                spent += worth
                filled += sum(quantities)
                continue
        for price, quantity in zip(prices, quantities, strict=True):
            worth = price * quantity
            while spent + worth >= notional:
                averages.append(notional / (filled + (notional - spent) / price))
                if len(averages) == len(notionals):
                    return averages
                notional = notionals[len(averages)]
            spent += worth
            filled += quantity
    return averages + [None] * (len(notionals) - len(averages))


def _asks_upwards(asks: Walked, highest: float) -> Iterator[Stretch]:
    prices, quantities = asks.prices, asks.quantities
    first, levels = 0, FIRST_LEVELS
    while len(prices) > first or asks.reach(first + 1):
        last = min(first + levels, len(prices))
        if prices[last - 1] > highest:
            last = bisect_right(prices, highest, first, last)
            yield prices[first:last], quantities[first:last]
            return
        yield prices[first:last], quantities[first:last]
        first, levels = last, MORE_LEVELS


def _bids_downwards(bids: Walked, lowest: float) -> Iterator[Stretch]:
    prices, quantities = bids.prices, bids.quantities
    walked, levels = 0, FIRST_LEVELS
    while len(prices) > walked or bids.reach(walked + 1):
        end = len(prices) - walked
        first = max(end - levels, 0)
        if prices[first] < lowest:
            first = bisect_left(prices, lowest, first, end)
            yield prices[first:end][::-1], quantities[first:end][::-1]
            return
        yield prices[first:end][::-1], quantities[first:end][::-1]
        walked, levels = len(prices) - first, MORE_LEVELS
