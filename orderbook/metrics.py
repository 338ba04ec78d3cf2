"""The metric catalogue: each metric stands here once; the SQL, the tables, the docs page and the labels come from it.

Notation: Qb, Qa are the quantities of the top CALCULATE_DEPTH levels a side, summed; Pb, Pa and qb, qa the best prices
and the quantities there; pb_k, qb_k, pa_k, qa_k those of level k; M = (Pb+Pa)/2; a dash marks the book before. A book
with an empty side leaves every metric undefined (null).

The SQL expressions read these columns, which `flink/sql` derives from each book: `bid_depth` (Qb), `ask_depth` (Qa),
`bid_weighted_depth` and `ask_weighted_depth` (Σ q_i / i), `best_bid` (Pb), `best_ask` (Pa), `best_bid_qty`,
`best_ask_qty`, all null where a side is empty; and `level_flows`, the array of e_1 … e_CALCULATE_DEPTH (see `ofi`).
`$level_flow_sum` stands for the sum of that array and `$weighted_flow_sum` for the sum of it times the weights fitted
for the symbol. `adjustments` are those of the microprice (`orderbook.fitted`) in quote currency, one spread after the
other, and behind them the tick size. What comes from all levels of the local book is measured at ingest
(`orderbook.depth`): the metrics of DEPTH_METRICS read it from the columns of INGESTED.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from orderbook.depth import DEPTH_BANDS_BPS, SWEEP_NOTIONALS
from orderbook.fitted import IMBALANCE_BUCKETS, SPREAD_STATES, TICK_PLACE
from orderbook.window_metrics import WINDOW_METRICS

Statistic = Literal["open", "high", "low", "close", "sum", "count"]
"""What a window says of a metric: its first, largest, least and last value, the sum of its values and their number."""

LEVEL: Final[tuple[Statistic, ...]] = ("open", "high", "low", "close")
"""Of prices: a sum of them means nothing."""
AVERAGED: Final[tuple[Statistic, ...]] = (*LEVEL, "sum", "count")
"""Of ratios and spreads: sum over count is the mean over the books, also after windows were added together."""
FLOW: Final[tuple[Statistic, ...]] = ("sum", "count")
"""Of what flows from one book to the next: only its sum over the window has a meaning."""
SUPPLY: Final[tuple[Statistic, ...]] = ("low", "sum", "count")
"""Of depth: how little there was, and the mean."""
COST: Final[tuple[Statistic, ...]] = ("high", "sum", "count")
"""Of a cost: how much it was at worst, and the mean."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its column name, what a screen calls it, its definition, unit, range, source and SQL expression.

    `low` and `high` bound its values where the definition does; None where it does not. `undefined` says what makes it
    null besides an empty side. `statistics` are those of its windows.
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
    statistics: tuple[Statistic, ...]


NEVER: Final = "only by an empty side"
NO_QUANTITY: Final = "the quantities it divides by sum to 0"
NO_BOOK_BEFORE: Final = (
    "the book or the one before it is not live or has an empty side, or the symbol was not live between the two: the "
    "first book after a snapshot has none. It adds nothing to a sum"
)

NOT_FITTED: Final = "no table was fitted for the symbol (`orderbook fit`)"
BEYOND_COVERAGE: Final = "what is verified of the side ends before {} does, or nobody measured it"


def _of_whole_book(
    array: str,
    place: int,
    *,
    name: str,
    label: str,
    definition: str,
    unit: str,
    reach: str,
    statistics: tuple[Statistic, ...],
) -> Metric:
    """A metric that the ingest measures: the element of an array of `Book` at `place`, from 1.

    `reach` says how far the side must be verified for it.
    """
    return Metric(
        name=name,
        label=label,
        definition=definition,
        unit=unit,
        low=0,
        high=None,
        undefined=BEYOND_COVERAGE.format(reach),
        source="common",
        sql=_ingested_column(array, place),
        statistics=statistics,
    )


def _ingested_column(array: str, place: int) -> str:
    return f"{array}_{place}"


