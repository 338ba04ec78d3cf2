"""One symbol's book: the depth summed outwards from the mid, and the ladder of its best levels."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Final

import msgspec
import panel as pn
import param
from bokeh.models import ColumnDataSource, NumeralTickFormatter, Range1d
from panel.viewable import Viewer

from panel_app.rows import BPS, ladder_rows
from panel_app.views import theme
from panel_app.views.component import script
from panel_app.views.parts import Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bokeh.plotting import figure

    from orderbook.messages import Book

NO_LEVELS: Final[dict[str, list[float]]] = {"distance": [], "total": [], "price": []}


class Ladder(Part):
    """The best levels as text with a bar behind each."""

    levels = param.List(default=[])
    current = param.Boolean(default=False)

    _esm = script("ladder")


class Depth(Viewer):
    """The depth curve over `bids` and `asks`, and the `ladder`."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # untyped in Panel
        self._update_id: tuple[str, int] | None = None
        self.bids = ColumnDataSource(dict(NO_LEVELS))
        self.asks = ColumnDataSource(dict(NO_LEVELS))
        self._distances = Range1d(start=-1, end=1)
        self._totals = Range1d(start=0, end=1)
        self.ladder = Ladder()
        self._layout = pn.Column(
            pn.pane.Bokeh(self._curve(), sizing_mode="stretch_width", margin=0),  # type: ignore[no-untyped-call]  # untyped in Panel
            self.ladder,
            sizing_mode="stretch_width",
            margin=0,
        )

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    def draw(self, book: Book | None, *, current: bool) -> None:
        """Draw a book; None empties the picture. `current` False greys the ladder."""
        self.ladder.current = current
        identity = None if book is None else (book.symbol, book.update_id)
        if identity == self._update_id:
            return
        self._update_id = identity
        self.ladder.levels = msgspec.to_builtins(ladder_rows(book))
        self.bids.data, self.asks.data = depth_curves(book)
        totals = [*self.bids.data["total"], *self.asks.data["total"]]
        if totals:
            distances = [*self.bids.data["distance"], *self.asks.data["distance"]]
            widest = max(map(abs, distances)) or 1.0
            self._distances.update(start=-widest, end=widest)
            self._totals.update(start=0, end=1.05 * max(totals))

    def _curve(self) -> figure:
        plot = theme.chart(
            height=210,
            title="Depth from the mid, base currency",
            x_range=self._distances,
            y_range=self._totals,
        )
        for source, colour in ((self.bids, theme.BID), (self.asks, theme.ASK)):
            plot.varea("distance", y1=0, y2="total", source=source, color=colour, alpha=0.35)
            line = plot.line("distance", "total", source=source, color=colour, line_width=2)
            theme.read_out(
                plot,
                [("price", "@price{0,0.00[000000]}"), ("from mid", "@distance{+0.00} bps"), ("sum", "@total{0,0.000}")],
                line,
                mode="mouse",
            )
        plot.yaxis[0].formatter = NumeralTickFormatter(format="0,0.[000]")
        plot.xaxis[0].axis_label = "bps from the mid; left bids, right asks"
        return plot


def depth_curves(book: Book | None) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """The corners of the bid and the ask staircase, from the touch outwards.

    Columns of equal length: distance from the mid (bps), quantity summed from the touch, price. Drawn as plain lines:
    BokehJS 3.9 never returns from painting a `varea_step` over an empty source.
    """
    if book is None or not book.bid_price or not book.ask_price:
        return dict(NO_LEVELS), dict(NO_LEVELS)
    mid = (book.bid_price[0] + book.ask_price[0]) / 2
    return _staircase(book.bid_price, book.bid_qty, mid), _staircase(book.ask_price, book.ask_qty, mid)


def _staircase(prices: Sequence[float], quantities: Sequence[float], mid: float) -> dict[str, list[float]]:
    totals = list(accumulate(quantities))
    corners: dict[str, list[float]] = {name: [] for name in NO_LEVELS}
    for price, before, after in zip(prices, [0.0, *totals], totals, strict=False):
        for total in (before, after):
            corners["distance"].append(BPS * (price - mid) / mid)
            corners["total"].append(total)
            corners["price"].append(price)
    return corners
