"""What the job has to say about a market, computed with polars from the definitions."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from orderbook.messages import Book, Heartbeat
from tests.component.flink.market import DEPTH, Record

BASELINE_UPDATES = 150
WARM_UP = 100
KEY = ("symbol", "update_id")
SIDES = ("bid", "ask")
METRICS = ("imbalance_ratio", "weighted_imbalance", "vtob_ratio", "spread", "spread_bps", "mid")


@dataclass(frozen=True, slots=True)
class Moment:
    """One readable record of a symbol, as its alerts should see it; `values` is empty for a heartbeat."""

    symbol: str
    event_time_ms: int
    values: dict[str, float | None]
    untrusted: str | None
    cause: str | None


def _levels(column: str) -> pl.Expr:
    return pl.col(column).list.head(DEPTH)


def metrics(records: list[Record]) -> pl.DataFrame:
    """One row a book, in the order of the topic."""
    books = [record.message for record in records if isinstance(record.message, Book)]
    frame = pl.DataFrame(
        [{field: getattr(book, field) for field in Book.__struct_fields__} for book in books],
        schema_overrides=dict.fromkeys(("bid_price", "bid_qty", "ask_price", "ask_qty"), pl.List(pl.Float64)),
    )
    two_sided = (pl.col("bid_price").list.len() > 0) & (pl.col("ask_price").list.len() > 0)
    weights = pl.lit(pl.Series([[1 / level for level in range(1, DEPTH + 1)]]), dtype=pl.List(pl.Float64))

    def weighted(column: str) -> pl.Expr:
        size = pl.col(column).list.len().clip(upper_bound=DEPTH)
        return (_levels(column) * weights.list.head(size)).list.sum()

    frame = frame.with_columns(
        best_bid=pl.col("bid_price").list.first(),
        best_bid_qty=pl.col("bid_qty").list.first(),
        best_ask=pl.col("ask_price").list.first(),
        best_ask_qty=pl.col("ask_qty").list.first(),
        bid_depth=_levels("bid_qty").list.sum(),
        ask_depth=_levels("ask_qty").list.sum(),
        bid_weighted_depth=weighted("bid_qty"),
        ask_weighted_depth=weighted("ask_qty"),
    )
    quantities = [name for name in frame.columns if name.startswith("best_") or name.endswith("_depth")]
    frame = frame.with_columns(pl.when(two_sided).then(pl.col(name)).alias(name) for name in quantities)
    bid, ask = pl.col("best_bid"), pl.col("best_ask")
    total = pl.col("bid_depth") + pl.col("ask_depth")
    near, far = pl.col("bid_weighted_depth"), pl.col("ask_weighted_depth")
    frame = frame.with_columns(
        imbalance_ratio=(pl.col("bid_depth") - pl.col("ask_depth")) / total,
        weighted_imbalance=(near - far) / (near + far),
        vtob_ratio=(pl.col("best_bid_qty") + pl.col("best_ask_qty")) / total,
        spread=ask - bid,
        spread_bps=20_000 * (ask - bid) / (ask + bid),
        mid=(ask + bid) / 2,
    )
    rolling = pl.col("spread").rolling_mean(BASELINE_UPDATES, min_samples=1).over("symbol")
    counted = pl.col("spread").is_not_null().cast(pl.Int64).rolling_sum(BASELINE_UPDATES, min_samples=1).over("symbol")
    usual = {
        f"{side}_depth_baseline": pl.col(f"{side}_depth").rolling_mean(BASELINE_UPDATES, min_samples=1).over("symbol")
        for side in SIDES
    }
    return frame.with_columns(spread_baseline=rolling, baseline_books=counted, **usual).drop(
        "bid_price", "bid_qty", "ask_price", "ask_qty"
    )


def windows(books: pl.DataFrame) -> pl.DataFrame:
    """One row a symbol and second, of its proven books."""
    start = pl.col("event_time_ms") // 1000 * 1000
    statistics = []
    for name in METRICS:
        known = pl.col(name).drop_nulls()
        statistics += [
            known.first().alias(f"{name}_first"),
            known.last().alias(f"{name}_last"),
            pl.col(name).min().alias(f"{name}_min"),
            pl.col(name).max().alias(f"{name}_max"),
            pl.col(name).mean().alias(f"{name}_mean"),
        ]
    trusted = books.filter(pl.col("state") == "live")
    return trusted.group_by("venue", "symbol", window_start_ms=start, maintain_order=True).agg(
        (pl.col("event_time_ms").first() // 1000 * 1000 + 1000).alias("window_end_ms"),
        pl.len().cast(pl.Int64).alias("updates"),
        pl.col("update_id").first().alias("first_update_id"),
        pl.col("update_id").last().alias("last_update_id"),
        *statistics,
    )


def moments(records: list[Record], books: pl.DataFrame) -> list[Moment]:
    """Every record of a symbol as the alerts see it, in the order of its partition."""
    ratios = {
        "spread_ratio": pl.col("spread") / pl.col("spread_baseline"),
        "depth_ratio": pl.min_horizontal(pl.col(f"{side}_depth") / pl.col(f"{side}_depth_baseline") for side in SIDES),
    }
    measured = {
        (row["symbol"], row["update_id"]): row
        for row in books.with_columns(
            pl.when(pl.col("baseline_books") >= WARM_UP).then(ratio).alias(name) for name, ratio in ratios.items()
        ).iter_rows(named=True)
    }
    seen: list[Moment] = []
    for record in records:
        message = record.message
        if isinstance(message, Book):
            row = measured[message.symbol, message.update_id]
            why: str | None = None if message.state == "live" else message.state
            seen.append(Moment(message.symbol, message.event_time_ms, row, untrusted=why, cause=message.cause))
        elif isinstance(message, Heartbeat) and message.symbol:
            why = None if message.state == "live" else message.reason
            seen.append(Moment(message.symbol, message.event_time_ms, {}, untrusted=why, cause=message.cause))
    return seen
