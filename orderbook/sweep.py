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
    return [
        None if slippage is None else BPS * slippage / mid
        for slippage in slippages(_asks_upwards(asks, verified), notionals, mid)
    ]


def sell_costs_bps(bids: Walked, notionals: tuple[float, ...], mid: float, verified: float) -> list[float | None]:
    """Return what selling for each notional costs, in basis points of `mid`: 10^4 (M - A) / M.

    A is the notional over the quantity sold for it. None where the bids down to the price `verified` end before.
    """
    return [
        None if slippage is None else -BPS * slippage / mid
        for slippage in slippages(_bids_downwards(bids, verified), notionals, mid)
    ]


def slippages(stretches: Iterable[Stretch], notionals: tuple[float, ...], mid: float) -> list[float | None]:
    """Return how far from `mid` the average price of each notional lies; None for one that is not filled.

    Each level's distance from the mid is weighted, and not its price: at a spread of a ten-millionth of the price, the
    difference of two averages would keep half of a float's digits.
    """
    found: list[float | None] = []
    spent = filled = slipped = 0.0
    notional = notionals[0]
    for prices, quantities in stretches:
        if spent:  # the first levels are walked at once
            worth = sum(map(mul, prices, quantities))
            if spent + worth < notional:
                spent += worth
                quantity = sum(quantities)
                filled += quantity
                slipped += worth - mid * quantity
                continue
        for price, quantity in zip(prices, quantities, strict=True):
            reached = spent + price * quantity
            while reached >= notional:
                last = (notional - spent) / price
                found.append((slipped + (price - mid) * last) / (filled + last))
                if len(found) == len(notionals):
                    return found
                notional = notionals[len(found)]
            spent = reached
            filled += quantity
            slipped += (price - mid) * quantity
    return found + [None] * (len(notionals) - len(found))


# Stretches are as long as their place in the book has it, however many levels are in the lists: so the same book costs
# the same to the last digit, whatever it was before.


def _asks_upwards(asks: Walked, highest: float) -> Iterator[Stretch]:
    prices, quantities = asks.prices, asks.quantities
    first, levels = 0, FIRST_LEVELS
    while asks.reach(first + levels) or len(prices) > first:
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
    while bids.reach(walked + levels) or len(prices) > walked:
        end = len(prices) - walked
        first = max(end - levels, 0)
        if prices[first] < lowest:
            first = bisect_left(prices, lowest, first, end)
            yield prices[first:end][::-1], quantities[first:end][::-1]
            return
        yield prices[first:end][::-1], quantities[first:end][::-1]
        walked, levels = len(prices) - first, MORE_LEVELS
