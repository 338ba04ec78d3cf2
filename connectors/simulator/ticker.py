"""The 24 hour ticker of `/api/v3/ticker/24hr`: its rows and its request weight."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from connectors.simulator.day import DAY_MS
from connectors.simulator.market import Market
from connectors.simulator.wire import DECIMALS, Wire, decimal

SYMBOLS_WEIGHTS: Final = ((20, 2), (100, 40))
ALL_WEIGHT: Final = 80

_MINI: Final = (
    "symbol", "openPrice", "highPrice", "lowPrice", "lastPrice", "volume", "quoteVolume", "openTime", "closeTime",
    "firstId", "lastId", "count",
)  # fmt: skip


def ticker_weight(query: Mapping[str, str]) -> int:
    """Weight of a request: 2 for a symbol, by their number for `symbols`, 80 for all."""
    if "symbol" in query:
        return 2
    if "symbols" not in query:
        return ALL_WEIGHT
    try:
        names = orjson.loads(query["symbols"])
    except orjson.JSONDecodeError:
        return SYMBOLS_WEIGHTS[0][1]
    asked = len(names) if isinstance(names, list) else 1
    return next((weight for most, weight in SYMBOLS_WEIGHTS if asked <= most), ALL_WEIGHT)


def ticker_row(market: Market, wire: Wire, *, now_ms: int, mini: bool) -> dict[str, Any]:
    """The statistics of one symbol's day, at `now_ms`; `mini`: the fields of type=MINI."""
    instrument, day, book = market.instrument, market.day, market.book
    (bid, bid_lots), (ask, ask_lots) = book.bids.top(1)[0], book.asks.top(1)[0]
    value_decimals = DECIMALS - instrument.price_decimals - instrument.quantity_decimals
    change = market.last_price - day.open
    row = {
        "symbol": wire.symbol,
        "priceChange": _signed(change, wire),
        "priceChangePercent": f"{100 * change / day.open:.3f}",
        "weightedAvgPrice": wire.price(day.value // day.lots),
        "prevClosePrice": wire.price(day.open),
        "lastPrice": wire.price(market.last_price),
        "lastQty": wire.quantity(day.last_lots),
        "bidPrice": wire.price(bid),
        "bidQty": wire.quantity(bid_lots),
        "askPrice": wire.price(ask),
        "askQty": wire.quantity(ask_lots),
        "openPrice": wire.price(day.open),
        "highPrice": wire.price(day.high),
        "lowPrice": wire.price(day.low),
        "volume": wire.quantity(day.lots),
        "quoteVolume": decimal(day.value * 10**value_decimals),
        "openTime": now_ms - DAY_MS,
        "closeTime": now_ms,
        "firstId": day.first_trade_id,
        "lastId": day.last_trade_id,
        "count": day.count,
    }
    return {name: row[name] for name in _MINI} if mini else row


def _signed(ticks: int, wire: Wire) -> str:
    return f"-{wire.price(-ticks)}" if ticks < 0 else wire.price(ticks)
