"""How much rests within given distances of the mid, over all levels of a side.

The near levels of a side are few and sorted: they are summed anew for every book. The far ones are many and change
rarely for their number: of those that lie within the bands, quantities are held as integers, and what a change adds to
each ring between two bands is added there. Integers have no rounding that could pile up.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable
from math import inf, nextafter
from typing import Final, Protocol, TypeAlias

from orderbook.market import Level

LOTS: Final = 2.0**60
"""Lots in one unit of a quantity: exact from 2**-8 up, within 1e-10 of a quantity of 1e-8, Binance's smallest."""

MARGIN: Final = 0.2
"""How much farther than the widest band levels are followed, in widths of that band, before the price has moved on."""

SPARE_LEVELS: Final = 1000
"""Removed levels that may be remembered, beside as many as there were at first: they often come back."""


Place: TypeAlias = Callable[[list[float], float], int]
"""Where a number stands in an ascending list."""


class Side(Protocol):
    """The levels of one side: the near ones sorted in `prices`, ascending, and `quantities`; the others far."""

    prices: list[float]
    quantities: list[float]

    @property
    def edge(self) -> float:
        """The last price that is near: what lies beyond it is far."""

    def far_levels(self, lowest: float, highest: float) -> list[Level]:
        """Return the far levels whose price is in [lowest, highest], unsorted."""


class SideBands(ABC):
    """The quantity within each band of one side, after every diff.

    `bounds` are the last prices inside the bands, ascending. A ring lies between two of them, or outside the first or
    last: ring i holds what is beyond i of the bounds, counted upwards.
    """

    __slots__ = (
        "_bounds",
        "_edge",
        "_first_levels",
        "_highest",
        "_lots",
        "_lowest",
        "_ordered",
        "_place",
        "_ring_of",
        "_rings",
        "_side",
    )

    def __init__(self, *, ring_of: Place, place: Place) -> None:
        """`ring_of` gives the ring of a price among bounds, `place` where a bound parts ascending prices."""
        self._ring_of = ring_of
        self._place = place
        self._side: Side | None = None
        self._bounds: list[float] = []
        self._forget()

    def within(self, side: Side, changes: Iterable[Level], bounds: list[float], verified: float) -> list[float | None]:
        """Return the quantity up to each bound, inclusive, the narrowest band first; None for one beyond `verified`.

        `changes` were applied to the side since the last call; none may be left out, except where the side is another.
        `bounds` are another list whenever they are other bounds.
        Raises OverflowError for quantities whose sum no float can hold; it is then not to be used any more.
        """
        if side is not self._side:
            self._forget()
            self._side, self._bounds = side, bounds
        else:
            if self._lowest <= self._highest:
                self._follow(changes)
            if bounds is not self._bounds:
                self._move(bounds)
        if side.edge != self._edge or not self._reaches(verified):
            self._zone(side, *self._wanted(side.edge, verified))
        elif len(self._ordered) > 2 * self._first_levels + SPARE_LEVELS:
            self._forget()
            self._zone(side, *self._wanted(side.edge, verified))
        return self._sums(side, verified)

    def _forget(self) -> None:
        self._edge = -1.0
        self._lowest, self._highest = inf, -inf
        self._lots: dict[float, int] = {}
        self._ordered: list[float] = []
        self._rings: list[int] = []
        self._first_levels = 0

    def _follow(self, changes: Iterable[Level]) -> None:
        """Take the changes of the levels that are followed. A level that was removed stays, with no lots."""
        lowest, highest, lots, rings, bounds = self._lowest, self._highest, self._lots, self._rings, self._bounds
        lots_held, ring_of, lots_in_one = lots.get, self._ring_of, LOTS
        for price, quantity in changes:
            if lowest <= price <= highest:
                held = lots_held(price)
                if held is None:
                    if not quantity:
                        continue
                    insort(self._ordered, price)
                    held = 0
                lots[price] = now = int(quantity * lots_in_one)
                rings[ring_of(bounds, price)] += now - held

    def _move(self, bounds: list[float]) -> None:
        """Move the bounds: what one of them passes changes from the ring on its one side to that on its other."""
        lots, ordered, rings, place = self._lots, self._ordered, self._rings, self._place
        if ordered:
            for ring, (old, new) in enumerate(zip(self._bounds, bounds, strict=True)):
                first, last = place(ordered, old), place(ordered, new)
                if first != last:
                    passed = sum(lots[price] for price in ordered[min(first, last) : max(first, last)])
                    passed = passed if first < last else -passed
                    rings[ring] += passed
                    rings[ring + 1] -= passed
        self._bounds = bounds

    def _zone(self, side: Side, lowest: float, highest: float) -> None:
        """Follow the far levels in [lowest, highest] and no others."""
        lots, ordered, bounds, ring_of = self._lots, self._ordered, self._bounds, self._ring_of
        rings = self._rings = self._rings or [0] * (len(bounds) + 1)
        first = bisect_left(ordered, lowest)
        last = max(first, bisect_right(ordered, highest))
        for price in ordered[:first] + ordered[last:]:
            rings[ring_of(bounds, price)] -= lots.pop(price)
        ordered[:] = ordered[first:last]
        for low, high in self._added(lowest, highest):
            for price, quantity in side.far_levels(low, high):
                ordered.append(price)
                lots[price] = held = int(quantity * LOTS)
                rings[ring_of(bounds, price)] += held
        ordered.sort()
        self._edge, self._lowest, self._highest = side.edge, lowest, highest
        self._first_levels = self._first_levels or len(ordered)

    def _added(self, lowest: float, highest: float) -> list[tuple[float, float]]:
        """Return what of [lowest, highest] is not followed yet."""
        if self._lowest > self._highest or lowest > self._highest or highest < self._lowest:
            return [(lowest, highest)] if lowest <= highest else []
        added = []
        if lowest < self._lowest:
            added.append((lowest, nextafter(self._lowest, 0.0)))
        if highest > self._highest:
            added.append((nextafter(self._highest, inf), highest))
        return added

    @abstractmethod
    def _wanted(self, edge: float, verified: float) -> tuple[float, float]:
        """Return the lowest and the highest price of the far levels to follow, in the wrong order if there are none."""

    @abstractmethod
    def _reaches(self, verified: float) -> bool:
        """Return whether the followed levels reach as far as the widest band, or as what is verified."""

    @abstractmethod
    def _sums(self, side: Side, verified: float) -> list[float | None]:
        """Return the quantity within each band, the narrowest first."""


