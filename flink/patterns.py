"""The event patterns: the views that MATCH_RECOGNIZE finds them in, their parameters, and their rows as alerts.

A pattern is a file of `flink/sql/patterns` that makes a view of its own name with the columns of `MATCH_COLUMNS`, one
row a match. What each is meant to find and what it found on the recordings stands in docs/patterns.md.

The books of a match follow each other without a break of trust: `untrusted_before` of `records.sql`, the offset of the
symbol's last record that says its book is not live, is the same for all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orderbook.messages import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable

PATTERNS: Final = (
    "sustained_pressure",
    "flip_flop",
    "liquidity_vacuum",
    "spread_shock",
    "momentum_ignition",
    "quote_stuffing",
    "spoof_like",
)
"""The patterns by name: the rule of their alerts, their view and their file."""

VIEWS: Final = tuple(
    f"patterns/{name}"
    for name in ("seconds", "norms", "newest_norms", "compared_books", "large_changes", "large_orders_gone", *PATTERNS)
)
"""The statements to execute before the alerts are inserted, in this order."""

PARAMETERS: Final = {
    # What is normal: medians of the last 60 seconds that are compared with, once there are 10.
    "norm_preceding_s": "59",
    "norm_least_seconds": "10",
    "pressure_imbalance": "0.6",
    "pressure_hold_ms": "3000",
    "pressure_within_s": "6",
    "flip_imbalance": "0.5",
    "flips": "6",
    "flip_within_s": "10",
    "vacuum_usual_share": "0.6",
    "vacuum_depth_share": "0.3",
    "vacuum_spread_multiple": "5",
    "vacuum_within_s": "2",
    "shock_usual_multiple": "2",
    "shock_spread_multiple": "10",
    "shock_wide_books": "2",
    "shock_within_s": "60",
    "ignition_run_s": "2",
    "ignition_move_bps": "3",
    "ignition_share": "0.7",
    "ignition_given_back": "0.5",
    "ignition_within_s": "10",
    "stuffing_level_updates": "300",
    "stuffing_trades": "1",
    "stuffing_books": "10",
    "stuffing_within_s": "30",
    "spoof_usual_quantile": "0.9",
    "spoof_add_multiple": "1.1",
    "spoof_depth_share": "0.1",
    "spoof_cut_share": "0.8",
    "spoof_within_s": "5",
    "spoof_counted_h": "1",
}
"""What stands in the patterns' SQL, as text; docs/patterns.md says what each does."""

MATCH_COLUMNS: Final = (
    "venue",
    "symbol",
    "side",
    "severity",
    "onset_time_ms",
    "event_time_ms",
    "value",
    "peak",
    "threshold",
)
"""What a pattern's view tells of a match, as `orderbook.messages.Alert` names it."""

REASONED: Final = frozenset({"spoof_like"})
"""The patterns whose views also tell a `reason`: what has to be known beside the match."""


def matches(columns: Iterable[tuple[str, str]]) -> str:
    """Return the SELECTs that make the patterns' matches rows of the alerts table, one UNION ALL.

    `columns` are the table's (name, SQL type) in their order. What a match does not tell is NULL.
    """
    declared = tuple(columns)
    return "\nUNION ALL\n".join(f"SELECT\n  {_row(name, declared)}\nFROM {name}" for name in PATTERNS)


def _row(pattern: str, columns: tuple[tuple[str, str], ...]) -> str:
    told = {name: f"`{name}`" for name in MATCH_COLUMNS} | {
        "type": "'alert'",
        "schema_version": f"CAST({SCHEMA_VERSION} AS BIGINT)",
        "alert_id": f"MD5({_key(pattern)})",
        "step": "CAST(0 AS BIGINT)",
        "rule": f"'{pattern}'",
        "status": "'MATCHED'",
    }
    if pattern in REASONED:
        told["reason"] = "`reason`"
    return ",\n  ".join(f"{told.get(name, f'CAST(NULL AS {sql_type})')} AS `{name}`" for name, sql_type in columns)


def _key(pattern: str) -> str:
    """The text whose MD5 is the alert's id: the parts that every alert's id is made of (`orderbook.alerts.symbol`)."""
    parts = ("venue", "symbol", f"'{pattern}'", "COALESCE(side, '')", "CAST(onset_time_ms AS STRING)")
    return " || '|' || ".join(parts)
