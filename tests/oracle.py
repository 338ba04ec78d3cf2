"""An independent second computation of books, metrics and windows: plain dicts and polars, no code of the product.

Definitions: Qb, Qa are the quantities of the ten best levels a side, w_i = 1/i, M the mid. Windows are [s, s + 1000)
of the exchange's event time.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import Any

import polars as pl

DEPTH = 10
BASELINE_BOOKS = 600
METRICS = ("imbalance_ratio", "weighted_imbalance", "vtob_ratio", "spread", "spread_bps", "mid")
STATISTICS = ("first", "last", "min", "max", "mean")


def books_of_recording(messages: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The ten best levels after every spot diff that the snapshot does not hold, from the frames as recorded."""
    diffs: list[dict[str, Any]] = []
    snapshot: dict[str, Any] = {}
    for message in messages:
        if "lastUpdateId" in message:
            snapshot = message
        elif message["data"].get("e") == "depthUpdate":
            diffs.append(message["data"])
    bids = {float(price): float(quantity) for price, quantity in snapshot["bids"]}
    asks = {float(price): float(quantity) for price, quantity in snapshot["asks"]}
    last = snapshot["lastUpdateId"]
    for diff in diffs:
        if diff["u"] <= snapshot["lastUpdateId"]:
            continue
        assert diff["U"] <= last + 1 <= diff["u"], "the recording itself has a gap"
        last = diff["u"]
        for side, changes in ((bids, diff["b"]), (asks, diff["a"])):
            side.update({float(price): float(quantity) for price, quantity in changes})
            for price, _ in changes:
                if side[float(price)] == 0:
                    del side[float(price)]
        best_bids = heapq.nlargest(DEPTH, bids)
        best_asks = heapq.nsmallest(DEPTH, asks)
        yield {
            "symbol": diff["s"],
            "event_time_ms": diff["E"],
            "update_id": diff["u"],
            "bid_price": best_bids,
            "bid_qty": [bids[price] for price in best_bids],
            "ask_price": best_asks,
            "ask_qty": [asks[price] for price in best_asks],
        }


def metrics(books: pl.DataFrame) -> pl.DataFrame:
    """Every metric of each book; `books` in the order of the updates, with at least one level a side."""
    top = [pl.col(side).list.head(DEPTH) for side in ("bid_qty", "ask_qty")]
    books = books.with_columns(bid_qty=top[0], ask_qty=top[1])
    weights = pl.int_ranges(1, pl.col("bid_qty").list.len() + 1), pl.int_ranges(1, pl.col("ask_qty").list.len() + 1)
    sums = books.with_columns(
        bid_depth=pl.col("bid_qty").list.sum(),
        ask_depth=pl.col("ask_qty").list.sum(),
        bid_weighted_depth=(pl.col("bid_qty") / weights[0].cast(pl.List(pl.Float64))).list.sum(),
        ask_weighted_depth=(pl.col("ask_qty") / weights[1].cast(pl.List(pl.Float64))).list.sum(),
        best_bid=pl.col("bid_price").list.first(),
        best_ask=pl.col("ask_price").list.first(),
        best_bid_qty=pl.col("bid_qty").list.first(),
        best_ask_qty=pl.col("ask_qty").list.first(),
    )
    qb, qa = pl.col("bid_depth"), pl.col("ask_depth")
    wb, wa = pl.col("bid_weighted_depth"), pl.col("ask_weighted_depth")
    spread = pl.col("best_ask") - pl.col("best_bid")
    mid = (pl.col("best_ask") + pl.col("best_bid")) / 2
    return sums.with_columns(
        imbalance_ratio=(qb - qa) / (qb + qa),
        weighted_imbalance=(wb - wa) / (wb + wa),
        vtob_ratio=(pl.col("best_bid_qty") + pl.col("best_ask_qty")) / (qb + qa),
        spread=spread,
        spread_bps=10_000 * spread / mid,
        mid=mid,
    ).with_columns(
        spread_baseline=pl.col("spread").rolling_mean(BASELINE_BOOKS, min_samples=1).over("symbol"),
    )


def windows(of_metrics: pl.DataFrame) -> pl.DataFrame:
    """The one-second windows of the metrics, sorted by symbol and start."""
    statistics = [
        getattr(pl.col(name), statistic)().alias(f"{name}_{statistic}") for name in METRICS for statistic in STATISTICS
    ]
    return (
        of_metrics.with_columns(window_start_ms=pl.col("event_time_ms") // 1000 * 1000)
        .group_by("symbol", "window_start_ms", maintain_order=True)
        .agg(
            pl.len().alias("updates"),
            pl.col("update_id").first().alias("first_update_id"),
            pl.col("update_id").last().alias("last_update_id"),
            *statistics,
        )
        .sort("symbol", "window_start_ms")
    )


def assert_equal(ours: pl.DataFrame, theirs: pl.DataFrame, *, exact: list[str], close: list[str]) -> None:
    """Every row of the two equal: `exact` columns identical, `close` ones within 1e-9 of their size (of 1, if less)."""
    assert ours.height == theirs.height
    for name in exact:
        assert ours[name].to_list() == theirs[name].to_list(), name
    for name in close:
        assert ours[name].null_count() == theirs[name].null_count(), name
        scale = theirs[name].abs().clip(lower_bound=1.0)
        wrong = ((ours[name] - theirs[name]).abs() / scale > 1e-9).arg_true().to_list()
        assert not wrong, f"{name} differs at {len(wrong)} rows, first at {wrong[0]}"
