"""Records as the bridge leaves them in Redis, with only what a test cares about to be said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from orderbook.alerts import Thresholds
from orderbook.messages import Alert, AlertStatus, Book, BookState, GapCause, Heartbeat, Metrics, Severity

NOW: Final = 1_700_000_000_000
THRESHOLDS: Final = Thresholds(medium=0.5, high=0.7, release=0.3, hold_ms=3000, hold_off_ms=5000)


def metrics(
    *,
    at_ms: int = NOW,
    update_id: int = 10,
    symbol: str = "BTCUSDT",
    venue: str = "binance",
    imbalance: float | None = 0.0,
    mid: float | None = 100.0,
    spread_bps: float | None = 1.0,
    baseline: float | None = 0.01,
) -> Metrics:
    return Metrics(
        venue=venue,
        symbol=symbol,
        event_time_ms=at_ms,
        receive_time_ms=at_ms,
        update_id=update_id,
        state="live",
        best_bid=None,
        best_bid_qty=None,
        best_ask=None,
        best_ask_qty=None,
        bid_depth=None,
        ask_depth=None,
        bid_weighted_depth=None,
        ask_weighted_depth=None,
        spread_baseline=baseline,
        imbalance_ratio=imbalance,
        weighted_imbalance=None,
        vtob_ratio=None,
        spread=None,
        spread_bps=spread_bps,
        mid=mid,
    )


def heartbeat(
    *,
    at_ms: int = NOW,
    update_id: int | None = 10,
    symbol: str = "BTCUSDT",
    venue: str = "binance",
    state: BookState = "live",
    reason: str | None = None,
    cause: GapCause | None = None,
    gaps: int = 0,
    backwards: int = 0,
    crossed: int = 0,
    checks: int = 0,
    mismatches: int = 0,
    snapshot_age_ms: int | None = None,
    coverage_bps: tuple[float | None, float | None] = (None, None),
    stale_after_ms: int | None = None,
    clock_offset_ms: int | None = None,
    latency_counts: Sequence[int] = (),
) -> Heartbeat:
    return Heartbeat(
        venue=venue,
        symbol=symbol,
        event_time_ms=at_ms,
        receive_time_ms=at_ms,
        update_id=update_id,
        state=state,
        cause=cause,
        reason=reason,
        gaps=gaps,
        backwards=backwards,
        crossed=crossed,
        oracle_checks=checks,
        oracle_mismatches=mismatches,
        snapshot_age_ms=snapshot_age_ms,
        bid_coverage_bps=coverage_bps[0],
        ask_coverage_bps=coverage_bps[1],
        stale_after_ms=stale_after_ms,
        clock_offset_ms=clock_offset_ms,
        latency_counts=list(latency_counts),
    )


def alert(
    alert_id: str = "a",
    *,
    step: int = 0,
    symbol: str = "BTCUSDT",
    venue: str = "binance",
    rule: str = "extreme_imbalance",
    side: Literal["bid", "ask"] | None = "bid",
    status: AlertStatus = "FIRING",
    severity: Severity = "medium",
    onset_ms: int = NOW,
    event_ms: int = NOW,
    peak: float = 0.6,
) -> Alert:
    return Alert(
        venue=venue,
        symbol=symbol,
        alert_id=alert_id,
        step=step,
        rule=rule,
        side=side,
        status=status,
        severity=severity,
        event_time_ms=event_ms,
        onset_time_ms=onset_ms,
        value=peak,
        peak=peak,
        threshold=0.5,
    )


def book(*, update_id: int = 10, symbol: str = "BTCUSDT") -> Book:
    return Book(
        venue="binance",
        symbol=symbol,
        event_time_ms=NOW,
        receive_time_ms=NOW,
        update_id=update_id,
        bid_price=[99.0, 98.0],
        bid_qty=[1.0, 3.0],
        ask_price=[101.0, 103.0, 104.0],
        ask_qty=[2.0, 2.0, 4.0],
        state="live",
    )
