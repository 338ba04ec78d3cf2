"""Records as the bridge leaves them in Redis, with only what a test cares about to be said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from orderbook.alerts import Thresholds
from orderbook.messages import Alert, AlertStatus, Book, BookState, GapCause, Heartbeat, Metrics, Severity
from tests.records import new_book, new_heartbeat, new_metrics

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
    return new_metrics(
        symbol,
        at_ms,
        update_id,
        venue=venue,
        spread_baseline=baseline,
        imbalance_ratio=imbalance,
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
    return new_heartbeat(
        symbol,
        at_ms,
        venue=venue,
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
    bids = [(99.0, 1.0), (98.0, 3.0)]
    asks = [(101.0, 2.0), (103.0, 2.0), (104.0, 4.0)]
    return new_book(symbol, NOW, update_id, bids, asks, venue="binance")
