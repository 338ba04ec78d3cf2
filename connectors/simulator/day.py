"""What was traded in the last 24 hours: a made-up day before the market opened, and every trade since."""

from __future__ import annotations

import math
from collections.abc import Mapping
from random import Random
from typing import Final

from connectors.simulator.instruments import QUOTE_ASSETS, Instrument

DAY_MS: Final = 86_400_000

USUAL_VALUE: Final[Mapping[str, float]] = {
    "BTCUSDT": 2.4e9,
    "ETHUSDT": 1.6e9,
    "SOLUSDT": 7e8,
    "BNBUSDT": 3e8,
    "ADAUSDT": 1.5e8,
}
"""Quote volume of a day, in US dollars; other symbols draw theirs."""

DRAWN_VALUE_LOG: Final = (math.log(1e6), math.log(1.2e8))
MEAN_TRADE_VALUE: Final = 600.0
WIDEST_MOVE: Final = 0.06


class Day:
    """The statistics of one symbol's day. Prices in ticks, volume in lots, value in ticks times lots.

    What was before the market opened is drawn from symbol and seed, and never leaves the day: a run that lasts longer
    counts more than 24 hours.
    """

    __slots__ = (
        "count",
        "first_trade_id",
        "high",
        "last_lots",
        "last_trade_id",
        "lots",
        "low",
        "open",
        "value",
    )  # fmt: skip

    def __init__(self, instrument: Instrument, *, seed: int, trade_id: int) -> None:
        rng = Random(f"day {seed} {instrument.symbol}")  # noqa: S311 - a market, not a secret
        dollars = USUAL_VALUE.get(instrument.symbol) or math.exp(rng.uniform(*DRAWN_VALUE_LOG))
        dollars *= rng.uniform(0.8, 1.25)
        ticks = instrument.open_ticks
        scale = 10 ** (instrument.price_decimals + instrument.quantity_decimals)
        quote = QUOTE_ASSETS.get(instrument.quote_asset, 1.0)
        self.lots = max(1, round(dollars / quote * scale / ticks))
        self.count = max(1, round(dollars / MEAN_TRADE_VALUE))
        self.open = max(1, round(ticks * (1.0 + rng.uniform(-WIDEST_MOVE, WIDEST_MOVE))))
        self.high = round(max(ticks, self.open) * (1.0 + rng.uniform(0.0, WIDEST_MOVE / 2)))
        self.low = max(1, round(min(ticks, self.open) * (1.0 - rng.uniform(0.0, WIDEST_MOVE / 2))))
        self.value = self.lots * round((self.open + ticks) / 2)
        self.last_trade_id = trade_id
        self.first_trade_id = max(1, trade_id - self.count + 1)
        self.last_lots = instrument.dust_lots

    def note(self, trade_id: int, price: int, lots: int) -> None:
        """Count one trade."""
        self.last_trade_id = trade_id
        self.last_lots = lots
        self.count += 1
        self.lots += lots
        self.value += price * lots
        self.high = max(self.high, price)
        self.low = min(self.low, price)
