"""Messages for the storage tests, with values that a mix-up of columns or records would show."""

from __future__ import annotations

import uuid
from typing import Literal

import msgspec

from orderbook.messages import Alert, AlertStatus, Book, Heartbeat, Metrics, Severity, Window
from orderbook.metrics import COUNT_COLUMNS, WINDOW_COLUMNS
from tests.records import new_book, new_heartbeat, new_metrics

START_MS = 1_700_000_000_000


def unique_symbol() -> str:
    return f"T{uuid.uuid4().hex[:10].upper()}"


def window(
    symbol: str, second: int, *, venue: str = "simulator", updates: int = 10, first: float | None = 0.1
) -> Window:
    values = tuple(
        position if name in COUNT_COLUMNS else None if first is None else first + position / 7
        for position, name in enumerate(WINDOW_COLUMNS)
    )
    start = START_MS + 1000 * second
    return Window(
        venue=venue,
        symbol=symbol,
        window_ms=1000,
        window_start_ms=start,
        window_end_ms=start + 1000,
        trusted_ms=900 + second % 100,
        updates=updates,
        first_update_id=100 * second,
        last_update_id=100 * second + updates,
        values=values,
    )


def window_json(message: Window) -> bytes:
    """The message as topic processed holds it."""
    fields = {name: getattr(message, name) for name in message.__struct_fields__ if name != "values"}
    return msgspec.json.encode({**fields, **dict(zip(WINDOW_COLUMNS, message.values, strict=True))})


def alert(
    alert_id: str,
    step: int,
    status: AlertStatus,
    *,
    symbol: str = "BTCUSDT",
    severity: Severity = "medium",
    side: Literal["bid", "ask"] | None = "bid",
    value: float = 0.6,
    time_ms: int | None = None,
) -> Alert:
    return Alert(
        venue="simulator",
        symbol=symbol,
        alert_id=alert_id,
        step=step,
        rule="imbalance",
        side=side,
        status=status,
        severity=severity,
        event_time_ms=START_MS + 1000 * step + 7 if time_ms is None else time_ms,
        onset_time_ms=START_MS - 3000,
        value=value,
        peak=value + 0.1,
        threshold=0.5,
        reason=None if step == 0 else f"step {step}",
        context='{"best_bid": 99.5}' if step == 0 and status == "FIRING" else None,
    )


def metrics(symbol: str, update_id: int) -> Metrics:
    return new_metrics(
        symbol,
        START_MS + 100 * update_id,
        update_id,
        lag_ms=3,
        best_bid=100.0 + update_id,
        best_bid_qty=1.5,
        best_ask=100.5 + update_id,
        best_ask_qty=2.5,
        bid_depth=15.0,
        ask_depth=5.0,
        bid_weighted_depth=7.0,
        ask_weighted_depth=3.0,
        spread_baseline=0.5,
        imbalance_ratio=0.5,
        weighted_imbalance=0.4,
        vtob_ratio=0.2,
        spread=0.5,
        spread_bps=49.875,
        mid=100.25 + update_id,
    )


def book(symbol: str, update_id: int) -> Book:
    bids = [(100.0 + update_id, 1.5), (99.5, 2.0)]
    asks = [(100.5 + update_id, 2.5)]
    return new_book(symbol, START_MS + 100 * update_id, update_id, bids, asks, lag_ms=3)


def heartbeat(symbol: str, second: int) -> Heartbeat:
    return new_heartbeat(symbol, START_MS + 1000 * second, lag_ms=3, update_id=second * 10, books=second * 10)
