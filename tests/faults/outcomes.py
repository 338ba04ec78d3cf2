"""What each fault did to a consumer, and the table of docs/guarantees.md made of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

TABLE_VARIABLE = "ORDERBOOK_FAULTS_TABLE"
"""The file between whose markers the table is written after a run of all faults."""

BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One fault. Times in seconds after it was injected; None where the books stayed live."""

    fault: str
    seen: str
    noticed_s: float | None
    recovered_s: float | None
    others: str


def table(outcomes: list[Outcome]) -> str:
    """The outcomes as a Markdown table, in the order of the faults' names."""
    rows = [
        f"| `{one.fault}` | {one.seen} | {_seconds(one.noticed_s)} | {_seconds(one.recovered_s)} | {one.others} |"
        for one in sorted(outcomes, key=lambda one: one.fault)
    ]
    head = "| fault | what the consumer saw | noticed after, s | live again after, s | other symbols |"
    return "\n".join((head, "|---|---|---|---|---|", *rows))


def write(outcomes: list[Outcome]) -> None:
    """Put the table into the file that the environment names, if it names one."""
    named = os.environ.get(TABLE_VARIABLE)
    if not named:
        return
    document = Path(named)
    text = document.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    document.write_text(f"{before}{BEGIN}\n{table(outcomes)}\n{END}{after}", encoding="utf-8")


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"  # noqa: RUF001 - the dash of a table
