"""The SQL of the metrics and of their windows, made from the metric catalogue."""

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING, Final

from orderbook.messages import SCHEMA_VERSION
from orderbook.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orderbook.metrics import Statistic

WINDOW_HEAD: Final = {
    "schema_version": str(SCHEMA_VERSION),
    "venue": "venue",
    "symbol": "symbol",
    # A window's books tell its borders exactly, as integers: a TIMESTAMP would pass through 32-bit seconds.
    "window_start_ms": "MIN(event_time_ms) - MOD(MIN(event_time_ms), 1000)",
    "window_end_ms": "MIN(event_time_ms) - MOD(MIN(event_time_ms), 1000) + 1000",
    "updates": "COUNT(*)",
    "first_update_id": "FIRST_VALUE(update_id)",
    "last_update_id": "LAST_VALUE(update_id)",
}
"""What a window says besides its statistics: the field of the message and its SQL."""

_AGGREGATES: Final[dict[Statistic, str]] = {
    "open": "FIRST_VALUE({0})",
    "high": "MAX({0})",
    "low": "MIN({0})",
    "close": "LAST_VALUE({0})",
    "sum": "COALESCE(SUM({0}), 0)",
    "count": "COUNT({0})",
}

STATISTICS: Final = {
    f"{metric.name}_{statistic}": _AGGREGATES[statistic].format(metric.name)
    for metric in METRICS
    for statistic in metric.statistics
}
"""Each numeric column of a window with its SQL over the window's books."""

# Beyond an array's end its element is null.
_TWO_SIDED: Final = "{0}bid_price[1] IS NOT NULL AND {0}ask_price[1] IS NOT NULL"


def quantities(depth: int) -> dict[str, str]:
    """Return the columns the metric catalogue reads, each with its SQL over the book's arrays."""
    expressions = {
        "best_bid": "bid_price[1]",
        "best_bid_qty": "bid_qty[1]",
        "best_ask": "ask_price[1]",
        "best_ask_qty": "ask_qty[1]",
    }
    for side in ("bid", "ask"):
        expressions[f"{side}_depth"] = _sum(f"COALESCE({side}_qty[{level}], 0)" for level in _levels(depth))
    for side in ("bid", "ask"):
        expressions[f"{side}_weighted_depth"] = _sum(
            f"COALESCE({side}_qty[{level}], 0) / {level}" for level in _levels(depth)
        )
    two_sided = _TWO_SIDED.format("")
    return {name: f"CASE WHEN {two_sided} THEN {expression} END" for name, expression in expressions.items()}


def level_flows(depth: int) -> str:
    """Return the SQL of the array of each level's order flow imbalance; `last_*` are the arrays of the book before."""
    flows = ",\n    ".join(_level_flow(level) for level in _levels(depth))
    known = f"book_state = 'live' AND last_breaks = breaks AND {_TWO_SIDED.format('')} AND {_TWO_SIDED.format('last_')}"
    return f"CASE WHEN {known} THEN ARRAY[\n    {flows}\n  ] END"


def metric_expressions(depth: int) -> dict[str, str]:
    """Return each metric with its SQL over the columns of a record."""
    flow_sum = _sum(f"level_flows[{level}]" for level in _levels(depth))
    return {metric.name: Template(metric.sql).substitute(level_flow_sum=flow_sum) for metric in METRICS}


def _level_flow(level: int) -> str:
    """A level that is not there has quantity 0 at the worst of all prices: it comes and goes as any other."""
    bid, last_bid = f"COALESCE(bid_price[{level}], 0)", f"COALESCE(last_bid_price[{level}], 0)"
    ask, last_ask = f"COALESCE(ask_price[{level}], 1E308)", f"COALESCE(last_ask_price[{level}], 1E308)"
    return " ".join(
        (
            f"CASE WHEN {bid} >= {last_bid} THEN COALESCE(bid_qty[{level}], 0) ELSE 0 END",
            f"- CASE WHEN {bid} <= {last_bid} THEN COALESCE(last_bid_qty[{level}], 0) ELSE 0 END",
            f"- CASE WHEN {ask} <= {last_ask} THEN COALESCE(ask_qty[{level}], 0) ELSE 0 END",
            f"+ CASE WHEN {ask} >= {last_ask} THEN COALESCE(last_ask_qty[{level}], 0) ELSE 0 END",
        )
    )


def _levels(depth: int) -> range:
    return range(1, depth + 1)


def _sum(terms: Iterable[str]) -> str:
    return " + ".join(terms)
