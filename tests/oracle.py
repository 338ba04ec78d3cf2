"""An independent second computation of books and metrics: plain dicts and polars, no code of the product.

Definitions: Qb, Qa are the quantities of the ten best levels a side, w_i = 1/i, M the mid.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

DEPTH = 10
BASELINE_RECORDS = 600
AVERAGED = ("imbalance_ratio", "weighted_imbalance", "queue_imbalance", "vtob_ratio", "spread", "spread_bps")
PRICES = ("mid", "weighted_mid", "microprice")
FLOWS = ("ofi", "multi_level_ofi", "integrated_ofi")
SUPPLIES = tuple(f"{side}_depth_{bps}bps" for side in ("bid", "ask") for bps in (5, 10, 25, 50))
COSTS = tuple(f"{aggressor}_cost_{notional}_bps" for aggressor in ("buy", "sell") for notional in ("10k", "100k"))
DEPTH_ARRAYS = ("bid_depth_within", "ask_depth_within", "buy_sweep_bps", "sell_sweep_bps")
METRICS = (*AVERAGED, *PRICES, *FLOWS, *SUPPLIES, *COSTS)


def books_of_recording(messages: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The ten best levels after every diff that the snapshot does not hold, from the frames as recorded.

    Futures tell the last update before a diff (`pu`), of which the first one's may be older than the snapshot.
    """
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
        if diff["u"] < snapshot["lastUpdateId"] + ("pu" not in diff):
            continue
        if last == snapshot["lastUpdateId"]:
            assert diff["U"] <= last + ("pu" not in diff) <= diff["u"], "the recording itself has a gap"
        else:
            assert diff.get("pu", diff["U"] - 1) == last, "the recording itself has a gap"
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


def published(books: pl.DataFrame, raw: list[dict[str, Any]]) -> pl.DataFrame:
    """The books with their places among the records, and what the ingest measured of them.

    tests/unit/orderbook/test_depth_of_books.py judges what it measured.
    """
    seen: Counter[str] = Counter()
    rows = []
    for row in raw:
        place = seen[row["symbol"]]
        seen[row["symbol"]] += 1
        if row["type"] == "book":
            rows.append({name: row[name] for name in ("symbol", "update_id", *DEPTH_ARRAYS)} | {"place": place})
    published = pl.DataFrame(
        rows,
        schema_overrides=dict.fromkeys(DEPTH_ARRAYS, pl.List(pl.Float64)),
    )
    return books.join(published, on=["symbol", "update_id"], how="left", maintain_order="left", validate="1:1")


