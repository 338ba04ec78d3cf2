"""The SQL of the metrics and of their windows, made from the metric catalogue."""

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING, Final

from orderbook.messages import SCHEMA_VERSION
from orderbook.metrics import INGESTED, METRICS
from orderbook.window_metrics import AGAINST_USUAL, DERIVED, RUNNING, SECOND_SUMS, TRADE_SUMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orderbook.fitted import FittedSymbol, FittedTables
    from orderbook.metrics import Statistic
    from orderbook.window_metrics import RolledUp

_ONCE: Final = "RAND() < 1"
"""Always true. What may differ from one reading to the next is computed once for all that reads it: without it the
planner writes an array out again at every reading of one of its elements."""

BELIEVED_MS: Final = 2000
"""How long a state is believed without another record of the symbol: two heartbeats."""

SECONDS_HEAD: Final = {
    # The records tell the borders exactly, as integers: a TIMESTAMP would pass through 32-bit seconds.
    "window_start_ms": "MIN(event_time_ms) - MOD(MIN(event_time_ms), 1000)",
    # The last record's state holds to the end. Books and heartbeats come in any order: their offsets tell the last.
    "trusted_ms": (
        "SUM(trusted_ms) + CASE WHEN MAX(kafka_offset) = MAX(CASE WHEN live THEN kafka_offset END) "
        "THEN 1000 - MOD(MAX(CASE WHEN live IS NOT NULL THEN event_time_ms END), 1000) ELSE 0 END"
    ),
    "updates": "COUNT(update_id)",
    "first_update_id": "FIRST_VALUE(update_id)",
    "last_update_id": "LAST_VALUE(update_id)",
}
"""What a window of a second says besides its statistics, from the records in it."""

TRUSTED_MS: Final = (
    f"CASE WHEN last_live AND event_time_ms - last_event_time_ms BETWEEN 0 AND {BELIEVED_MS} "
    "THEN event_time_ms - GREATEST(last_event_time_ms, event_time_ms - MOD(event_time_ms, 1000)) ELSE 0 END"
)
"""How long the symbol was live before a record and within its second, by the state that the record before it told."""

_AGGREGATES: Final[dict[Statistic, str]] = {
    "open": "FIRST_VALUE({0})",
    "high": "MAX({0})",
    "low": "MIN({0})",
    "close": "LAST_VALUE({0})",
    "sum": "COALESCE(SUM({0}), 0)",
    "count": "COUNT({0})",
}
_ROLLED_UP: Final[dict[Statistic, str]] = {
    "open": "FIRST_VALUE({0})",
    "high": "MAX({0})",
    "low": "MIN({0})",
    "close": "LAST_VALUE({0})",
    "sum": "SUM({0})",
    "count": "SUM({0})",
}

_WINDOW_ROLLED_UP: Final[dict[RolledUp, str]] = {
    "sum": "SUM({0})",
    "count": "SUM({0})",
    "close": "LAST_VALUE({0})",
    "high": "MAX({0})",
}

STATISTICS: Final = {
    f"{metric.name}_{statistic}": _AGGREGATES[statistic].format(metric.name)
    for metric in METRICS
    for statistic in metric.statistics
}
"""Each statistic of a window with its SQL over the window's books."""

TRADE_AGGREGATES: Final = {metric.name: metric.sql for metric in TRADE_SUMS}
"""What is aggregated from the trades of a second."""

OF_SECONDS: Final = {metric.name: metric.sql for metric in (*SECOND_SUMS, *AGAINST_USUAL)}
"""What is computed for a second from its columns, the mid before it and what was usual."""

ROLLED_UP: Final = (
    {
        "trusted_ms": "SUM(trusted_ms)",
        "updates": "SUM(updates)",
        "first_update_id": "FIRST_VALUE(first_update_id)",
        "last_update_id": "LAST_VALUE(last_update_id)",
    }
    | {
        f"{metric.name}_{statistic}": _ROLLED_UP[statistic].format(f"{metric.name}_{statistic}")
        for metric in METRICS
        for statistic in metric.statistics
    }
    | {
        metric.name: _WINDOW_ROLLED_UP[metric.rolled_up].format(metric.name)
        for metric in (*TRADE_SUMS, *RUNNING, *SECOND_SUMS, *AGAINST_USUAL)
        if metric.rolled_up is not None
    }
)
"""The columns of a longer window with their SQL over the shorter windows in it."""

