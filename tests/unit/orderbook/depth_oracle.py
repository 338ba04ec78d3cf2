"""Depth and sweep costs from whole books by the definitions, in decimals and fractions, with no code of the product."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction

BANDS = (5, 10, 25, 50)
NOTIONALS = (10_000, 100_000)

Levels = Iterable[tuple[Fraction, Fraction]]


def exact(number: float) -> Fraction:
    """The number that a float stands for: the decimal it is written as."""
    return Fraction(Decimal(repr(number)))


class WholeBook:
    """Both sides as price -> quantity, exact."""

    def __init__(self) -> None:
        self.bids: dict[Fraction, Fraction] = {}
        self.asks: dict[Fraction, Fraction] = {}

    def apply(self, bids: Iterable[tuple[float, float]], asks: Iterable[tuple[float, float]]) -> None:
        """Set or remove levels."""
        for side, changes in ((self.bids, bids), (self.asks, asks)):
            for price, quantity in changes:
                side[exact(price)] = exact(quantity)
                if not quantity:
                    del side[exact(price)]

    @property
    def mid(self) -> Fraction:
        """Half-way between the best bid and the best ask."""
        return (max(self.bids) + min(self.asks)) / 2

    def bids_within(self, lowest_known: Fraction | None = None) -> list[Fraction | None]:
        """The quantity of the bids within each band."""
        bounds = [self.mid * (10_000 - bps) / 10_000 for bps in BANDS]
        return [
            None
            if lowest_known is not None and bound < lowest_known
            else sum((quantity for price, quantity in self.bids.items() if price >= bound), Fraction(0))
            for bound in bounds
        ]

    def asks_within(self, highest_known: Fraction | None = None) -> list[Fraction | None]:
        """The quantity of the asks within each band."""
        bounds = [self.mid * (10_000 + bps) / 10_000 for bps in BANDS]
        return [
            None
            if highest_known is not None and bound > highest_known
            else sum((quantity for price, quantity in self.asks.items() if price <= bound), Fraction(0))
            for bound in bounds
        ]

    def sell_costs(self, lowest_known: Fraction | None = None) -> list[Fraction | None]:
        """What selling each notional costs, in bps of the mid."""
        known = [level for level in self.bids.items() if lowest_known is None or level[0] >= lowest_known]
        averages = [average(sorted(known, reverse=True), notional) for notional in NOTIONALS]
        return [None if price is None else 10_000 * (self.mid - price) / self.mid for price in averages]

    def buy_costs(self, highest_known: Fraction | None = None) -> list[Fraction | None]:
        """What buying each notional costs, in bps of the mid."""
        known = [level for level in self.asks.items() if highest_known is None or level[0] <= highest_known]
        averages = [average(sorted(known), notional) for notional in NOTIONALS]
        return [None if price is None else 10_000 * (price - self.mid) / self.mid for price in averages]


def average(levels: Levels, notional: int) -> Fraction | None:
    """The notional over the quantity that it fills; None where the levels end."""
    filled, left = Fraction(0), Fraction(notional)
    for price, quantity in levels:
        if price * quantity >= left:
            return notional / (filled + left / price)
        filled += quantity
        left -= price * quantity
    return None


def agree(ours: list[float | None], theirs: list[Fraction | None], *, least: float = 0.0) -> bool:
    """Whether both are None at the same places and else within 1e-9 of their size, or of `least` if that is more."""
    return len(ours) == len(theirs) and all(
        (our is None) == (their is None)
        and (our is None or their is None or abs(Fraction(our) - their) <= max(abs(their), Fraction(least)) / 10**9)
        for our, their in zip(ours, theirs, strict=True)
    )
