"""`orderbook rules`: the alert rules in force, and whether a file of rules is sound."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from orderbook.alerts import AlertRules, Terms

LEAST_WIDTH: Final = 120

File = Annotated[
    Path | None, typer.Argument(help="YAML file to check, in the place of ALERT_RULES_FILE.", metavar="[FILE]")
]


def rules(
    file: File = None,
    *,
    metrics: Annotated[bool, typer.Option("--metrics", help="List what a rule may watch instead.")] = False,
) -> None:
    """Show the alert rules that would be in force, or say what is wrong with them."""
    from orderbook.settings import load_settings  # noqa: PLC0415 - a command imports its room when it is called
    from runtime.alert_rules import rules_in_force  # noqa: PLC0415 - the same

    # A narrower terminal breaks the lines; a table made for it would cut the names.
    console = Console(width=max(Console().width, LEAST_WIDTH))
    console.print(_metrics() if metrics else _rules(rules_in_force(load_settings(), file)), markup=False)


def _rules(shown: AlertRules) -> Table:
    table = Table(
        *("rule", "symbols", "watches", "medium", "high", "release", "hold", "hold-off", "doubt", "rarer than"),
        box=None,
        header_style="bold",
        pad_edge=False,
    )
    for rule in shown.rules:
        table.add_row(rule.name, "all", f"{rule.value} {rule.direction}", *_terms(rule.terms))
        for symbol, terms in rule.by_symbol:
            table.add_row(rule.name, symbol, "", *_terms(terms))
    for flip in shown.flips:
        table.add_row(flip.name, "all", f"flips of {flip.of}", "" if flip.enabled else "off")
        for symbol, enabled in flip.by_symbol:
            table.add_row(flip.name, symbol, "", "" if enabled else "off")
    return table


def _terms(terms: Terms) -> tuple[str, ...]:
    if not terms.enabled:
        return ("off",)
    limits = terms.thresholds
    high = "never" if limits.high in {float("inf"), float("-inf")} else f"{limits.high:g}"
    times = (limits.hold_ms, limits.hold_off_ms, limits.suppression_limit_ms)
    share = "" if terms.rarer_than is None else f"{100 * terms.rarer_than:g} %"
    return f"{limits.medium:g}", high, f"{limits.release:g}", *(f"{time_ms / 1000:g} s" for time_ms in times), share


def _metrics() -> Table:
    from orderbook.alerts.values import WATCHED  # noqa: PLC0415 - needed by this option alone

    table = Table("metric", "unit", "definition", box=None, header_style="bold", pad_edge=False)
    for value in WATCHED.values():
        table.add_row(value.name, value.unit, value.definition)
    return table
