"""The metric catalogue: each metric stands here once, and the SQL, the tables and the labels come from it.

Notation: Qb, Qa are the quantities of the top CALCULATE_DEPTH levels a side, summed; Pb, Pa and qb, qa the best prices
and the quantities there; M = (Pb+Pa)/2. A book with an empty side leaves every metric undefined (null).

The SQL expressions read these columns, which `flink/sql` derives from each book: `bid_depth` (Qb), `ask_depth` (Qa),
`bid_weighted_depth` and `ask_weighted_depth` (Σ q_i / i), `best_bid` (Pb), `best_ask` (Pa), `best_bid_qty`,
`best_ask_qty`; all are null where a side is empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Final


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its column name, what a screen calls it, its definition, unit, range, source and SQL expression.

    `low` and `high` bound its values where the definition does; None where it does not.
    """

    name: str
    label: str
    definition: str
    unit: str
    low: float | None
    high: float | None
    source: str
    sql: str


METRICS: Final[tuple[Metric, ...]] = (
    Metric(
        name="imbalance_ratio",
        label="Imbalance",
        definition="(Qb - Qa) / (Qb + Qa)",
        unit="ratio",
        low=-1,
        high=1,
        source="common",
        sql="(bid_depth - ask_depth) / NULLIF(bid_depth + ask_depth, 0)",
    ),
    Metric(
        name="weighted_imbalance",
        label="Weighted imbalance",
        definition="(Σ qb_i/i - Σ qa_i/i) / (Σ qb_i/i + Σ qa_i/i)",
        unit="ratio",
        low=-1,
        high=1,
        source="common",
        sql=("(bid_weighted_depth - ask_weighted_depth) / NULLIF(bid_weighted_depth + ask_weighted_depth, 0)"),
    ),
    Metric(
        name="vtob_ratio",
        label="Share of depth at the touch",
        definition="(qb + qa) / (Qb + Qa)",
        unit="ratio",
        low=0,
        high=1,
        source="common",
        sql="(best_bid_qty + best_ask_qty) / NULLIF(bid_depth + ask_depth, 0)",
    ),
    Metric(
        name="spread",
        label="Spread",
        definition="Pa - Pb",
        unit="quote currency",
        low=0,
        high=None,
        source="common",
        sql="best_ask - best_bid",
    ),
    Metric(
        name="spread_bps",
        label="Spread",
        definition="10^4 (Pa - Pb) / M",
        unit="bps",
        low=0,
        high=None,
        source="common",
        sql="10000 * (best_ask - best_bid) / NULLIF((best_ask + best_bid) / 2, 0)",
    ),
    Metric(
        name="mid",
        label="Mid",
        definition="(Pb + Pa) / 2",
        unit="quote currency",
        low=0,
        high=None,
        source="common",
        sql="(best_ask + best_bid) / 2",
    ),
)

WINDOW_STATISTICS: Final = ("first", "last", "min", "max", "mean")

WINDOW_COLUMNS: Final[tuple[str, ...]] = tuple(
    f"{metric.name}_{statistic}" for metric, statistic in product(METRICS, WINDOW_STATISTICS)
)
"""The numeric columns of a window, metric by metric; the same names in Kafka, in the table and on the screen."""
