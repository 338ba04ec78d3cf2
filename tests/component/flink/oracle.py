"""What the job has to say about a market, computed with polars from the definitions."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass

import polars as pl

from orderbook.messages import Book, FeedGap, Heartbeat, Trade
from tests import oracle, window_oracle
from tests.component.flink.job import BUCKET_SIZES, BUCKETS_A_DAY, FITTED_FILE
from tests.component.flink.market import DEPTH, Record

BASELINE_RECORDS = 150
WARM_UP = 50
KEY = ("symbol", "update_id")
SIDES = ("bid", "ask")
DEPTHS = tuple(f"{side}_depth" for side in SIDES)
WINDOWS_MS = (1000, 10_000, 60_000)


FLOW_SCHEMA = {
    "symbol": pl.String(),
    "update_id": pl.Int64(),
    "level_flows": pl.List(pl.Float64),
    "ofi": pl.Float64(),
    "multi_level_ofi": pl.Float64(),
}


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
        schema_overrides=dict.fromkeys(
            ("bid_price", "bid_qty", "ask_price", "ask_qty", *oracle.DEPTH_ARRAYS), pl.List(pl.Float64)
        ),
    )
    frame = frame.with_columns(place=pl.Series(_places(records)))
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
        queue_imbalance=(pl.col("best_bid_qty") - pl.col("best_ask_qty"))
        / (pl.col("best_bid_qty") + pl.col("best_ask_qty")),
        weighted_mid=(bid * pl.col("best_ask_qty") + ask * pl.col("best_bid_qty"))
        / (pl.col("best_bid_qty") + pl.col("best_ask_qty")),
    )
    frame = frame.with_columns(pl.when(two_sided).then(value).alias(name) for name, value in oracle.depths().items())
    flows = pl.DataFrame(_flows(records), schema=FLOW_SCHEMA, orient="row")
    frame = frame.join(flows, on=["symbol", "update_id"], how="left", maintain_order="left", validate="1:1")
    of_levels = [pl.col("level_flows").list.get(level) for level in range(DEPTH)]
    tables = fitted_tables()
    of_depth = {symbol: table for symbol, table in tables.items() if len(table.flow_weights) == DEPTH}
    frame = frame.with_columns(
        integrated_ofi=oracle.integrated_flow(of_depth, of_levels), microprice=oracle.microprices(tables)
    )
    usual = {f"{name}_baseline": oracle.rolling_mean(name, BASELINE_RECORDS) for name in ("spread", *DEPTHS)}
    return frame.with_columns(baseline_books=oracle.rolling_count("spread", BASELINE_RECORDS), **usual).drop(
        "bid_price", "bid_qty", "ask_price", "ask_qty", "place"
    )


def fitted_tables() -> dict[str, oracle.Fitted]:
    """The tables of FITTED_FILE that are for the simulator."""
    return {
        table["symbol"]: oracle.Fitted(
            table["tick_size"],
            {
                (spread, tenth): adjustment
                for spread, of_spread in enumerate(table["adjustments"], start=1)
                for tenth, adjustment in enumerate(of_spread)
                if adjustment is not None
            },
            table["flow_weights"],
        )
        for table in json.loads(FITTED_FILE.read_text(encoding="utf-8"))["symbols"]
        if "simulator" in table["venues"]
    }


def _places(records: list[Record]) -> list[int]:
    """Of each book, how many records of its symbol came before it."""
    seen: Counter[str] = Counter()
    places = []
    for record in records:
        message = record.message
        if isinstance(message, Book | Heartbeat | FeedGap):
            if isinstance(message, Book):
                places.append(seen[message.symbol])
            seen[message.symbol] += 1
    return places


def _flows(records: list[Record]) -> list[tuple[str, int, list[float], float, float]]:
    """The order flow imbalances of each book that has them: it and the book before are live, and all between them."""
    flows = []
    before: dict[str, Book | None] = {}
    for record in records:
        message = record.message
        if isinstance(message, FeedGap) or (isinstance(message, Heartbeat) and message.state != "live"):
            before[message.symbol] = None
        elif isinstance(message, Book):
            last = before.get(message.symbol)
            if last is not None and message.state == "live" and _two_sided(last) and _two_sided(message):
                of_levels = [
                    _side_flow(
                        _level(message.bid_price, level),
                        _level(last.bid_price, level),
                        _level(message.bid_qty, level),
                        _level(last.bid_qty, level),
                    )
                    - _side_flow(
                        _negative(_level(message.ask_price, level)),
                        _negative(_level(last.ask_price, level)),
                        _level(message.ask_qty, level),
                        _level(last.ask_qty, level),
                    )
                    for level in range(DEPTH)
                ]
                flows.append((message.symbol, message.update_id, of_levels, of_levels[0], math.fsum(of_levels)))
            before[message.symbol] = message if message.state == "live" else None
    return flows


def _side_flow(price: float | None, last: float | None, qty: float | None, last_qty: float | None) -> float:
    """What came to one side of one level, prices signed so that larger is better; an absent level is worst."""
    price_is, last_was = -math.inf if price is None else price, -math.inf if last is None else last
    came = (qty or 0.0) if price_is >= last_was else 0.0
    left = (last_qty or 0.0) if price_is <= last_was else 0.0
    return came - left


def _level(values: list[float], level: int) -> float | None:
    return values[level] if level < len(values) else None


def _negative(price: float | None) -> float | None:
    return None if price is None else -price


def _two_sided(book: Book) -> bool:
    return bool(book.bid_price and book.ask_price)


def windows(records: list[Record], books: pl.DataFrame) -> pl.DataFrame:
    """One row a symbol and window of 1, 10 and 60 seconds that holds a proven book."""
    proven = books.filter(pl.col("state") == "live")
    trusted = pl.DataFrame(
        [
            (symbol, window_ms, start, ms)
            for symbol, states in _states(records).items()
            for window_ms in WINDOWS_MS
            for start, ms in window_oracle.trusted_ms(states, window_ms).items()
        ],
        schema=["symbol", "window_ms", "window_start_ms", "trusted_ms"],
        orient="row",
    )
    of_all_lengths = pl.concat(window_oracle.windows(proven, window_ms) for window_ms in WINDOWS_MS)
    values = pl.concat(
        window_oracle.window_values(proven, _trades(records), window_ms, BUCKET_SIZES, BUCKETS_A_DAY)
        for window_ms in WINDOWS_MS
    )
    key = ["symbol", "window_ms", "window_start_ms"]
    known = of_all_lengths.join(trusted, on=key, validate="1:1").join(values, on=key, validate="1:1")
    return known.with_columns(
        window_end_ms=pl.col("window_start_ms") + pl.col("window_ms"), updates=pl.col("updates").cast(pl.Int64)
    )


def _trades(records: list[Record]) -> pl.DataFrame:
    """The trades, their quantity negative where it was sold."""
    trades = [record.message for record in records if isinstance(record.message, Trade)]
    return pl.DataFrame(
        [(t.symbol, t.event_time_ms, t.quantity if t.aggressor == "buy" else -t.quantity) for t in trades],
        schema=["symbol", "event_time_ms", "quantity"],
        orient="row",
    )


def _states(records: list[Record]) -> dict[str, list[tuple[int, bool]]]:
    """Of each symbol the time of each of its records and whether it is live from then on."""
    states: dict[str, list[tuple[int, bool]]] = {}
    for record in records:
        message = record.message
        if isinstance(message, Book | Heartbeat | FeedGap) and message.symbol:
            live = message.end_event_time_ms is not None if isinstance(message, FeedGap) else message.state == "live"
            states.setdefault(message.symbol, []).append((message.event_time_ms, live))
    return states


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