class BidBands(SideBands):
    """Bids: the widest band is the first bound, and ring 0 outside of all. A bid on a bound is inside."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(ring_of=bisect_right, place=bisect_left)

    def _wanted(self, edge: float, verified: float) -> tuple[float, float]:
        bounds = self._bounds
        return max(bounds[0] - MARGIN * (bounds[-1] - bounds[0]), verified), nextafter(edge, 0.0)

    def _reaches(self, verified: float) -> bool:
        return self._lowest <= max(self._bounds[0], verified)

    def _sums(self, side: Side, verified: float) -> list[float | None]:
        bounds, rings, prices, quantities = self._bounds, self._rings, side.prices, side.quantities
        sums: list[float | None] = []
        near, far, end = 0.0, 0, len(prices)
        for ring in range(len(bounds), 0, -1):
            bound = bounds[ring - 1]
            if bound < verified:
                sums += [None] * ring
                break
            if end:
                first = bisect_left(prices, bound, 0, end)
                near += sum(quantities[first:end])
                end = first
            far += rings[ring]
            sums.append(near + far / LOTS if far else near)
        if near == inf:
            raise OverflowError("the quantities within the bands are more than a float holds")
        return sums


class AskBands(SideBands):
    """Asks: the widest band is the last bound, and the last ring outside of all. An ask on a bound is inside."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(ring_of=bisect_left, place=bisect_right)

    def _wanted(self, edge: float, verified: float) -> tuple[float, float]:
        bounds = self._bounds
        return nextafter(edge, inf), min(bounds[-1] + MARGIN * (bounds[-1] - bounds[0]), verified)

    def _reaches(self, verified: float) -> bool:
        return self._highest >= min(self._bounds[-1], verified)

    def _sums(self, side: Side, verified: float) -> list[float | None]:
        bounds, rings, prices, quantities = self._bounds, self._rings, side.prices, side.quantities
        sums: list[float | None] = []
        near, far, first, levels = 0.0, 0, 0, len(prices)
        for ring, bound in enumerate(bounds):
            if bound > verified:
                sums += [None] * (len(bounds) - ring)
                break
            if first < levels:
                end = bisect_right(prices, bound, first)
                near += sum(quantities[first:end])
                first = end
            far += rings[ring]
            sums.append(near + far / LOTS if far else near)
        if near == inf:
            raise OverflowError("the quantities within the bands are more than a float holds")
        return sums
