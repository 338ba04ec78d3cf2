"""The reference table of the metrics: how much of the price change of a window its flows explain, from the job's rows.

Windows are aligned to the epoch; the price change is from the last mid before the window to its last mid, regressed on
the window's sums with an intercept, in sample. Windows that the recording does not fill are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl


def r_squared(price_change: Sequence[float], *flows: Sequence[float]) -> float:
    """The share of the variance of `price_change` that a linear regression on `flows` explains."""
    change = np.asarray(price_change)
    regressors = np.column_stack([np.ones(len(change)), *flows])
    coefficients, *_ = np.linalg.lstsq(regressors, change, rcond=None)
    left = change - regressors @ coefficients
    about_mean = change - change.mean()
    return float(1 - (left @ left) / (about_mean @ about_mean))


def full_windows(windows: list[dict[str, Any]], symbol: str, window_ms: int, last_event_ms: int) -> pl.DataFrame:
    """The windows of a symbol that its recording fills, with the change of the mid over each, `mid_change`."""
    of_symbol = pl.DataFrame(
        [row for row in windows if row["symbol"] == symbol and row["window_ms"] == window_ms],
        infer_schema_length=None,
    ).sort("window_start_ms")
    assert set(of_symbol["window_start_ms"].diff().drop_nulls()) == {window_ms}, "the recording has no hole"
    changes = of_symbol.with_columns(mid_change=pl.col("mid_close") - pl.col("mid_close").shift(1))
    return changes.slice(1).filter(pl.col("window_end_ms") <= last_event_ms)


def level_flow_sums(metrics: list[dict[str, Any]], symbol: str, window_ms: int) -> pl.DataFrame:
    """The order flow imbalance of each level, summed over each window: columns window_start_ms, level_1 … level_10."""
    rows = [
        {"window_start_ms": row["event_time_ms"] // window_ms * window_ms}
        | {f"level_{level}": flow for level, flow in enumerate(row["level_flows"], start=1)}
        for row in metrics
        if row["symbol"] == symbol and row["level_flows"] is not None
    ]
    return pl.DataFrame(rows).group_by("window_start_ms").sum()


def explained(
    windows: list[dict[str, Any]], metrics: list[dict[str, Any]], symbol: str, window_ms: int = 10_000
) -> tuple[float, float]:
    """R² of order flow imbalance and of that of ten levels, each a regressor, to three decimals."""
    last_event_ms = max(row["event_time_ms"] for row in metrics if row["symbol"] == symbol)
    full = full_windows(windows, symbol, window_ms, last_event_ms)
    full = full.join(level_flow_sums(metrics, symbol, window_ms), on="window_start_ms", validate="1:1")
    change = full["mid_change"].to_list()
    levels = [full[f"level_{level}"].to_list() for level in range(1, 11)]
    return round(r_squared(change, full["ofi_sum"].to_list()), 3), round(r_squared(change, *levels), 3)


def explained_next(windows: list[dict[str, Any]], metrics: list[dict[str, Any]], symbol: str) -> float:
    """R² of the price change of the next 10 s on the order flow imbalance of these, to three decimals."""
    last_event_ms = max(row["event_time_ms"] for row in metrics if row["symbol"] == symbol)
    full = full_windows(windows, symbol, 10_000, last_event_ms)
    return round(r_squared(full["mid_change"].to_list()[1:], full["ofi_sum"].to_list()[:-1]), 3)


def forecast_errors(metrics: list[dict[str, Any]], symbol: str) -> tuple[float, float]:
    """How far the mid and the microprice are on average from the mid of the first book a second later or after."""
    of_symbol = pl.DataFrame([row for row in metrics if row["symbol"] == symbol], infer_schema_length=None)
    books = of_symbol.sort("update_id").select("event_time_ms", "mid", "microprice")
    later = books.select(pl.col("event_time_ms").alias("later_ms"), pl.col("mid").alias("later"))
    due = books.with_columns(due_ms=pl.col("event_time_ms") + 1000)
    pairs = due.join_asof(later, left_on="due_ms", right_on="later_ms", strategy="forward").drop_nulls()
    later_mid = pairs["later"].to_numpy()
    of_mid, of_microprice = (
        float(np.mean(np.abs(later_mid - pairs[name].to_numpy()))) for name in ("mid", "microprice")
    )
    return of_mid, of_microprice


def explained_by_integrated(windows: list[dict[str, Any]], metrics: list[dict[str, Any]], symbol: str) -> float:
    """R² of the price change over 10 s on the integrated order flow imbalance, to three decimals."""
    last_event_ms = max(row["event_time_ms"] for row in metrics if row["symbol"] == symbol)
    full = full_windows(windows, symbol, 10_000, last_event_ms)
    return round(r_squared(full["mid_change"].to_list(), full["integrated_ofi_sum"].to_list()), 3)


def explained_by_volume(
    windows: list[dict[str, Any]], metrics: list[dict[str, Any]], symbol: str, window_ms: int = 10_000
) -> float:
    """R² of the signed volume of the trades, to three decimals."""
    last_event_ms = max(row["event_time_ms"] for row in metrics if row["symbol"] == symbol)
    full = full_windows(windows, symbol, window_ms, last_event_ms)
    return round(r_squared(full["mid_change"].to_list(), full["signed_volume"].to_list()), 3)
