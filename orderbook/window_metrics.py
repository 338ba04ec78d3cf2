"""The catalogue of what only a window has: trades and their sums, returns and what comes from the two together.

Notation: Vb and Vs are the quantities bought and sold in the window by the side that took liquidity, Nb and Ns the
trades; over the window's seconds with a live book, r is the logarithm of a second's last mid over the last mid before
the second, y the difference of the two, and x the second's Vb - Vs.

A sum is computed for each second and added up in the longer windows. What is made of sums is computed for each length
anew, from the sums of that length: its SQL reads their columns, `updates` and `window_ms`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

RolledUp = Literal["sum", "count", "close", "high"]
"""How a longer window takes it from the shorter: added up (a `count` is a whole number), the last, or the largest."""


@dataclass(frozen=True, slots=True)
class WindowMetric:
    """One column of a window: its name, what a screen calls it, definition, unit, range, source and SQL expression.

    `rolled_up` is None where it is made of the window's sums. What is rolled up reads each second's columns of
    `flink/sql/seconds.sql`, or aggregates trades; `undefined` says what makes it null.
    """

    name: str
    label: str
    definition: str
    unit: str
    low: float | None
    high: float | None
    undefined: str
    source: str
    sql: str
    rolled_up: RolledUp | None = None


VPIN_BUCKETS: Final = 50
"""Full buckets of volume that VPIN looks back."""
USUAL_SECONDS: Final = 60
LEAST_USUAL_SECONDS: Final = 10

NEVER: Final = "never: 0 without trades"
NO_RETURN: Final = "never: 0 without a second that has a mid before it"
COMMON: Final = "common"


def _trades(name: str, label: str, definition: str, side: str) -> WindowMetric:
    return WindowMetric(
        name=name,
        label=label,
        definition=definition,
        unit="trades",
        low=0,
        high=None,
        undefined=NEVER,
        source=COMMON,
        sql=f"COUNT(CASE WHEN aggressor = '{side}' THEN quantity END)",
        rolled_up="count",
    )


def _volume(name: str, label: str, definition: str, side: str) -> WindowMetric:
    return WindowMetric(
        name=name,
        label=label,
        definition=definition,
        unit="base currency",
        low=0,
        high=None,
        undefined=NEVER,
        source=COMMON,
        sql=f"COALESCE(SUM(CASE WHEN aggressor = '{side}' THEN quantity END), 0)",
        rolled_up="sum",
    )


TRADE_SUMS: Final[tuple[WindowMetric, ...]] = (
    _volume("buy_volume", "Bought", "Vb", "buy"),
    _volume("sell_volume", "Sold", "Vs", "sell"),
    _trades("buy_trades", "Buys", "Nb", "buy"),
    _trades("sell_trades", "Sells", "Ns", "sell"),
)
"""Aggregated from the trades of each second."""

RUNNING: Final[tuple[WindowMetric, ...]] = (
    WindowMetric(
        name="cvd",
        label="Cumulative volume delta",
        definition="Σ (Vb - Vs) from the job's first record to the end of the window",
        unit="base currency",
        low=None,
        high=None,
        undefined=NEVER,
        source=COMMON,
        sql="cvd",
        rolled_up="close",
    ),
    WindowMetric(
        name="vpin",
        label="VPIN",
        definition=(
            f"Σ |Vb - Vs| / Σ (Vb + Vs) over the last {VPIN_BUCKETS} full buckets of equal volume; a trade is cut at a "
            "bucket's edge. A bucket is 1/VPIN_BUCKETS_A_DAY of a day's volume by the pace of the UTC day before, or "
            "what VPIN_BUCKET_SIZES says"
        ),
        unit="ratio",
        low=0,
        high=1,
        undefined=f"fewer than {VPIN_BUCKETS} buckets are full, or less than an hour of the day before was seen",
        source="Easley, López de Prado and O'Hara 2012; for what it is worth, Andersen and Bondarenko 2014",
        sql="vpin",
        rolled_up="close",
    ),
)
"""Running over the seconds: the newest value at the end of the window."""

AGAINST_USUAL: Final[tuple[WindowMetric, ...]] = (
    WindowMetric(
        name="spread_zscore",
        label="Spread, robust z-score",
        definition=(
            "(s - median) / (IQR / 1.349), s the mean spread of a second's books, median and distance of the quartiles "
            f"over those of the last {USUAL_SECONDS} seconds that have books, this one included; of a longer window "
            "the largest"
        ),
        unit="standard deviations",
        low=None,
        high=None,
        undefined=(
            f"fewer than {LEAST_USUAL_SECONDS} such seconds, or the spread was the same in the middle half of them, as "
            "it is where it hardly ever leaves one tick"
        ),
        source="common; the IQR of a normal distribution is 1.349 standard deviations",
        sql=(
            f"CASE WHEN usual_seconds >= {LEAST_USUAL_SECONDS} AND spread_quartiles[3] - spread_quartiles[1] > "
            "1E-12 * mid_close THEN (spread_sum / NULLIF(spread_count, 0) - spread_quartiles[2]) "
            "/ ((spread_quartiles[3] - spread_quartiles[1]) / 1.3489795003921634E0) END"
        ),
        rolled_up="high",
    ),
)
"""Of each second, against those before: its SQL reads `usual_seconds` and `spread_quartiles` besides its columns."""


def _of_seconds(name: str, label: str, definition: str, unit: str, sql: str) -> WindowMetric:
    return WindowMetric(
        name=name,
        label=label,
        definition=definition,
        unit=unit,
        low=0 if "²" in definition else None,
        high=None,
        undefined=NO_RETURN,
        source=COMMON,
        sql=f"COALESCE({sql}, 0)",
        rolled_up="sum",
    )


_MOVE: Final = "(mid_close - mid_before)"
_DELTA: Final = "(buy_volume - sell_volume)"
_PAIRED: Final = f"CASE WHEN mid_close IS NOT NULL AND mid_before IS NOT NULL THEN {_DELTA} END"

SECOND_SUMS: Final[tuple[WindowMetric, ...]] = (
    WindowMetric(
        name="moves",
        label="Seconds with a return",
        definition="number of seconds with a live book and a mid before them",
        unit="seconds",
        low=0,
        high=None,
        undefined=NO_RETURN,
        source=COMMON,
        sql=f"CASE WHEN {_MOVE} IS NOT NULL THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END",
        rolled_up="count",
    ),
    _of_seconds(
        "return_square_sum", "Realised variance", "Σ r²", "1", "POWER(LN(mid_close / NULLIF(mid_before, 0)), 2)"
    ),
    _of_seconds("move_sum", "Price change", "Σ y", "quote currency", _MOVE),
    _of_seconds("delta_sum", "Signed volume", "Σ x over the seconds that have a y", "base currency", _PAIRED),
    _of_seconds("delta_square_sum", "Signed volume, squared", "Σ x²", "base currency²", f"({_PAIRED}) * {_DELTA}"),
    _of_seconds("move_delta_sum", "Price change by signed volume", "Σ x y", "product", f"{_MOVE} * {_DELTA}"),
)
"""Of each second, from its columns and `mid_before`, the last mid before it."""

DERIVED: Final[tuple[WindowMetric, ...]] = (
    WindowMetric(
        name="trade_imbalance",
        label="Trade imbalance",
        definition="(Vb - Vs) / (Vb + Vs)",
        unit="ratio",
        low=-1,
        high=1,
        undefined="nothing was traded",
        source=COMMON,
        sql="(buy_volume - sell_volume) / NULLIF(buy_volume + sell_volume, 0)",
    ),
    WindowMetric(
        name="signed_volume",
        label="Volume delta",
        definition="Vb - Vs",
        unit="base currency",
        low=None,
        high=None,
        undefined=NEVER,
        source=COMMON,
        sql="buy_volume - sell_volume",
    ),
    WindowMetric(
        name="update_rate",
        label="Updates a second",
        definition="live books over the window's length",
        unit="1/s",
        low=0,
        high=None,
        undefined="never",
        source=COMMON,
        sql="updates * 1000E0 / window_ms",
    ),
    WindowMetric(
        name="trade_rate",
        label="Trades a second",
        definition="Nb + Ns over the window's length",
        unit="1/s",
        low=0,
        high=None,
        undefined="never",
        source=COMMON,
        sql="(buy_trades + sell_trades) * 1000E0 / window_ms",
    ),
    WindowMetric(
        name="realised_volatility_bps",
        label="Realised volatility",
        definition="10^4 sqrt(Σ r²), over the window and not scaled to a year",
        unit="bps",
        low=0,
        high=None,
        undefined="no second of the window has a return",
        source="Andersen, Bollerslev, Diebold and Labys 2003",
        sql="CASE WHEN moves > 0 THEN 10000 * SQRT(return_square_sum) END",
    ),
    WindowMetric(
        name="kyle_lambda",
        label="Price impact of signed volume",
        definition="(n Σ x y - Σ x Σ y) / (n Σ x² - (Σ x)²), the slope of y on x over the window's n seconds",
        unit="quote currency / base currency",
        low=None,
        high=None,
        undefined="fewer than three seconds have a y, or the signed volume is the same in all of them",
        source="Kyle 1985",
        sql=(
            "CASE WHEN moves >= 3 THEN (moves * move_delta_sum - delta_sum * move_sum) "
            "/ NULLIF(moves * delta_square_sum - delta_sum * delta_sum, 0) END"
        ),
    ),
)
"""Made of the sums of each window."""

WINDOW_METRICS: Final = (*TRADE_SUMS, *RUNNING, *SECOND_SUMS, *AGAINST_USUAL, *DERIVED)