DEPTH_METRICS: Final[tuple[Metric, ...]] = (
    *(
        _of_whole_book(
            array,
            place,
            name=f"{side}_depth_{bps}bps",
            label=f"{label} within {bps} bps",
            definition=f"the quantity of all {side}s with price {bound} {bps}/10^4)",
            unit="base currency",
            reach="the band",
            statistics=SUPPLY,
        )
        for array, side, label, bound in (
            ("bid_depth_within", "bid", "Bids", "≥ M (1 -"),
            ("ask_depth_within", "ask", "Asks", "≤ M (1 +"),
        )
        for place, bps in enumerate(DEPTH_BANDS_BPS, start=1)
    ),
    *(
        _of_whole_book(
            array,
            place,
            name=f"{aggressor}_cost_{notional / 1000:.0f}k_bps",
            label=f"Cost to {aggressor} {notional:,.0f}",
            definition=f"10^4 ({distance}) / M, P the average price of {notional:,.0f} from the {side}",
            unit="bps",
            reach="what the notional takes",
            statistics=COST,
        )
        for array, aggressor, side, distance in (
            ("buy_sweep_bps", "buy", "asks", "P - M"),
            ("sell_sweep_bps", "sell", "bids", "M - P"),
        )
        for place, notional in enumerate(SWEEP_NOTIONALS, start=1)
    ),
)
"""What comes from all levels of the local book."""

INGESTED: Final[dict[str, str]] = {
    _ingested_column(array, place): f"{array}[{place}]"
    for array, length in (
        ("bid_depth_within", len(DEPTH_BANDS_BPS)),
        ("ask_depth_within", len(DEPTH_BANDS_BPS)),
        ("buy_sweep_bps", len(SWEEP_NOTIONALS)),
        ("sell_sweep_bps", len(SWEEP_NOTIONALS)),
    )
    for place in range(1, length + 1)
}
"""The column that each of DEPTH_METRICS reads, with its SQL over the arrays of a `Book`."""

