"""What is traded: the scale of each simulated symbol."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import Final

QUOTE_ASSETS: Final = {
    "USDT": 1.0,
    "USDC": 1.0,
    "FDUSD": 1.0,
    "TUSD": 1.0,
    "USD": 1.0,
    "EUR": 1.1,
    "TRY": 0.03,
    "BTC": 98_000.0,
    "ETH": 3_400.0,
    "BNB": 850.0,
}
"""Quote assets and the value of one, in US dollars: only to give unknown symbols a plausible scale."""

LONGEST_LEVEL_COUNT: Final = 2000
"""Levels a side that a book tends to where its tick is coarse; finer ticks give more."""

BPS: Final = 10_000.0


@dataclass(frozen=True, slots=True)
class Instrument:
    """One symbol's scale. Prices are counted in ticks and quantities in lots; both are powers of ten.

    `activity`: rate of orders relative to spot BTCUSDT. `touch_lots`: the usual queue at the best price.
    `level_lots`: the usual quantity of a level behind it. `dust_lots`: the smallest order people send.
    `gap_bps`: mean distance between neighbouring levels near the touch. `change_share`: how often an order behind
    the touch changes a level that exists, rather than making or removing one.
    """

    symbol: str
    base_asset: str
    quote_asset: str
    price_decimals: int
    quantity_decimals: int
    open_ticks: int
    activity: float
    touch_lots: int
    level_lots: int
    dust_lots: int
    gap_bps: float
    change_share: float

    @property
    def tick_bps(self) -> float:
        """One tick at the opening price, in basis points of it."""
        return BPS / self.open_ticks

    @property
    def depth_scale_bps(self) -> float:
        """Distance from the touch within which half of a side's levels lie."""
        return max(40.0, LONGEST_LEVEL_COUNT * self.gap_bps * 2 / math.pi)


def instrument(symbol: str, *, seed: int) -> Instrument:
    """The scale of `symbol`: its own for the five default symbols, else a plausible one drawn from name and seed.

    The same name and seed give the same scale.
    """
    known = _KNOWN.get(symbol)
    return known if known is not None else _drawn(symbol, seed)


def split_symbol(symbol: str) -> tuple[str, str]:
    """Base and quote asset of `symbol`: the quote is the longest known one it ends with, else three letters."""
    if "_" in symbol:
        base, _, quote = symbol.partition("_")
        return base, quote
    for quote in sorted(QUOTE_ASSETS, key=len, reverse=True):
        if symbol.endswith(quote) and symbol != quote:
            return symbol[: -len(quote)], quote
    middle = max(1, len(symbol) - 3)
    return symbol[:middle], symbol[middle:]


def _scaled(
    symbol: str,
    *,
    price: float,
    price_decimals: int,
    quantity_decimals: int,
    activity: float,
    touch_value: float,
    level_value: float,
    gap_bps: float,
    change_share: float,
) -> Instrument:
    """Turn a price and values in the quote asset's dollars into ticks and lots."""
    base, quote = split_symbol(symbol)
    lot_value = price * QUOTE_ASSETS.get(quote, 1.0) / 10**quantity_decimals
    open_ticks = max(1000, round(price * 10**price_decimals))
    return Instrument(
        symbol=symbol,
        base_asset=base,
        quote_asset=quote,
        price_decimals=price_decimals,
        quantity_decimals=quantity_decimals,
        open_ticks=open_ticks,
        activity=activity,
        touch_lots=max(20, round(touch_value / lot_value)),
        level_lots=max(4, round(level_value / lot_value)),
        dust_lots=max(1, round(5.6 / lot_value)),
        gap_bps=max(gap_bps, 1.4 * BPS / open_ticks),
        change_share=change_share,
    )


def _drawn(symbol: str, seed: int) -> Instrument:
    rng = Random(f"instrument {seed} {symbol}")  # noqa: S311 - a market, not a secret
    _, quote = split_symbol(symbol)
    quote_value = QUOTE_ASSETS.get(quote, 1.0)
    # At least 1.2e-4 of the quote asset, so that 8 decimals still give a fine tick.
    price = math.exp(rng.uniform(math.log(max(0.02, 1.2e-4 * quote_value)), math.log(600.0))) / quote_value
    # A tick between 0.08 and 0.8 bps of the price, and at most 8 decimals.
    price_decimals = min(8, max(0, math.ceil(math.log10(BPS / 0.8 / price))))
    lot_value = price * quote_value
    quantity_decimals = min(8 - price_decimals, max(0, math.ceil(math.log10(lot_value / 0.5))), 8)
    return _scaled(
        symbol,
        price=price,
        price_decimals=price_decimals,
        quantity_decimals=max(0, quantity_decimals),
        activity=rng.uniform(0.45, 0.8),
        touch_value=math.exp(rng.uniform(math.log(20_000), math.log(80_000))),
        level_value=math.exp(rng.uniform(math.log(800), math.log(1_600))),
        gap_bps=rng.uniform(0.04, 0.1),
        change_share=rng.uniform(0.15, 0.45),
    )


_KNOWN: Final = {
    scale.symbol: scale
    for scale in (
        _scaled(
            "BTCUSDT", price=98_000, price_decimals=2, quantity_decimals=5, activity=1.0,
            touch_value=150_000, level_value=5_000, gap_bps=0.035, change_share=0.12,
        ),
        _scaled(
            "ETHUSDT", price=3_400, price_decimals=2, quantity_decimals=4, activity=0.95,
            touch_value=40_000, level_value=2_200, gap_bps=0.08, change_share=0.45,
        ),
        _scaled(
            "SOLUSDT", price=210, price_decimals=2, quantity_decimals=3, activity=0.85,
            touch_value=60_000, level_value=1_600, gap_bps=0.1, change_share=0.35,
        ),
        _scaled(
            "BNBUSDT", price=850, price_decimals=2, quantity_decimals=3, activity=0.8,
            touch_value=40_000, level_value=1_400, gap_bps=0.1, change_share=0.3,
        ),
        _scaled(
            "ADAUSDT", price=1.15, price_decimals=4, quantity_decimals=1, activity=0.75,
            touch_value=50_000, level_value=1_400, gap_bps=0.1, change_share=0.35,
        ),
    )
}  # fmt: skip
