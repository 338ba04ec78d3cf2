"""One symbol's mid, imbalance and spread over the last minutes, streamed point by point."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import panel as pn
from bokeh.models import ColumnDataSource, DataRange1d, NumeralTickFormatter, PrintfTickFormatter, Range1d
from panel.viewable import Viewer

from panel_app.live import TAPE_CAPACITY
from panel_app.tape import ChartPoint, Cursor
from panel_app.views import theme

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bokeh.plotting import figure

    from orderbook.alerts import Thresholds
    from panel_app.session import Session
    from panel_app.tape import Tape

GAP_MS: Final = 15_000
"""Without a record for longer than this a line is broken: nothing is known in between."""

COLUMNS: Final = ("time", "mid", "imbalance", "bid_pressure", "ask_pressure", "spread", "spread_alert")


class MarketCharts(Viewer):
    """Three charts over one column source, `source`, and one time axis, `times`."""

    def __init__(self, session: Session, thresholds: Thresholds) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # untyped in Panel
        self._session = session
        self._cursor = Cursor()
        self._tape: Tape | None = None
        self._newest_ms: int | None = None
        self.source = ColumnDataSource({name: [] for name in COLUMNS})
        self.times = Range1d(start=0, end=1)
        self._layout = pn.Column(
            *(
                pn.pane.Bokeh(plot, sizing_mode="stretch_width", margin=0)  # type: ignore[no-untyped-call]  # untyped in Panel
                for plot in (self._mid_chart(), self._imbalance_chart(thresholds), self._spread_chart())
            ),
            sizing_mode="stretch_width",
            margin=0,
        )

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    def draw(self, tape: Tape | None, now_ms: int | None) -> None:
        """Draw what the tape has that is not drawn yet, up to `now_ms` in the symbol's event time; None: nothing.

        `now_ms` None, when the newest record's age is unknown, ends the axis at the newest point.
        """
        if tape is not self._tape:
            self._tape, self._cursor = tape, Cursor()
            if tape is None:
                self._newest_ms = None
                self.source.data = self._columns(())
        if tape is None:
            return
        drained = tape.drain(self._cursor)
        self._cursor = drained.cursor
        if drained.restarted:
            self._newest_ms = None
            self.source.data = self._columns(drained.points)
        elif drained.points:
            self.source.stream(self._columns(drained.points), rollover=TAPE_CAPACITY)
        end = now_ms if now_ms is not None else self._newest_ms
        if end is not None:
            self.times.update(start=end - self._session.span_minutes * 60_000, end=end)

    def _columns(self, points: Sequence[ChartPoint]) -> dict[str, Any]:
        columns: dict[str, list[float]] = {name: [] for name in COLUMNS}
        for point in points:
            if self._newest_ms is not None and point.event_time_ms - self._newest_ms > GAP_MS:
                _put(columns, ChartPoint(self._newest_ms + 1, None, None, None, None))
            self._newest_ms = point.event_time_ms
            _put(columns, point)
        return columns

    def _time_chart(self, **options: Any) -> figure:  # noqa: ANN401 - passed through to Bokeh
        return theme.chart(x_range=self.times, x_axis_type="datetime", **options)

    def _mid_chart(self) -> figure:
        plot = self._time_chart(height=210, title="Mid, quote currency", y_range=DataRange1d(only_visible=True))
        line = plot.line("time", "mid", source=self.source, color=theme.LINE, line_width=1.5)
        plot.yaxis[0].formatter = NumeralTickFormatter(format="0,0.00[00000]")
        theme.time_axis(plot, label=None)
        theme.read_out(plot, [("UTC", "@time{%F %T.%3N}"), ("mid", "@mid{0,0.00[00000]}")], line)
        return plot

    def _imbalance_chart(self, thresholds: Thresholds) -> figure:
        plot = self._time_chart(
            height=210,
            title="Imbalance: above 0 bids press, below 0 asks",
            y_range=Range1d(start=-1, end=1),
        )
        plot.varea("time", y1=0, y2="bid_pressure", source=self.source, color=theme.BID, alpha=0.45)
        plot.varea("time", y1=0, y2="ask_pressure", source=self.source, color=theme.ASK, alpha=0.45)
        line = plot.line("time", "imbalance", source=self.source, color=theme.LINE, line_width=1)
        for name, level, dash in (
            ("medium alert", thresholds.medium, "dashed"),
            ("high alert", thresholds.high, "solid"),
        ):
            theme.threshold(plot, level, colour=theme.BID, dash=dash, name=name)
            theme.threshold(plot, -level, colour=theme.ASK, dash=dash, name=name)
        theme.fixed_ticks(plot, (-1, -thresholds.high, -thresholds.medium, 0, thresholds.medium, thresholds.high, 1))
        plot.yaxis[0].formatter = PrintfTickFormatter(format="%+.2f")
        theme.time_axis(plot, label=None)
        theme.read_out(plot, [("UTC", "@time{%F %T.%3N}"), ("imbalance", "@imbalance{+0.000}")], line)
        return plot

    def _spread_chart(self) -> figure:
        plot = self._time_chart(
            height=190, title="Spread, bps; dashed: alert level", y_range=DataRange1d(only_visible=True, start=0)
        )
        line = plot.step("time", "spread", source=self.source, color=theme.LINE, line_width=1.5, mode="after")
        plot.line("time", "spread_alert", source=self.source, color=theme.ASK, line_dash="dashed")
        plot.yaxis[0].formatter = NumeralTickFormatter(format="0,0.00[00]")
        theme.time_axis(plot, label="Time of day, UTC")
        theme.read_out(plot, [("UTC", "@time{%F %T.%3N}"), ("spread", "@spread{0.000} bps")], line)
        return plot


def _put(columns: dict[str, list[float]], point: ChartPoint) -> None:
    imbalance = _number(point.imbalance)
    columns["time"].append(float(point.event_time_ms))
    columns["mid"].append(_number(point.mid))
    columns["imbalance"].append(imbalance)
    # NaN is kept, so that the areas break where the line does.
    columns["bid_pressure"].append(imbalance if math.isnan(imbalance) else max(0.0, imbalance))
    columns["ask_pressure"].append(imbalance if math.isnan(imbalance) else min(0.0, imbalance))
    columns["spread"].append(_number(point.spread_bps))
    columns["spread_alert"].append(_number(point.spread_alert_bps))


def _number(value: float | None) -> float:
    """A chart's column holds numbers only: what is undefined is NaN there, and only there."""
    return math.nan if value is None else value
