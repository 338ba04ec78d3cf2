"""What a rule may watch: the metrics of the catalogue, values that only alerts need, and the time a feed is broken.

The first two are SQL expressions over the job's view `measured`. Besides the metrics and the quantities they are made
of, it has `spread_baseline`, `bid_depth_baseline` and `ask_depth_baseline`, the means over the two-sided books in the
symbol's last SPREAD_BASELINE_UPDATES records, this one included, let go a third at a time, and `baseline_books`, how
many such books there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from orderbook.metrics import METRICS

BASELINE_WARM_UP_BOOKS: Final = 100
"""Books a rolling mean needs before anything is compared with it (fewer where the baseline itself is shorter)."""


@dataclass(frozen=True, slots=True)
class WatchedValue:
    """A value that a rule may watch: its name, definition, unit, bounds (None: unbounded) and SQL.

    `sql` may hold `$warm_up_books`, and is None where the value is not a book's.
    """

    name: str
    definition: str
    unit: str
    low: float | None
    high: float | None
    sql: str | None


RATIOS: Final[tuple[WatchedValue, ...]] = (
    WatchedValue(
        name="spread_ratio",
        definition="spread / its mean over the books among the last SPREAD_BASELINE_UPDATES records",
        unit="ratio",
        low=0,
        high=None,
        sql="CASE WHEN baseline_books >= $warm_up_books THEN spread / NULLIF(spread_baseline, 0) END",
    ),
    WatchedValue(
        name="depth_ratio",
        definition=(
            "the smaller of Qb and Qa, each over its own mean over the books among the last SPREAD_BASELINE_UPDATES "
            "records"
        ),
        unit="ratio",
        low=0,
        high=None,
        sql=(
            "CASE WHEN baseline_books >= $warm_up_books THEN "
            "LEAST(bid_depth / NULLIF(bid_depth_baseline, 0), ask_depth / NULLIF(ask_depth_baseline, 0)) END"
        ),
    ),
)

FEED_GAP_S: Final = "feed_gap_s"
FEED_STALE_S: Final = "feed_stale_s"
ORACLE_MISMATCH_S: Final = "oracle_mismatch_s"

FEED_VALUE_OF_CAUSE: Final[dict[str, str]] = {
    "gap": FEED_GAP_S,
    "backwards": FEED_GAP_S,
    "crossed": FEED_GAP_S,
    "impossible": FEED_GAP_S,
    "unreadable": FEED_GAP_S,
    "disconnected": FEED_GAP_S,
    "silent": FEED_STALE_S,
    "stale": FEED_STALE_S,
    "status": FEED_STALE_S,
    "oracle": ORACLE_MISMATCH_S,
}
"""Which feed value a stretch without a live book counts for. The others (`start`, `coverage`, `partial`) for none."""

FEED_VALUES: Final[tuple[WatchedValue, ...]] = tuple(
    WatchedValue(
        name=name,
        definition=f"how long the book has not been live, since {what}; 0 while it is",
        unit="s",
        low=0,
        high=None,
        sql=None,
    )
    for name, what in (
        (FEED_GAP_S, "updates were lost or made no sense"),
        (FEED_STALE_S, "nothing came, or the exchange stopped trading"),
        (ORACLE_MISMATCH_S, "the exchange's own best quote or snapshot proved it wrong"),
    )
)

WATCHED: Final[dict[str, WatchedValue]] = {
    value.name: value
    for value in (
        *(
            WatchedValue(metric.name, metric.definition, metric.unit, metric.low, metric.high, metric.name)
            for metric in METRICS
        ),
        *RATIOS,
        *FEED_VALUES,
    )
}
"""Every value that a rule may watch, by name."""

CONTEXT: Final = (
    "best_bid",
    "best_bid_qty",
    "best_ask",
    "best_ask_qty",
    "bid_depth",
    "ask_depth",
    "imbalance_ratio",
    "spread_bps",
    "spread_ratio",
    "depth_ratio",
)
"""What an alert tells of the book at its onset and of one some seconds before: WATCHED or columns of `measured`."""


def sql_of(name: str, *, warm_up_books: int) -> str:
    """Return the expression of a value over the view `measured`; raises KeyError for a feed value, which has none."""
    watched = WATCHED.get(name)
    if watched is None:
        return name
    if watched.sql is None:
        raise KeyError(name)
    return watched.sql.replace("$warm_up_books", str(warm_up_books))