_NO_ASK: Final = "1E308"
_LEVEL: Final = {"bid_price": "0", "bid_qty": "0", "ask_price": _NO_ASK, "ask_qty": "0"}
"""The arrays of a book that tell of its levels, each with what stands for one that is not there."""

_LAST_COUNTS: Final = ("kafka_offset", "level_updates", "trades")
"""What a record tells of the symbol's book before it besides its levels: whole numbers that a DOUBLE holds exactly."""


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
    expressions |= INGESTED
    # Beyond an array's end its element is null.
    two_sided = "bid_price[1] IS NOT NULL AND ask_price[1] IS NOT NULL"
    return {name: f"CASE WHEN {two_sided} THEN {expression} END" for name, expression in expressions.items()}


def book_told(depth: int) -> str:
    """Return the SQL of the array of all that the book after this one needs to know of it; null for other records.

    One array, because each column that an OVER looks back on costs as much as this one does. First the levels, best
    first, as `_LEVEL` has them, then `_LAST_COUNTS`. A level that is not there has quantity 0 at the worst of all
    prices: it comes and goes as any other.
    """
    levels = (f"COALESCE({name}[{level}], {missing})" for level in _levels(depth) for name, missing in _LEVEL.items())
    told = ", ".join((*levels, *(f"CAST({name} AS DOUBLE)" for name in _LAST_COUNTS)))
    return f"CASE WHEN `type` = 'book' THEN ARRAY[{told}] END"


def last_columns(depth: int) -> dict[str, str]:
    """Return the columns of a record that tell of the symbol's book before it, each with its SQL."""
    bid, ask = _told("last", "bid_price", 1), _told("last", "ask_price", 1)
    of_levels = {
        "last_mid": f"({bid} + {ask}) / 2",
        "last_bid_depth": _sum(_told("last", "bid_qty", level) for level in _levels(depth)),
        "last_ask_depth": _sum(_told("last", "ask_qty", level) for level in _levels(depth)),
    }
    counts = {f"last_{name}": f"CAST({_told_count(name, depth)} AS BIGINT)" for name in _LAST_COUNTS}
    return {name: f"CASE WHEN {_two_sided('last')} THEN {sql} END" for name, sql in of_levels.items()} | counts


def follows_on(depth: int) -> str:
    """Return the SQL of whether a record is a live book and the symbol was live at the book before and since then."""
    return f"record_type = 'book' AND live AND {_told_count('kafka_offset', depth)} > untrusted_before"


def level_flows(depth: int) -> str:
    """Return the SQL of the array of each level's order flow imbalance.

    `newest_told` is of the book and `last_told` of the book before. An element that may be null, as the first one is,
    makes all of them so to the planner, which otherwise takes the levels of an array that is null for numbers.
    """
    first, *others = (_level_flow(level) for level in _levels(depth))
    flows = ",\n    ".join((f"CASE WHEN {_ONCE} THEN {first} END", *others))
    comparable = f"{follows_on(depth)} AND {_two_sided('newest')} AND {_two_sided('last')}"
    return f"CASE WHEN {comparable} THEN ARRAY[\n    {flows}\n  ] END"


def adjustments(tables: FittedTables) -> str:
    """Return the SQL of the array of a symbol's adjustments of the microprice, in quote currency, and its tick size."""
    return _by_symbol(
        (
            fitted,
            [
                *(
                    None if adjustment is None else adjustment * fitted.tick_size
                    for of_spread in fitted.adjustments
                    for adjustment in of_spread
                ),
                fitted.tick_size,
            ],
        )
        for fitted in tables.symbols
    )


