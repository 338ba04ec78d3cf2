"""The page follows the symbols in force, which the ingest writes while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from local_stack.postgres import EmbeddedPostgres
from local_stack.valkey import EmbeddedValkey
from orderbook.settings import Settings, load_settings
from runtime.roster import Roster, write_roster
from tests.browser.feeder import START_PRICES, Feeder
from tests.browser.reading import Dashboard
from tests.processes import running
from tests.servers import free_port

pytestmark = pytest.mark.browser


def follow(settings: Settings, *symbols: str) -> None:
    """Write the symbols in force as the ingest does."""
    write_roster(settings, Roster(tokens=settings.symbols, symbols=symbols))


def test_symbols_come_and_go_without_a_reload(dashboard: Dashboard, settings: Settings) -> None:
    dashboard.wait(lambda: dashboard.listed() == list(START_PRICES))
    dashboard.page.evaluate("globalThis.stillHere = true")
    dashboard.select("ETHUSDT")
    follow(settings, "SOLUSDT", "BTCUSDT")
    dashboard.wait(lambda: dashboard.listed() == ["SOLUSDT", "BTCUSDT"])
    dashboard.wait(lambda: dashboard.headline("symbol") == "SOLUSDT")
    dashboard.wait(lambda: len(dashboard.series().get("mid", ())) > 5)
    assert all(mid is None or 100 < mid < 200 for mid in dashboard.series()["mid"])
    assert dashboard.row("SOLUSDT").get_attribute("aria-selected") == "true"
    follow(settings, "ADAUSDT", "SOLUSDT", "ETHUSDT")
    dashboard.wait(lambda: dashboard.listed() == ["ADAUSDT", "SOLUSDT", "ETHUSDT"])
    dashboard.wait(lambda: not dashboard.is_old("ADAUSDT") and dashboard.value("ADAUSDT", "state") == "LIVE")
    assert dashboard.headline("symbol") == "SOLUSDT"
    dashboard.select("ADAUSDT")
    assert dashboard.page.evaluate("globalThis.stillHere") is True


class TestChosenByTheIngest:
    @pytest.fixture
    def settings(self, valkey: EmbeddedValkey, database: EmbeddedPostgres, tmp_path: Path) -> Settings:
        return load_settings(
            symbols="ALL:USDT",
            redis_port=valkey.port,
            database_host=database.host,
            database_port=database.port,
            database_name=database.dbname,
            database_user=database.user,
            database_password=database.password,
            dashboard_port=free_port(),
            state_dir=str(tmp_path),
        )

    @pytest.fixture
    def feeder(self, settings: Settings) -> Iterator[Feeder]:
        with Feeder(settings.redis_host, settings.redis_port, tuple(START_PRICES)) as market:
            yield market

    def test_before_it_has_run_the_page_says_that_it_waits(
        self, page: Page, settings: Settings, feeder: Feeder, tmp_path: Path
    ) -> None:
        dashboard = Dashboard(page, f"http://127.0.0.1:{settings.dashboard_port}/")
        with running(settings, ["panel_app"], tmp_path):
            page.goto(f"http://127.0.0.1:{settings.dashboard_port}/")
            dashboard.notice("symbols").wait_for()
            assert "Waiting for the ingest to choose its symbols" in dashboard.notice("symbols").inner_text()
            assert "waiting for the ingest to choose its symbols" in page.locator(".overview .empty").inner_text()
            assert dashboard.headline("verdict") == "No symbol is followed yet."
            assert dashboard.listed() == []
            dashboard.keep_pictures("waiting")
            follow(settings, *feeder.markets)
            dashboard.wait(lambda: dashboard.listed() == list(START_PRICES))
            dashboard.wait(lambda: dashboard.notice("symbols").count() == 0)
            dashboard.wait(lambda: dashboard.headline("symbol") == "BTCUSDT")
            dashboard.wait(lambda: dashboard.headline("verdict") == "Believe it")
            assert page.locator(".overview .empty").is_hidden()
            dashboard.close()
