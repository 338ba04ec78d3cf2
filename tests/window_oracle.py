"""An independent second computation of the windows, with polars and numpy, from the metrics of `tests.oracle`.

Windows are [s, s + w) of the exchange's event time, s a multiple of w.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from tests.oracle import AVERAGED, COSTS, FLOWS, PRICES, SUPPLIES

WINDOW_DEPTHS = [*(f"{name}_low" for name in SUPPLIES), *(f"{name}_high" for name in COSTS)]
"""The statistics of depth and sweeps that are null in a window whose books nobody measured."""
WINDOW_NUMBERS = [
    *WINDOW_DEPTHS,
    *(f"{name}_{statistic}" for name in (*SUPPLIES, *COSTS) for statistic in ("sum", "count")),
    *(f"{name}_{statistic}" for name in (*AVERAGED, *PRICES) for statistic in ("open", "high", "low", "close")),
    *(f"{name}_{statistic}" for name in (*AVERAGED, *FLOWS) for statistic in ("sum", "count")),
]


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
