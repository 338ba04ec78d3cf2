"""How deep a market is beyond the levels that are published: depth within bands of the mid, and what a sweep costs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from orderbook.bands import AskBands, BidBands
from orderbook.book import LocalBook, Top
from orderbook.coverage import BPS, Coverage
from orderbook.market import Level
from orderbook.sweep import buy_costs_bps, sell_costs_bps

DEPTH_BANDS_BPS: Final = (5, 10, 25, 50)
"""Distances from the mid, in basis points of it, within which quantities are summed."""

SWEEP_NOTIONALS: Final = (10_000.0, 100_000.0)
"""Notionals whose sweep is costed, in quote currency."""

_ROUNDING: Final = 2.0**-49
"""A level on a bound is inside: bounds lie farther out by this share, more than rounding takes, less than any tick."""

_BID_FACTORS: Final = [(1 - bps / BPS) * (1 - _ROUNDING) for bps in reversed(DEPTH_BANDS_BPS)]
_ASK_FACTORS: Final = [(1 + bps / BPS) * (1 + _ROUNDING) for bps in DEPTH_BANDS_BPS]
_LOWEST_VERIFIED: Final = 1 - 2 * _ROUNDING
_HIGHEST_VERIFIED: Final = 1 + 2 * _ROUNDING


class Depth(NamedTuple):
    """Quantities in base currency in the order of DEPTH_BANDS_BPS, costs in bps in that of SWEEP_NOTIONALS.

    None where what is verified of the side ends before the band does, or before the notional is filled.
    """

    bids_within: list[float | None]
    asks_within: list[float | None]
    buy_costs_bps: list[float | None]
    sell_costs_bps: list[float | None]


UNMEASURED: Final = Depth([], [], [], [])
"""What stands with a book whose depth nobody measures."""


class DepthMeter:
    """Measures one symbol's book after every diff."""

    __slots__ = ("_ask_bounds", "_asks", "_bid_bounds", "_bids", "_mid")

    def __init__(self) -> None:
        self._bids = BidBands()
        self._asks = AskBands()
        self._mid: float | None = None
        self._bid_bounds: list[float] = []
        self._ask_bounds: list[float] = []

    def measure(
        self,
        book: LocalBook,
        top: Top,
        coverage: Coverage,
        bids: Iterable[Level] = (),
        asks: Iterable[Level] = (),
    ) -> Depth:
        """Return the depth of the book whose best levels are `top`; all of it None while a side is empty.

        `bids` and `asks` are what was applied to the book since the last call, and nothing may be left out, except
        where it was replaced, or is another one. Equal to sums over all levels within 1e-9 of them.
        """
        bid_price, _, ask_price, _ = top
        if not (bid_price and ask_price):
            self._forget()
            return _unknown()
        mid = (bid_price[0] + ask_price[0]) / 2
        if mid != self._mid:
            self._mid = mid
            self._bid_bounds = [mid * factor for factor in _BID_FACTORS]
            self._ask_bounds = [mid * factor for factor in _ASK_FACTORS]
        lowest, highest = coverage.lowest_bid * _LOWEST_VERIFIED, coverage.highest_ask * _HIGHEST_VERIFIED
        our_bids, our_asks = book.bids, book.asks
        # Walking may make far levels near: it comes first.
        buys = buy_costs_bps(our_asks, SWEEP_NOTIONALS, mid, highest)
        sells = sell_costs_bps(our_bids, SWEEP_NOTIONALS, mid, lowest)
        try:
            within = self._bids.within(our_bids, bids, self._bid_bounds, lowest)
            return Depth(within, self._asks.within(our_asks, asks, self._ask_bounds, highest), buys, sells)
        except OverflowError:  # a quantity of 1e290 is possible, and no sum is defined
            self._forget()
            return _unknown()

    def _forget(self) -> None:
        self._bids, self._asks = BidBands(), AskBands()


def _unknown() -> Depth:
    bands, notionals = len(DEPTH_BANDS_BPS), len(SWEEP_NOTIONALS)
    return Depth([None] * bands, [None] * bands, [None] * notionals, [None] * notionals)
