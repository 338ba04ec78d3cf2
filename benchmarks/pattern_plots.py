"""A small plot of each match of an event pattern: mid, imbalance, depth and spread around it, the match shaded.

Of a large order that was gone also the largest adds and cuts of each book behind the touch of its side.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import polars as pl
from bokeh.layouts import gridplot
from bokeh.models.annotations import BoxAnnotation, Title
from bokeh.plotting import figure, output_file, save

from orderbook.messages import Book

AROUND_MS: Final = 5000
DEPTH: Final = 10
PANELS: Final = {
    "mid_bps": "mid, bps since the onset",
    "imbalance": "imbalance",
    "depth": "depth, ten levels a side",
    "spread_bps": "spread, bps",
}


def plot(lives: Mapping[str, Iterable[object]], rows: Sequence[Mapping[str, Any]], folder: Path) -> list[Path]:
    """Write one page for each pattern and recording that has matches, a row of small plots a match; returns them."""
    frames = {name: _frame(found) for name, found in lives.items()}
    by_page: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: int(row["onset_time_ms"])):
        by_page[str(row["rule"]), str(row["symbol"])].append(row)
    pages = []
    for (rule, name), matches in sorted(by_page.items()):
        file = folder / f"{rule}_{name.replace(' ', '_')}.html"
        output_file(file, title=f"{rule}, {name}", mode="inline")
        grid: list[list[Any]] = [[*_plots(frames[name], match)] for match in matches]
        save(gridplot(grid, toolbar_location=None))
        pages.append(file)
    return pages


def _frame(found: Iterable[object]) -> pl.DataFrame:
    books = [book for book in found if isinstance(book, Book) and book.bid_price and book.ask_price]
    frame = pl.DataFrame(
        {
            "time_ms": [book.event_time_ms for book in books],
            "bid": [book.bid_price[0] for book in books],
            "ask": [book.ask_price[0] for book in books],
            "bids": [sum(book.bid_qty[:DEPTH]) for book in books],
            "asks": [sum(book.ask_qty[:DEPTH]) for book in books],
            **{
                name: [change[1] if change else 0.0 for change in (getattr(book, name) for book in books)]
                for name in ("bid_add", "bid_cut", "ask_add", "ask_cut")
            },
        }
    )
    mid, depth = (pl.col("bid") + pl.col("ask")) / 2, pl.col("bids") + pl.col("asks")
    return frame.with_columns(
        mid=mid,
        depth=depth,
        imbalance=(pl.col("bids") - pl.col("asks")) / depth,
        spread_bps=10_000 * (pl.col("ask") - pl.col("bid")) / mid,
    )


def _plots(frame: pl.DataFrame, match: Mapping[str, Any]) -> list[figure]:
    onset_ms, end_ms = int(match["onset_time_ms"]), int(match["event_time_ms"])
    near = frame.filter(pl.col("time_ms").is_between(onset_ms - AROUND_MS, end_ms + AROUND_MS))
    before = near.filter(pl.col("time_ms") <= onset_ms)["mid"].last()
    near = near.with_columns(
        seconds=(pl.col("time_ms") - onset_ms) / 1000, mid_bps=10_000 * (pl.col("mid") / before - 1)
    )
    plots = []
    for column, label in PANELS.items():
        panel = _panel(f"{match['side'] or 'no side'}, {_time(onset_ms)}: {label}")
        panel.step(near["seconds"].to_list(), near[column].to_list(), mode="after")
        panel.add_layout(BoxAnnotation(left=0, right=(end_ms - onset_ms) / 1000, fill_alpha=0.15, fill_color="orange"))
        plots.append(panel)
    if str(match["rule"]).startswith("spoof_like"):
        side = match["side"]
        panel = _panel("largest add and cut of each book")
        panel.vbar(near["seconds"].to_list(), width=0.05, top=near[f"{side}_add"].to_list())
        panel.vbar(near["seconds"].to_list(), width=0.05, top=(-near[f"{side}_cut"]).to_list(), color="grey")
        panel.add_layout(BoxAnnotation(left=0, right=(end_ms - onset_ms) / 1000, fill_alpha=0.15, fill_color="orange"))
        plots.append(panel)
    return plots


def _panel(title: str) -> figure:
    # Five of them fit beside each other on a page of 1440 pixels.
    return figure(width=280, height=150, title=Title(text=title, text_font_size="9px"))


def _time(event_time_ms: int) -> str:
    return datetime.fromtimestamp(event_time_ms / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]
