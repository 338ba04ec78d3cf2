"""What an exchange tells about a market: the events that a local book and its checks are made from.

Levels are (price, quantity) pairs; a quantity is absolute and 0 removes the level. A decimal string always becomes the
same float, so a price is exact as a key. Times are the exchange's, in milliseconds since the Unix epoch.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

Level: TypeAlias = tuple[float, float]

Market = Literal["spot", "usdm", "coinm"]
"""Binance Spot, USD-margined futures, coin-margined futures (whose quantities are contracts)."""


class DepthDiff(msgspec.Struct, frozen=True, kw_only=True):
    """Every level that changed between two updates.

    The ids are those of the first and the last update it covers; `previous_update_id` is the last id of the diff
    before, which futures state and spot does not.
    """

    event_time_ms: int
    symbol: str
    first_update_id: int
    final_update_id: int
    bids: list[Level]
    asks: list[Level]
    previous_update_id: int | None = None


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The book as it was after update `last_update_id`, best levels first.

    `limit` levels a side were asked for: a side with fewer is whole. None says that both sides are whole.
    """

    last_update_id: int
    bids: list[Level]
    asks: list[Level]
    limit: int | None = None


class PartialBook(msgspec.Struct, frozen=True, kw_only=True):
    """The best few levels after `last_update_id`, whole each time (streams depth5, depth10, depth20).

    Nothing links one to the next, so a lost one cannot be noticed. Spot sends no time with it.
    """

    symbol: str
    last_update_id: int
    event_time_ms: int | None
    bids: list[Level]
    asks: list[Level]


class BestQuote(msgspec.Struct, frozen=True, kw_only=True):
    """The best bid and ask after `update_id`, as the exchange states them: the oracle for a local book."""

    update_id: int
    symbol: str
    bid_price: float
    bid_qty: float
    ask_price: float
    ask_qty: float


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """One trade. `buyer_is_maker` true means that the seller took liquidity."""

    event_time_ms: int
    symbol: str
    trade_id: int
    trade_time_ms: int
    price: float
    quantity: float
    buyer_is_maker: bool


MarketEvent: TypeAlias = DepthDiff | PartialBook | BestQuote | Execution