METRICS: Final[tuple[Metric, ...]] = (
    Metric(
        name="imbalance_ratio",
        label="Imbalance",
        definition="(Qb - Qa) / (Qb + Qa)",
        unit="ratio",
        low=-1,
        high=1,
        undefined=NO_QUANTITY,
        source="common",
        sql="(bid_depth - ask_depth) / NULLIF(bid_depth + ask_depth, 0)",
        statistics=AVERAGED,
    ),
    Metric(
        name="weighted_imbalance",
        label="Weighted imbalance",
        definition="(Σ qb_i/i - Σ qa_i/i) / (Σ qb_i/i + Σ qa_i/i)",
        unit="ratio",
        low=-1,
        high=1,
        undefined=NO_QUANTITY,
        source="common",
        sql="(bid_weighted_depth - ask_weighted_depth) / NULLIF(bid_weighted_depth + ask_weighted_depth, 0)",
        statistics=AVERAGED,
    ),
    Metric(
        name="queue_imbalance",
        label="Imbalance at the touch",
        definition="(qb - qa) / (qb + qa)",
        unit="ratio",
        low=-1,
        high=1,
        undefined=NO_QUANTITY,
        source="Gould and Bonart 2016, arXiv 1512.03492",
        sql="(best_bid_qty - best_ask_qty) / NULLIF(best_bid_qty + best_ask_qty, 0)",
        statistics=AVERAGED,
    ),
    Metric(
        name="vtob_ratio",
        label="Share of depth at the touch",
        definition="(qb + qa) / (Qb + Qa)",
        unit="ratio",
        low=0,
        high=1,
        undefined=NO_QUANTITY,
        source="common",
        sql="(best_bid_qty + best_ask_qty) / NULLIF(bid_depth + ask_depth, 0)",
        statistics=AVERAGED,
    ),
    Metric(
        name="spread",
        label="Spread",
        definition="Pa - Pb",
        unit="quote currency",
        low=0,
        high=None,
        undefined=NEVER,
        source="common",
        sql="best_ask - best_bid",
        statistics=AVERAGED,
    ),
    Metric(
        name="spread_bps",
        label="Spread",
        definition="10^4 (Pa - Pb) / M",
        unit="bps",
        low=0,
        high=None,
        undefined="the mid is 0",
        source="common",
        sql="10000 * (best_ask - best_bid) / NULLIF((best_ask + best_bid) / 2, 0)",
        statistics=AVERAGED,
    ),
    Metric(
        name="mid",
        label="Mid",
        definition="(Pb + Pa) / 2",
        unit="quote currency",
        low=0,
        high=None,
        undefined=NEVER,
        source="common",
        sql="(best_ask + best_bid) / 2",
        statistics=LEVEL,
    ),
    Metric(
        name="weighted_mid",
        label="Weighted mid",
        definition="(Pb qa + Pa qb) / (qa + qb)",
        unit="quote currency",
        low=0,
        high=None,
        undefined=NO_QUANTITY,
        source="common",
        sql="(best_bid * best_ask_qty + best_ask * best_bid_qty) / NULLIF(best_ask_qty + best_bid_qty, 0)",
        statistics=LEVEL,
    ),
    Metric(
        name="ofi",
        label="Order flow imbalance",
        definition=(
            "e_1, where e_k = qb_k [pb_k ≥ pb_k'] - qb_k' [pb_k ≤ pb_k'] - qa_k [pa_k ≤ pa_k'] + qa_k' [pa_k ≥ pa_k']"
        ),
        unit="base currency",
        low=None,
        high=None,
        undefined=NO_BOOK_BEFORE,
        source="Cont, Kukanov and Stoikov 2014, arXiv 1011.6402",
        sql="level_flows[1]",
        statistics=FLOW,
    ),
    Metric(
        name="multi_level_ofi",
        label="Order flow imbalance of all levels",
        definition="Σ e_k over the top CALCULATE_DEPTH levels; a level that a book does not have is empty",
        unit="base currency",
        low=None,
        high=None,
        undefined=NO_BOOK_BEFORE,
        source="Xu, Gould and Howison 2019, arXiv 1907.06230",
        sql="$level_flow_sum",
        statistics=FLOW,
    ),
    *DEPTH_METRICS,
    Metric(
        name="microprice",
        label="Microprice",
        definition=(
            f"M + g, g by the spread in ticks (1 to {SPREAD_STATES - 1}, and {SPREAD_STATES} or more) and by the part "
            f"of qb / (qb + qa) in {IMBALANCE_BUCKETS}, from a table fitted on the symbol's past"
        ),
        unit="quote currency",
        low=None,
        high=None,
        undefined=f"{NOT_FITTED}, or its past had too few such books; {NO_QUANTITY}",
        source="Stoikov 2018",
        sql=(
            f"(best_ask + best_bid) / 2 + adjustments[CAST({IMBALANCE_BUCKETS} * ("
            f"LEAST(GREATEST(FLOOR((best_ask - best_bid) / adjustments[{TICK_PLACE}] + 0.5E0), 1), "
            f"{SPREAD_STATES}) - 1) + "
            f"LEAST(FLOOR({IMBALANCE_BUCKETS} * (best_bid_qty / NULLIF(best_bid_qty + best_ask_qty, 0))), "
            f"{IMBALANCE_BUCKETS - 1}) + 1 AS INT)]"
        ),
        statistics=LEVEL,
    ),
    Metric(
        name="integrated_ofi",
        label="Integrated order flow imbalance",
        definition=(
            "Σ w_k e_k over the top CALCULATE_DEPTH levels; w is the first principal component of the levels' flows "
            "over 10 s, each divided by the mean depth of a level, fitted on the symbol's past, with Σ |w_k| = 1"
        ),
        unit="base currency",
        low=None,
        high=None,
        undefined=f"{NOT_FITTED}, or with another CALCULATE_DEPTH; {NO_BOOK_BEFORE}",
        source="Cont, Cucuringu and Zhang 2021, arXiv 2112.13213",
        sql="$weighted_flow_sum",
        statistics=FLOW,
    ),
)

WINDOW_COLUMNS: Final[tuple[str, ...]] = (
    *(f"{metric.name}_{statistic}" for metric in METRICS for statistic in metric.statistics),
    *(metric.name for metric in WINDOW_METRICS),
)
"""The numeric columns of a window, those of the books' metrics and those that it alone has.

They bear the same names in Kafka, in the table and on the screen.
"""

COUNT_COLUMNS: Final = frozenset(
    {f"{metric.name}_count" for metric in METRICS if "count" in metric.statistics}
    | {metric.name for metric in WINDOW_METRICS if metric.rolled_up == "count"}
)
"""Those of WINDOW_COLUMNS that hold whole numbers and are never null."""
