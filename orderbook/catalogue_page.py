"""The metric catalogue as a page of the documentation: `python -m orderbook.catalogue_page > docs/metrics.md`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from orderbook.metrics import METRICS, Metric
from orderbook.window_metrics import WINDOW_METRICS

if TYPE_CHECKING:
    from orderbook.window_metrics import WindowMetric

HEAD: Final = """\
# Metrics

Made by `python -m orderbook.catalogue_page` from `orderbook/metrics.py`, where each metric stands once: the job's SQL,
the columns of the topics and the table, the labels and this page come from it.

Notation: pb_k, qb_k, pa_k, qa_k are price and quantity of level k of the bids and the asks; Pb, qb, Pa, qa those of
level 1; Qb and Qa the quantities of the top CALCULATE_DEPTH levels, summed; M = (Pb + Pa) / 2. [c] is 1 where c holds
and 0 elsewhere; a dash marks the book before. What is undefined is null, never 0; an empty side leaves all of a book's
metrics undefined.
"""

WINDOWS: Final = """\
## Windows

Windows of 1, 10 and 60 seconds of event time, aligned to the epoch, the longer ones made from the shorter (topic
`processed`; `window_ms` is their length). A window is written when the watermark passes its end, if it has a live book:
only live books enter. `trusted_ms` is how much of it the symbol was live: a record's state holds until the symbol's
next record, but not over more than two seconds; a second without any record, not even a heartbeat, is not trusted.

`open`, `high`, `low` and `close` are the first, largest, least and last value; `sum`
and `count` are over the books that have a value, so that windows can be added together: sum over count is the mean
over the books.
"""

STATED: Final = """\
What was fitted says when: each table has its stretch of time (`orderbook/fitted.json`, FITTED_FILE). What the metrics
give on recordings, beside what was published: [reference values](reference.md).

Order flow imbalance explains the price change of the same window; it does not forecast the next one.
"""


OF_WINDOWS: Final = """\
## Of each window

Vb and Vs are the quantities bought and sold in the window by the side that took liquidity, Nb and Ns the trades; for
each of its seconds that has a live book and a mid before it, r is the logarithm of its last mid over the last mid
before it, y their difference, and x the second's Vb - Vs. Trades count whether or not a book was live.
"""


def page() -> str:
    """Return the page, Markdown, with one section a metric in the order of the catalogue."""
    sections = [HEAD, "## Of each book\n", *(_section(metric) for metric in METRICS), STATED, WINDOWS, OF_WINDOWS]
    sections += (_section(metric) for metric in WINDOW_METRICS)
    return "\n".join(sections)


def _section(metric: Metric | WindowMetric) -> str:
    rows = {
        "definition": metric.definition,
        "unit": metric.unit,
        "range": _range(metric),
        "undefined": metric.undefined,
        "source": metric.source,
        "window": _in_windows(metric),
    }
    lines = [f"### {metric.name}", "", f"{metric.label}.", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {text} |" for name, text in rows.items()]
    return "\n".join(lines) + "\n"


def _in_windows(metric: Metric | WindowMetric) -> str:
    if isinstance(metric, Metric):
        return ", ".join(metric.statistics)
    if metric.rolled_up is None:
        return "made of the window's sums"
    return {"close": "the last of its seconds", "high": "the largest of its seconds"}.get(
        metric.rolled_up, "the sum over its seconds"
    )


def _range(metric: Metric | WindowMetric) -> str:
    if metric.low is None and metric.high is None:
        return "any"
    if metric.high is None:
        return f"at least {metric.low:g}"
    return f"{metric.low:g} to {metric.high:g}"


if __name__ == "__main__":
    sys.stdout.write(page())
