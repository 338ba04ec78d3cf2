"""The page of the whole stack: what it shows came from the exchange, through Kafka and Flink, to Redis."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.reading import Dashboard
from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

SCREENSHOTS = "ORDERBOOK_SCREENSHOTS"
"""Name of the variable with a folder to keep pictures of the page in, at 1440 and 390 px, to be looked at."""


def test_every_symbol_s_numbers_move_and_nothing_leaves_the_machine(page: Page, stack: Stack) -> None:
    dashboard = Dashboard(page, f"http://{stack.settings.dashboard_host}:{stack.settings.dashboard_port}/")
    dashboard.open()
    seen = {symbol: set[tuple[str, str]]() for symbol in stack.settings.symbols}

    def all_moved() -> bool:
        for symbol, shown in seen.items():
            shown.add((dashboard.value(symbol, "mid"), dashboard.value(symbol, "imbalance_text")))
        return all(len(shown) >= 3 for shown in seen.values())

    dashboard.wait(all_moved)
    for symbol in seen:
        assert dashboard.value(symbol, "state").upper() == "LIVE"
        assert dashboard.value(symbol, "venue") == "simulated"
        newest = stack.newest(symbol)
        assert newest is not None
        assert dashboard.mid(symbol) == pytest.approx(newest["mid"], rel=0.01)
        assert not dashboard.is_old(symbol)
    assert "SIMULATED DATA" in dashboard.notice("simulator").inner_text()
    dashboard.wait(lambda: len(dashboard.series().get("time", ())) > 20)
    assert dashboard.complaints.hosts == {"127.0.0.1"}
    _keep_pictures(dashboard)
    dashboard.close()


def _keep_pictures(dashboard: Dashboard) -> None:
    folder = os.environ.get(SCREENSHOTS)
    if folder:
        for width in (1440, 390):
            dashboard.page.set_viewport_size({"width": width, "height": 1000})
            dashboard.page.wait_for_timeout(5000)
            dashboard.page.screenshot(path=Path(folder) / f"whole_stack_{width}.png", full_page=True)
