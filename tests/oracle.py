"""An independent second computation of books, metrics and windows: plain dicts and polars, no code of the product.

Definitions: Qb, Qa are the quantities of the ten best levels a side, w_i = 1/i, M the mid. Windows are [s, s + w)
of the exchange's event time, s a multiple of w.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
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
WINDOW_DEPTHS = [*(f"{name}_low" for name in SUPPLIES), *(f"{name}_high" for name in COSTS)]
"""The statistics of depth and sweeps that are null in a window whose books nobody measured."""
WINDOW_NUMBERS = [
    *WINDOW_DEPTHS,
    *(f"{name}_{statistic}" for name in (*SUPPLIES, *COSTS) for statistic in ("sum", "count")),
    *(f"{name}_{statistic}" for name in (*AVERAGED, *PRICES) for statistic in ("open", "high", "low", "close")),
    *(f"{name}_{statistic}" for name in (*AVERAGED, *FLOWS) for statistic in ("sum", "count")),
]


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
    """The mean of what is known of a column among a symbol's last records, of which `place` tells the number."""
    return pl.col(name).rolling_mean_by("place", window_size=f"{records}i", min_samples=1).over("symbol")


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


def windows(of_metrics: pl.DataFrame, window_ms: int = 1000) -> pl.DataFrame:
    """The windows of the metrics of live books, sorted by symbol and start."""
    return (
        of_metrics.with_columns(
            window_ms=pl.lit(window_ms, pl.Int64), window_start_ms=pl.col("event_time_ms") // window_ms * window_ms
        )
        .group_by("symbol", "window_ms", "window_start_ms", maintain_order=True)
        .agg(
            pl.len().alias("updates"),
            pl.col("update_id").first().alias("first_update_id"),
            pl.col("update_id").last().alias("last_update_id"),
            *(expression.alias(name) for name, expression in window_statistics()),
        )
        .sort("symbol", "window_start_ms")
    )


def window_statistics() -> Iterator[tuple[str, pl.Expr]]:
    """Each of WINDOW_NUMBERS as polars aggregates it; nulls are left out."""
    for name in (*AVERAGED, *PRICES):
        known = pl.col(name).drop_nulls()
        yield f"{name}_open", known.first()
        yield f"{name}_high", known.max()
        yield f"{name}_low", known.min()
        yield f"{name}_close", known.last()
    for name in SUPPLIES:
        yield f"{name}_low", pl.col(name).min()
    for name in COSTS:
        yield f"{name}_high", pl.col(name).max()
    for name in (*AVERAGED, *FLOWS, *SUPPLIES, *COSTS):
        yield f"{name}_sum", pl.col(name).sum()
        yield f"{name}_count", pl.col(name).count().cast(pl.Int64)


WINDOW_VALUES = [
    *("buy_volume", "sell_volume", "signed_volume", "cvd", "trade_imbalance", "update_rate", "trade_rate"),
    *("return_square_sum", "move_sum", "delta_sum", "delta_square_sum", "move_delta_sum"),
    *("realised_volatility_bps", "kyle_lambda", "vpin", "spread_zscore"),
]
WINDOW_COUNTS = ["buy_trades", "sell_trades", "moves"]


