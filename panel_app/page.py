"""One session's page: its parts, and the one periodic callback that refreshes them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

import panel as pn

from orderbook.alerts.rules import EXTREME_IMBALANCE
from panel_app import rows
from panel_app.proof import proof_of
from panel_app.session import SPANS_MINUTES, Session
from panel_app.views.charts import MarketCharts
from panel_app.views.component import asset
from panel_app.views.depth import Depth
from panel_app.views.parts import AlertFeed, Headline, Notices, Overview
from runtime.alert_rules import rules_in_force

if TYPE_CHECKING:
    from bokeh.application.application import SessionContext

    from orderbook.settings import Settings
    from panel_app.live import Live, Snapshot
    from panel_app.tape import Tape

REFRESH_MS: Final = 300


class Page:
    """One session's page: its parts, and the one periodic callback that refreshes them from the shared snapshot."""

    def __init__(self, settings: Settings, live: Live) -> None:
        thresholds = rules_in_force(settings).rule(EXTREME_IMBALANCE).terms.thresholds
        self._settings = settings
        self._live = live
        self._thresholds = thresholds
        self._drawn_ms = -1
        self.session = Session(live.snapshot.symbols)
        self.notices = Notices()
        self.overview = Overview(medium=thresholds.medium, high=thresholds.high)
        self.headline = Headline(spans=list(SPANS_MINUTES), span_minutes=self.session.span_minutes)
        self.charts = MarketCharts(self.session, thresholds)
        self.depth = Depth()
        self.alerts = AlertFeed()
        self.overview.on_choice("symbol", self._choose)
        self.alerts.on_choice("symbol", self._choose)
        self.headline.on_choice("span", self._choose_span)
        self._watched = ""
        self._tape: Tape | None = None
        self._watch()
        self._callback = pn.io.PeriodicCallback(callback=self.refresh, period=REFRESH_MS, background=True, log=False)  # type: ignore[no-untyped-call]  # untyped in Panel

    def start(self) -> None:
        """Begin to refresh; ends with the session."""
        pn.state.on_session_destroyed(self._end)
        self.refresh()
        pn.state.onload(self._callback.start)

    def template(self) -> pn.template.Template:
        """The document."""
        page = pn.Template(asset("page.html"))
        page.add_variable("page_css", asset("page.css"))
        page.add_variable("calculate_depth", self._settings.calculate_depth)
        icon = base64.b64encode(asset("favicon.svg").encode()).decode()
        page.add_variable("favicon", f"data:image/svg+xml;base64,{icon}")
        for name in ("notices", "overview", "headline", "charts", "depth", "alerts"):
            part = getattr(self, name)
            page.add_panel(name, part)
        return page

    def refresh(self) -> None:
        """Draw the newest snapshot, if it is not drawn yet, in one message to the browser."""
        snapshot = self._live.snapshot
        if snapshot.now_ms != self._drawn_ms:
            self._drawn_ms = snapshot.now_ms
            with pn.io.hold():
                self._draw_parts(snapshot)

    def _draw_parts(self, snapshot: Snapshot) -> None:
        settings = self._settings
        self.session.follow(snapshot.symbols)
        self._watch()
        symbol = self.session.symbol
        by_symbol = {
            market.symbol: rows.market_row(market, snapshot.active, self._thresholds) for market in snapshot.markets
        }
        self.notices.draw(rows.notices(snapshot, settings.feed, settings.state_dir / "logs"), snapshot.now_ms)
        self.overview.draw(tuple(by_symbol.values()))
        market = snapshot.market(symbol)
        self.headline.draw(by_symbol.get(symbol), proof_of(market, snapshot.now_ms) if market is not None else [])
        self.alerts.draw(rows.feed_rows(snapshot))
        event_now_ms = None
        if market is not None and market.seen_ms is not None:
            event_now_ms = snapshot.now_ms - market.clock_offset_ms
        self.charts.draw(self._tape, event_now_ms)
        self.depth.draw(snapshot.books.get(symbol), current=market is not None and market.current)

    def _choose(self, symbol: str) -> None:
        self.session.choose(symbol)
        self._drawn_ms = -1
        self.refresh()

    def _watch(self) -> None:
        """Have the selected symbol's book and recent rows read, and no longer those of the one before."""
        chosen = self.session.symbol
        if chosen != self._watched:
            tape = self._live.watch(chosen) if chosen else None
            if self._watched:
                self._live.unwatch(self._watched)
            self._watched, self._tape = chosen, tape
        self.overview.selected = chosen

    def _choose_span(self, minutes: str) -> None:
        if minutes.isdigit() and int(minutes) in SPANS_MINUTES:
            self.session.span_minutes = int(minutes)
            self.headline.span_minutes = self.session.span_minutes
            self._drawn_ms = -1
            self.refresh()

    def _end(self, _context: SessionContext) -> None:
        self._callback.stop()  # type: ignore[no-untyped-call]  # untyped in Panel
        if self._watched:
            self._live.unwatch(self._watched)
