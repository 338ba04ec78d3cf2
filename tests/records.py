"""Books, heartbeats, trades and metrics for tests: what every one must say, with the rest left as the messages have it.

`**told` are more of the message's own fields. A record is received `lag_ms` after its event.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from orderbook.messages import Aggressor, Book, Heartbeat, Metrics, Trade

UNDEFINED: Final = dict.fromkeys(
    field.name for field in msgspec.structs.fields(Metrics) if field.required and field.type == float | None
)
"""The figures that metrics must have, each as it is where nothing is defined."""


def new_book(
    symbol: str,
    event_time_ms: int,
    update_id: int,
    bids: Sequence[tuple[float, float]],
    asks: Sequence[tuple[float, float]],
    *,
    venue: str = "simulator",
    lag_ms: int = 0,
    **told: Any,  # noqa: ANN401 - whatever a field holds
) -> Book:
    """A book, live unless its state is told; levels are price and quantity, best first."""
    return Book(
        venue=venue,
        symbol=symbol,
        event_time_ms=event_time_ms,
        receive_time_ms=event_time_ms + lag_ms,
        update_id=update_id,
        bid_price=[price for price, _ in bids],
        bid_qty=[quantity for _, quantity in bids],
        ask_price=[price for price, _ in asks],
        ask_qty=[quantity for _, quantity in asks],
        **{"state": "live"} | told,
    )


def new_heartbeat(
    symbol: str,
    event_time_ms: int,
    *,
    venue: str = "simulator",
    lag_ms: int = 0,
    **told: Any,  # noqa: ANN401 - whatever a field holds
) -> Heartbeat:
    """A heartbeat, of a live book unless its state is told."""
    return Heartbeat(
        venue=venue,
        symbol=symbol,
        event_time_ms=event_time_ms,
        receive_time_ms=event_time_ms + lag_ms,
        **{"state": "live"} | told,
    )


def new_trade(
    symbol: str,
    event_time_ms: int,
    trade_id: int,
    *,
    venue: str = "simulator",
    lag_ms: int = 0,
    price: float = 100.0,
    quantity: float = 0.5,
    aggressor: Aggressor = "buy",
) -> Trade:
    """A trade, made at the time of its event."""
    return Trade(
        venue=venue,
        symbol=symbol,
        event_time_ms=event_time_ms,
        receive_time_ms=event_time_ms + lag_ms,
        trade_id=trade_id,
        trade_time_ms=event_time_ms,
        price=price,
        quantity=quantity,
        aggressor=aggressor,
    )


def new_metrics(
    symbol: str,
    event_time_ms: int,
    update_id: int,
    *,
    venue: str = "simulator",
    lag_ms: int = 0,
    **told: float | None,
) -> Metrics:
    """The metrics of a live book; what is not told is undefined."""
    figures: dict[str, Any] = UNDEFINED | told
    return Metrics(
        venue=venue,
        symbol=symbol,
        event_time_ms=event_time_ms,
        receive_time_ms=event_time_ms + lag_ms,
        update_id=update_id,
        state="live",
        **figures,
    )