def trades_of_recording(messages: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """The trades as recorded: symbol, event_time_ms and quantity, negative where the buyer was the maker."""
    trades = [message["data"] for message in messages if message.get("data", {}).get("e") == "trade"]
    return pl.DataFrame(
        {
            "symbol": [trade["s"] for trade in trades],
            "event_time_ms": [trade["E"] for trade in trades],
            "quantity": [float(trade["q"]) * (-1 if trade["m"] else 1) for trade in trades],
        }
    )


@dataclass(frozen=True, slots=True)
class Fitted:
    """A symbol's fitted tables: the microprice less the mid in ticks by (ticks of spread, tenth), and flow weights."""

    tick_size: float
    adjustments: Mapping[tuple[int, int], float]
    flow_weights: Sequence[float]


def metrics(books: pl.DataFrame, fitted: Mapping[str, Fitted] | None = None) -> pl.DataFrame:
    """Every metric of each book; `books` in the order of the updates, with at least one level a side.

    Where they come in several runs, between which a symbol was not live, a column `run` tells these apart. The arrays
    of depth and sweep costs are the ingest's; without them what comes from them is null. `place` counts the records of
    the symbol, heartbeats and gaps too, of which the rolling mean takes the last; without it there are only books.
    """
    unmeasured = pl.lit(None, pl.List(pl.Float64))
    books = books.with_columns(unmeasured.alias(name) for name in DEPTH_ARRAYS if name not in books.columns)
    if "run" not in books.columns:
        books = books.with_columns(run=0)
    if "place" not in books.columns:
        books = books.with_columns(place=pl.int_range(pl.len()).over("symbol"))
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
    return (
        sums.with_columns(
            imbalance_ratio=(qb - qa) / (qb + qa),
            weighted_imbalance=(wb - wa) / (wb + wa),
            vtob_ratio=(pl.col("best_bid_qty") + pl.col("best_ask_qty")) / (qb + qa),
            spread=spread,
            spread_bps=10_000 * spread / mid,
            mid=mid,
            queue_imbalance=(pl.col("best_bid_qty") - pl.col("best_ask_qty"))
            / (pl.col("best_bid_qty") + pl.col("best_ask_qty")),
            weighted_mid=(pl.col("best_bid") * pl.col("best_ask_qty") + pl.col("best_ask") * pl.col("best_bid_qty"))
            / (pl.col("best_bid_qty") + pl.col("best_ask_qty")),
            **level_flows(),
            **depths(),
        )
        .with_columns(
            spread_baseline=rolling_mean("spread", BASELINE_RECORDS),
            ofi=pl.col("flow_1"),
            multi_level_ofi=pl.sum_horizontal(*(f"flow_{level}" for level in range(1, DEPTH + 1)), ignore_nulls=False),
        )
        .with_columns(
            integrated_ofi=integrated_flow(fitted or {}, [pl.col(f"flow_{level}") for level in range(1, DEPTH + 1)]),
            microprice=microprices(fitted or {}),
        )
    )


def integrated_flow(fitted: Mapping[str, Fitted], flows: Sequence[pl.Expr]) -> pl.Expr:
    """The levels' flows times the symbol's weights, summed; null without weights."""
    weighted = pl.lit(None, pl.Float64)
    for symbol, of_symbol in fitted.items():
        terms = [weight * flow for weight, flow in zip(of_symbol.flow_weights, flows, strict=True)]
        total = pl.sum_horizontal(*terms, ignore_nulls=False)
        weighted = pl.when(pl.col("symbol") == symbol).then(total).otherwise(weighted)
    return weighted


def microprices(fitted: Mapping[str, Fitted]) -> pl.Expr:
    """The mid and what the symbol's table says of the book's state; null where the table says nothing."""

    def adjusted(book: dict[str, Any]) -> float | None:
        table = fitted.get(book["symbol"])
        if table is None or book["best_bid"] is None:
            return None
        ticks = min(3, max(1, round((book["best_ask"] - book["best_bid"]) / table.tick_size)))
        tenth = min(9, math.floor(10 * (book["best_bid_qty"] / (book["best_bid_qty"] + book["best_ask_qty"]))))
        adjustment = table.adjustments.get((ticks, tenth))
        return None if adjustment is None else book["mid"] + adjustment * table.tick_size

    touch = ("symbol", "mid", "best_bid", "best_ask", "best_bid_qty", "best_ask_qty")
    return pl.struct(*touch).map_elements(adjusted, pl.Float64)


def rolling_mean(name: str, records: int) -> pl.Expr:
    """The mean of what is known of a column among a symbol's last records, of which `place` tells the number.

    The records are let go a third at a time: of a record in the n-th third from the beginning, those of the thirds
    n - 2 and n - 1 are looked back on, and those of its own up to it.
    """
    return _over_recent(name, records, lambda known: float(known.mean()) if known.size else None)


def rolling_count(name: str, records: int) -> pl.Expr:
    """How many values `rolling_mean` is the mean of."""
    return _over_recent(name, records, lambda known: float(known.size)).cast(pl.Int64)


def _over_recent(name: str, records: int, told: Callable[[npt.NDArray[np.float64]], float | None]) -> pl.Expr:
    third = records // 3

    def of_symbol(rows: pl.Series) -> pl.Series:
        places, values = (rows.struct.field(field).to_numpy() for field in ("place", name))
        found = []
        for row, place in enumerate(places):
            looked_back_on = values[np.searchsorted(places, (place // third - 2) * third) : row + 1].astype(float)
            found.append(told(looked_back_on[~np.isnan(looked_back_on)]))
        return pl.Series(found, dtype=pl.Float64)

    return pl.struct("place", name).map_batches(of_symbol, return_dtype=pl.Float64).over("symbol")


def depths() -> dict[str, pl.Expr]:
    """The figures of the whole local book by name, from the arrays that the ingest publishes with each book."""
    places = {
        "bid_depth_within": SUPPLIES[:4],
        "ask_depth_within": SUPPLIES[4:],
        "buy_sweep_bps": COSTS[:2],
        "sell_sweep_bps": COSTS[2:],
    }
    return {
        name: pl.col(array).list.get(place, null_on_oob=True)
        for array, names in places.items()
        for place, name in enumerate(names)
    }


def level_flows() -> dict[str, pl.Expr]:
    """e_1 … e_DEPTH of Cont, Kukanov and Stoikov (2014, eq. 3), level by level; null for the first book of a run.

    Written with the change of each side's queue: what was added where the price stayed or improved, less what was there
    before where it stayed or worsened.
    """
    flows = {}
    for level in range(DEPTH):
        side_flows = []
        for side, improves in (("bid", 1), ("ask", -1)):
            price = pl.col(f"{side}_price").list.get(level, null_on_oob=True)
            quantity = pl.col(f"{side}_qty").list.get(level, null_on_oob=True)
            moved = (price - price.shift(1).over("symbol", "run")) * improves
            before = quantity.shift(1).over("symbol", "run")
            side_flows.append(
                pl.when(moved > 0).then(quantity).when(moved < 0).then(-before).when(moved == 0).then(quantity - before)
            )
        flows[f"flow_{level + 1}"] = side_flows[0] - side_flows[1]
    return flows


def assert_measured(rows: pl.DataFrame, columns: Sequence[str]) -> None:
    """Some row of each column holds a number: a comparison of nothing but nulls would show nothing."""
    unmeasured = [name for name in columns if rows[name].null_count() == rows.height]
    assert not unmeasured, f"null in every row: {unmeasured}"


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
