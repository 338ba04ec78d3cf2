"""Colours of the charts, the same as in assets/page.css. Blue and orange stay apart for every kind of colour vision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from bokeh.models import CrosshairTool, DatetimeTickFormatter, FixedTicker, HoverTool
from bokeh.models.annotations import Label, Span, Title
from bokeh.plotting import figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bokeh.models.renderers import GlyphRenderer

BID: Final = "#4da3ff"
ASK: Final = "#ff9d3c"
LINE: Final = "#e8edf4"
MUTED: Final = "#9fb0c3"
GRID: Final = "#26313f"
PANEL: Final = "#141b24"
FONT: Final = "system-ui, sans-serif"

UTC_TIMES: Final = "%H:%M:%S"


def chart(*, height: int, title: str, **options: Any) -> figure:  # noqa: ANN401 - passed through to Bokeh
    """An empty figure in the page's colours: it fills its width, and leaves touch and wheel to the page."""
    plot = figure(
        height=height,
        sizing_mode="stretch_width",
        title=Title(
            text=title,
            text_color=MUTED,
            text_font=FONT,
            text_font_size="12px",
            text_font_style="normal",
        ),
        tools="",
        toolbar_location=None,
        background_fill_color=PANEL,
        border_fill_color=PANEL,
        outline_line_color=None,
        min_border_left=64,
        **options,
    )
    plot.grid.grid_line_color = GRID
    for axis in plot.axis:
        axis.axis_line_color = GRID
        axis.major_tick_line_color = GRID
        axis.minor_tick_line_color = None
        axis.major_label_text_color = MUTED
        axis.major_label_text_font = FONT
        axis.major_label_text_font_size = "11px"
        axis.axis_label_text_color = MUTED
        axis.axis_label_text_font = FONT
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_text_font_size = "11px"
    return plot


def time_axis(plot: figure, *, label: str | None) -> None:
    """Show times of day in UTC along the bottom."""
    plot.xaxis[0].formatter = DatetimeTickFormatter(
        milliseconds=UTC_TIMES, seconds=UTC_TIMES, minsec=UTC_TIMES, minutes="%H:%M", hourmin="%H:%M", hours="%H:%M"
    )
    plot.xaxis[0].axis_label = label


def read_out(
    plot: figure,
    rows: Sequence[tuple[str, str]],
    renderer: GlyphRenderer[Any],
    *,
    mode: Literal["mouse", "vline"] = "vline",
) -> None:
    """Show values under the pointer."""
    plot.add_tools(
        HoverTool(tooltips=list(rows), formatters={"@time": "datetime"}, renderers=[renderer], mode=mode),
        CrosshairTool(dimensions="height", line_color=MUTED, line_alpha=0.5),
    )


def threshold(plot: figure, level: float, *, colour: str, dash: str, name: str) -> None:
    """Draw a level across the chart, with its name at the left end on the side away from 0."""
    plot.add_layout(Span(location=level, dimension="width", line_color=colour, line_dash=dash, line_alpha=0.8))
    plot.add_layout(
        Label(
            x=4,
            x_units="screen",
            y=level,
            y_offset=1 if level > 0 else -1,
            text=name,
            text_baseline="bottom" if level > 0 else "top",
            text_color=colour,
            text_font=FONT,
            text_font_size="10px",
            background_fill_color=PANEL,
            background_fill_alpha=0.75,
        )
    )


def fixed_ticks(plot: figure, levels: Sequence[float]) -> None:
    """Label the upright axis at these levels only."""
    plot.yaxis[0].ticker = FixedTicker(ticks=list(levels))