def window_values(
    of_metrics: pl.DataFrame,
    trades: pl.DataFrame,
    window_ms: int,
    bucket_sizes: Mapping[str, float] | None = None,
    buckets_a_day: int = 50,
) -> pl.DataFrame:
    """What only a window has, for each symbol and window with a book.

    `of_metrics` holds the live books, `trades` symbol, event_time_ms and quantity, positive where it was bought.
    Realised volatility after Andersen and others (2003), from the last mids of the seconds; the price impact after Kyle
    (1985): least squares of the seconds' changes of the mid on their signed volumes; VPIN with buckets of the symbol's
    `bucket_sizes`, or else of the pace of the day before over `buckets_a_day`.
    """
    rows = []
    for (symbol,), books in of_metrics.group_by("symbol"):
        own = trades.filter(symbol=symbol)
        seconds = books.group_by(pl.col("event_time_ms") // 1000).agg(
            pl.col("mid").drop_nulls().last(), pl.len().alias("books")
        )
        traded = own.group_by(pl.col("event_time_ms") // 1000).agg(pl.col("quantity"))
        both = seconds.join(traded, on="event_time_ms", how="full", coalesce=True).sort("event_time_ms")
        fixed = (bucket_sizes or {}).get(str(symbol))
        both = both.join(
            vpins(own, [fixed] * own.height if fixed else day_sizes(own, buckets_a_day)), on="event_time_ms", how="left"
        ).sort("event_time_ms")
        both = both.join(spread_zscores(books), on="event_time_ms", how="left").sort("event_time_ms")
        both = both.with_columns(
            pl.col("vpin").forward_fill(),
            before=pl.col("mid").forward_fill().shift(1),
            delta=pl.col("quantity").list.sum().fill_null(0.0),
            window_start_ms=pl.col("event_time_ms") * 1000 // window_ms * window_ms,
        ).with_columns(cvd=pl.col("delta").cum_sum())
        for (start,), of_window in both.group_by("window_start_ms"):
            if of_window["books"].sum():
                rows.append({"symbol": symbol, "window_start_ms": start} | _window_values(of_window, window_ms))
    schema = {"symbol": pl.String(), "window_start_ms": pl.Int64(), "window_ms": pl.Int64()}
    schema |= dict.fromkeys(WINDOW_VALUES, pl.Float64()) | dict.fromkeys(WINDOW_COUNTS, pl.Int64())
    return pl.DataFrame(rows, schema=schema)


def vpins(trades: pl.DataFrame, sizes: Sequence[float | None]) -> pl.DataFrame:
    """The VPIN that stands at the end of each second in which a bucket was filled: columns event_time_ms (s), vpin.

    Easley, López de Prado and O'Hara (2012) with the exact side of each trade: a trade fills bucket after bucket, of
    the size at its time, and of the last 50 full ones the mean of |bought - sold| / size.
    """
    standing: dict[int, float | None] = {}
    bought = sold = 0.0
    imbalances: list[float] = []
    for (time_ms, quantity), size in zip(trades.select("event_time_ms", "quantity").iter_rows(), sizes, strict=True):
        left = abs(quantity) / size if size else 0.0
        while left > 0:
            part = min(left, 1 - bought - sold)
            bought, sold = (bought + part, sold) if quantity > 0 else (bought, sold + part)
            left -= part
            # A remainder of 1e-9 of a bucket is a rounding error of the sums.
            if 1 - bought - sold <= 1e-9:
                imbalances.append(abs(bought - sold))
                bought = sold = 0.0
                standing[time_ms // 1000] = sum(imbalances[-50:]) / 50 if len(imbalances) >= 50 else None
    schema = {"event_time_ms": pl.Int64(), "vpin": pl.Float64()}
    return pl.DataFrame(list(standing.items()), schema=schema, orient="row")


def day_sizes(trades: pl.DataFrame, buckets_a_day: int) -> list[float | None]:
    """Each trade's bucket size by the pace of the UTC day before; None where less than an hour of it is known."""
    day_ms = 86_400_000
    days = trades["event_time_ms"] // day_ms
    volumes = {day: float(trades.filter(days == day)["quantity"].abs().sum()) for day in days.unique()}
    sizes: list[float | None] = []
    for day in days:
        known_ms = min(day_ms, day * day_ms - trades["event_time_ms"][0])
        enough = day - 1 in volumes and known_ms >= 3_600_000
        sizes.append(volumes[day - 1] * day_ms / known_ms / buckets_a_day if enough else None)
    return sizes


def spread_zscores(books: pl.DataFrame) -> pl.DataFrame:
    """Each second's mean spread against what was usual in the last 60 s: columns event_time_ms (s), spread_zscore."""
    means = books.group_by(pl.col("event_time_ms") // 1000).agg(
        pl.col("spread").mean(), pl.col("mid").drop_nulls().last()
    )
    seconds, spreads, mids = (
        means.sort("event_time_ms")[name].to_numpy() for name in ("event_time_ms", "spread", "mid")
    )
    scores: list[tuple[int, float | None]] = []
    for second, spread, mid in zip(seconds, spreads, mids, strict=True):
        usual = spreads[(seconds > second - 60) & (seconds <= second) & ~np.isnan(spreads)]
        score = None
        if len(usual) >= 10 and not math.isnan(spread):
            low, median, high = np.quantile(usual, [0.25, 0.5, 0.75])
            if high - low > 1e-12 * mid:
                score = float((spread - median) / (high - low) * 1.3489795003921634)
        scores.append((int(second), score))
    schema = {"event_time_ms": pl.Int64(), "spread_zscore": pl.Float64()}
    return pl.DataFrame(scores, schema=schema, orient="row")


def _window_values(seconds: pl.DataFrame, window_ms: int) -> dict[str, Any]:
    quantities = [quantity for of_second in seconds["quantity"].drop_nulls() for quantity in of_second]
    bought = [quantity for quantity in quantities if quantity > 0]
    sold = [-quantity for quantity in quantities if quantity < 0]
    pairs = seconds.filter(pl.col("mid").is_not_null() & pl.col("before").is_not_null())
    x, y = pairs["delta"].to_numpy(), (pairs["mid"] - pairs["before"]).to_numpy()
    squares = float(((pairs["mid"] / pairs["before"]).log() ** 2).sum())
    volume = sum(bought) + sum(sold)
    return {
        "window_ms": window_ms,
        "buy_volume": sum(bought),
        "sell_volume": sum(sold),
        "signed_volume": sum(bought) - sum(sold),
        "cvd": seconds.sort("event_time_ms")["cvd"].last(),
        "trade_imbalance": (sum(bought) - sum(sold)) / volume if volume else None,
        "update_rate": 1000 * int(seconds["books"].sum()) / window_ms,
        "trade_rate": 1000 * len(quantities) / window_ms,
        "return_square_sum": squares,
        "move_sum": float(y.sum()),
        "delta_sum": float(x.sum()),
        "delta_square_sum": float(x @ x),
        "move_delta_sum": float(x @ y),
        "realised_volatility_bps": 1e4 * math.sqrt(squares) if len(pairs) else None,
        "kyle_lambda": float(np.polyfit(x, y, 1)[0]) if len(set(x)) > 1 and len(pairs) > 2 else None,
        "vpin": seconds.sort("event_time_ms")["vpin"].last(),
        "spread_zscore": seconds["spread_zscore"].max(),
        "buy_trades": len(bought),
        "sell_trades": len(sold),
        "moves": len(pairs),
    }


def trusted_ms(states: Iterable[tuple[int, bool]], window_ms: int) -> dict[int, int]:
    """How many ms of each window, by its start, one symbol was live; `states` are the times and states of its records.

    Counted ms by ms: in a second that holds a record, an ms has the state of the last record up to it in that second;
    before the second's first record, the state of the record before, if that is at most two seconds older than the
    first; a second without a record is not trusted.
    """
    of_seconds: dict[int, list[tuple[int, bool]]] = {}
    for time_ms, live in states:
        of_seconds.setdefault(time_ms // 1000, []).append((time_ms, live))
    trusted: dict[int, int] = {}
    last: tuple[int, bool] | None = None
    for second, told in of_seconds.items():
        live = last is not None and last[1] and told[0][0] - last[0] <= 2000
        until = dict(told)
        for ms in range(second * 1000, second * 1000 + 1000):
            live = until.get(ms, live)
            start = ms // window_ms * window_ms
            trusted[start] = trusted.get(start, 0) + live
        last = told[-1]
    return trusted


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
