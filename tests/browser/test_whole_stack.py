"""The page of the whole stack: what it shows came from the exchange, through Kafka and Flink, to Redis."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.reading import Dashboard
from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


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
    dashboard.keep_pictures("whole_stack")
    dashboard.close()
