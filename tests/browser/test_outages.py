"""What the page says when a part of the stack is down, and that it recovers by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Page

from local_stack.valkey import EmbeddedValkey
from orderbook.settings import Settings, load_settings
from tests.browser import loop
from tests.browser.feeder import START_PRICES, Feeder
from tests.browser.reading import Dashboard
from tests.processes import running
from tests.servers import free_port
from tests.servers import running as serving

pytestmark = pytest.mark.browser


def moves(dashboard: Dashboard, symbol: str) -> None:
    """Wait until the symbol's mid changes and counts as current."""
    before = dashboard.value(symbol, "mid")
    dashboard.wait(lambda: dashboard.value(symbol, "mid") != before and not dashboard.is_old(symbol))


def test_a_silent_metrics_job_is_told_from_a_silent_ingest(dashboard: Dashboard, feeder: Feeder) -> None:
    moves(dashboard, "BTCUSDT")
    feeder.writes_metrics = False
    dashboard.notice("metrics").wait_for()
    said = dashboard.notice("metrics").inner_text()
    assert "Ingest is alive, the metrics job is silent" in said
    assert "flink" in said
    assert dashboard.is_old("BTCUSDT")
    assert dashboard.headline("verdict") == "Do not believe it"
    feeder.writes_raw = False
    dashboard.notice("ingest").wait_for()
    assert "No record arrives" in dashboard.notice("ingest").inner_text()
    assert dashboard.notice("metrics").count() == 0
    feeder.writes_metrics = feeder.writes_raw = True
    dashboard.wait(lambda: dashboard.notice("ingest").count() == 0)
    moves(dashboard, "BTCUSDT")


class TestRedis:
    @pytest.fixture
    def valkey(self, tmp_path: Path) -> EmbeddedValkey:
        """A Valkey that the test itself starts and ends."""
        return EmbeddedValkey(host="127.0.0.1", port=free_port(), folder=tmp_path / "valkey")

    @pytest.fixture
    def up(self, valkey: EmbeddedValkey, tmp_path: Path) -> Iterator[ExitStack]:
        with ExitStack() as server:
            server.enter_context(serving(valkey, tmp_path / "valkey.log"))
            yield server

    def test_its_loss_is_said_and_its_return_is_enough(
        self, up: ExitStack, dashboard: Dashboard, valkey: EmbeddedValkey, tmp_path: Path
    ) -> None:
        moves(dashboard, "BTCUSDT")
        up.close()
        dashboard.notice("redis").wait_for()
        said = dashboard.notice("redis").inner_text()
        assert "Redis is unreachable" in said
        assert "Since " in said
        assert "valkey" in said
        dashboard.wait(lambda: dashboard.is_old("BTCUSDT") and dashboard.is_old("ADAUSDT"))
        with ExitStack() as again:
            with loop.set_aside():
                again.enter_context(serving(valkey, tmp_path / "valkey.log"))
            dashboard.wait(lambda: dashboard.notice("redis").count() == 0)
            moves(dashboard, "BTCUSDT")
            points = len(dashboard.series()["time"])
            dashboard.wait(lambda: len(dashboard.series()["time"]) > points)


class TestDatabase:
    @pytest.fixture
    def settings(self, valkey: EmbeddedValkey, tmp_path: Path) -> Settings:
        return load_settings(
            symbols=",".join(START_PRICES),
            redis_port=valkey.port,
            database_port=free_port(),
            dashboard_port=free_port(),
            state_dir=str(tmp_path),
        )

    def test_without_it_the_live_numbers_go_on(self, dashboard: Dashboard) -> None:
        dashboard.notice("database").wait_for()
        assert "live values go on" in dashboard.notice("database").inner_text()
        moves(dashboard, "BTCUSDT")
        assert dashboard.page.locator("body").get_attribute("data-blind") == "false"


def test_a_page_that_is_cut_off_says_so_and_loads_again(
    page: Page, settings: Settings, feeder: Feeder, tmp_path: Path
) -> None:
    dashboard = Dashboard(page, f"http://127.0.0.1:{settings.dashboard_port}/")
    with running(settings, ["panel_app"], tmp_path) as process:
        dashboard.open()
        moves(dashboard, "BTCUSDT")
        assert process.end() == 0
        dashboard.notice("dashboard").wait_for()
        assert "cut off" in dashboard.notice("dashboard").inner_text()
        dashboard.wait(lambda: dashboard.is_old("BTCUSDT"))
    assert dashboard.complaints.page == []
    with running(settings, ["panel_app"], tmp_path):
        dashboard.wait(lambda: dashboard.notice("dashboard").count() == 0)
        moves(dashboard, "BTCUSDT")
        dashboard.complaints.forget()
        moves(dashboard, "BTCUSDT")
        dashboard.close()
    assert feeder.writes_raw


class TestManySymbols:
    @pytest.fixture
    def settings(self, valkey: EmbeddedValkey, tmp_path: Path) -> Settings:
        return load_settings(
            symbols=",".join(f"C{number:03d}USDT" for number in range(450)),
            redis_port=valkey.port,
            database_port=free_port(),
            dashboard_port=free_port(),
            state_dir=str(tmp_path),
        )

    @pytest.fixture
    def feeder(self, settings: Settings) -> Iterator[Feeder]:
        with Feeder(settings.redis_host, settings.redis_port, settings.symbols, every_s=1.0) as market:
            yield market

    def test_the_table_stays_usable(self, dashboard: Dashboard, feeder: Feeder) -> None:
        dashboard.wait(lambda: dashboard.page.locator(".row[data-symbol]").count() == 450)
        feeder.markets["C333USDT"].lean = -0.9
        dashboard.page.get_by_label("Find a symbol").fill("c333")
        dashboard.wait(lambda: dashboard.page.locator(".row[data-symbol]:visible").count() == 1)
        dashboard.select("C333USDT")
        moves(dashboard, "C333USDT")
        dashboard.page.get_by_label("Find a symbol").fill("")
        dashboard.page.get_by_label("Order").select_option("pressure")
        first = dashboard.page.locator(".row[data-symbol]").first
        dashboard.wait(lambda: first.get_attribute("data-symbol") == "C333USDT")