def flow_weights(tables: FittedTables, depth: int) -> str:
    """Return the SQL of the array of a symbol's weights of the levels' flows; null where there are not `depth`."""
    return _by_symbol((fitted, fitted.flow_weights) for fitted in tables.symbols if len(fitted.flow_weights) == depth)


def metric_expressions(depth: int) -> dict[str, str]:
    """Return each metric with its SQL over the columns of a record."""
    sums = {
        "level_flow_sum": _sum(f"level_flows[{level}]" for level in _levels(depth)),
        "weighted_flow_sum": _sum(f"flow_weights[{level}] * level_flows[{level}]" for level in _levels(depth)),
    }
    return {metric.name: Template(metric.sql).substitute(sums) for metric in METRICS}


def live_metric_expressions() -> dict[str, str]:
    """Return each metric with its SQL for a window: null where the book is not live."""
    return {metric.name: f"CASE WHEN live THEN {metric.name} END" for metric in METRICS}


def sql_double(value: float) -> str:
    """Return a finite number as SQL of type DOUBLE, exactly."""
    text = repr(float(value))
    return text if "e" in text else f"{text}E0"


def window_fields(fields: Iterable[str], window_ms: int) -> list[str]:
    """Return the fields of a window of `window_ms`, each as SQL over the view that holds it."""
    length = f"CAST({window_ms} AS BIGINT)"
    told = {
        "schema_version": str(SCHEMA_VERSION),
        "window_ms": length,
        "window_end_ms": f"window_start_ms + {window_ms}",
    }
    derived = {metric.name: metric.sql.replace("window_ms", length) for metric in DERIVED}
    return [(told | derived).get(name, name) for name in fields]


def _level_flow(level: int) -> str:
    (bid, bid_qty, ask, ask_qty), (last_bid, last_bid_qty, last_ask, last_ask_qty) = (
        [_told(book, name, level) for name in _LEVEL] for book in ("newest", "last")
    )
    return " ".join(
        (
            f"CASE WHEN {bid} >= {last_bid} THEN {bid_qty} ELSE 0 END",
            f"- CASE WHEN {bid} <= {last_bid} THEN {last_bid_qty} ELSE 0 END",
            f"- CASE WHEN {ask} <= {last_ask} THEN {ask_qty} ELSE 0 END",
            f"+ CASE WHEN {ask} >= {last_ask} THEN {last_ask_qty} ELSE 0 END",
        )
    )


def _told(book: str, name: str, level: int) -> str:
    """What `newest_told` or `last_told` says of a level."""
    return f"{book}_told[{len(_LEVEL) * (level - 1) + tuple(_LEVEL).index(name) + 1}]"


def _told_count(name: str, depth: int) -> str:
    """What `last_told` says besides the levels."""
    return f"last_told[{len(_LEVEL) * depth + _LAST_COUNTS.index(name) + 1}]"


def _two_sided(book: str) -> str:
    return f"{_told(book, 'bid_price', 1)} > 0 AND {_told(book, 'ask_price', 1)} < {_NO_ASK}"


def _by_symbol(arrays: Iterable[tuple[FittedSymbol, Sequence[float | None]]]) -> str:
    """A CASE by symbol and venue of constant arrays, null for all others.

    The null behind each array makes elements that may be null, as in `level_flows`.
    """
    cases = []
    for fitted, values in arrays:
        venues = ", ".join(f"'{venue}'" for venue in fitted.venues)
        array = ", ".join("CAST(NULL AS DOUBLE)" if value is None else sql_double(value) for value in (*values, None))
        cases.append(f"WHEN symbol = '{fitted.symbol}' AND venue IN ({venues}) THEN ARRAY[{array}]")
    if not cases:
        return "CAST(NULL AS ARRAY<DOUBLE>)"
    return f"CASE WHEN {_ONCE} THEN CASE {' '.join(cases)} END END"


def _levels(depth: int) -> range:
    return range(1, depth + 1)


def _sum(terms: Iterable[str]) -> str:
    return " + ".join(terms)
