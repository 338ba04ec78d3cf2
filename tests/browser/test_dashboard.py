"""The page in a browser while data flows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from playwright.sync_api import Page

from local_stack.postgres import EmbeddedPostgres
from orderbook.settings import Settings
from tests.browser.feeder import START_PRICES, Feeder, alert, now_ms
from tests.browser.reading import Dashboard

pytestmark = pytest.mark.browser


def test_numbers_and_charts_move_and_nothing_leaves_the_machine(dashboard: Dashboard, feeder: Feeder) -> None:
    seen = {symbol: set[float]() for symbol in feeder.markets}

    def all_moved() -> bool:
        for symbol, mids in seen.items():
            mids.add(dashboard.mid(symbol))
        return all(len(mids) >= 3 for mids in seen.values())

    dashboard.wait(all_moved)
    for symbol, mids in seen.items():
        assert all(abs(mid / START_PRICES[symbol] - 1) < 0.05 for mid in mids)
    points = len(dashboard.series()["time"])
    dashboard.wait(lambda: len(dashboard.series()["time"]) > points + 10)
    times = [time for time in dashboard.series()["time"] if time is not None]
    assert times == sorted(times)
    assert dashboard.complaints.hosts == {"127.0.0.1"}
    assert dashboard.complaints.failed == []


def test_the_page_says_that_the_data_is_simulated(dashboard: Dashboard) -> None:
    dashboard.wait(lambda: dashboard.notice("simulator").count() == 1)
    assert "SIMULATED DATA" in dashboard.notice("simulator").inner_text()
    dashboard.wait(lambda: dashboard.page.title() == "SIMULATED DATA | Order Book Imbalance")
    assert dashboard.value("BTCUSDT", "venue") == "simulated"


def test_who_presses_is_said_and_drawn(dashboard: Dashboard, feeder: Feeder) -> None:
    feeder.markets["BTCUSDT"].lean = 0.85
    feeder.markets["ETHUSDT"].lean = -0.85
    dashboard.wait(lambda: dashboard.value("BTCUSDT", "words") == "bids press hard")
    dashboard.wait(lambda: dashboard.value("ETHUSDT", "words") == "asks press hard")
    dashboard.wait(lambda: dashboard.headline("pressure").lower().startswith("bids press"))
    dashboard.wait(lambda: dashboard.headline("since").startswith("for "))
    assert dashboard.headline("verdict") == "Believe it"
    for symbol, grows_right in (("BTCUSDT", True), ("ETHUSDT", False)):
        gauge = dashboard.row(symbol).locator(".gauge").bounding_box()
        bar = dashboard.row(symbol).locator(".bar").bounding_box()
        assert gauge is not None
        assert bar is not None
        middle = gauge["x"] + gauge["width"] / 2
        assert (bar["x"] + bar["width"] / 2 > middle) is grows_right
        assert bar["width"] > 0.2 * gauge["width"]


def test_choosing_a_symbol_shows_its_own_book_and_charts(dashboard: Dashboard) -> None:
    dashboard.wait(lambda: dashboard.headline("symbol") == "BTCUSDT")
    dashboard.select("ADAUSDT")
    dashboard.wait(lambda: len(dashboard.series().get("mid", ())) > 10)
    assert all(mid is None or 0.3 < mid < 0.6 for mid in dashboard.series()["mid"])
    ladder = dashboard.page.locator(".ladder")
    dashboard.wait(lambda: ladder.locator("tbody tr").count() == 10)
    dashboard.wait(lambda: 0.3 < float(ladder.locator(".bid_price").first.inner_text()) < 0.6)
    bids = [float(text) for text in ladder.locator(".bid_price").all_inner_texts()]
    asks = [float(text) for text in ladder.locator(".ask_price").all_inner_texts()]
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)


def test_the_span_of_the_charts_can_be_chosen(dashboard: Dashboard) -> None:
    width = """() => { for (const page of Bokeh.documents) for (const model of page._all_models.values())
        if (model.type === "Range1d" && model.end > 1e12) return model.end - model.start; return null }"""
    dashboard.wait(lambda: dashboard.page.evaluate(width) == 5 * 60_000)
    dashboard.page.get_by_role("button", name="1 min", exact=True).click()
    dashboard.wait(lambda: dashboard.page.evaluate(width) == 60_000)


def test_an_alert_shows_while_it_lasts_and_is_over_afterwards(dashboard: Dashboard, feeder: Feeder) -> None:
    onset = now_ms() - 30_000
    feeder.step(alert("ETHUSDT", alert_id="e", side="ask", severity="high", onset_ms=onset, peak=0.8))
    item = dashboard.alert("e")
    dashboard.wait(lambda: item.count() == 1 and "active" in (item.get_attribute("class") or ""))
    assert item.locator(".peak").inner_text() == "90 % of depth on the ask (0.80)"
    running = item.locator(".duration").inner_text()
    dashboard.wait(lambda: item.locator(".duration").inner_text() != running)
    dashboard.wait(lambda: dashboard.value("ETHUSDT", "alert") == "Imbalance, asks: high")
    feeder.step(
        alert("ETHUSDT", alert_id="e", step=1, side="ask", severity="high", status="RESOLVED", onset_ms=onset,
              event_ms=onset + 65_000, peak=0.8)
    )  # fmt: skip
    dashboard.wait(lambda: item.locator(".status").inner_text() == "over")
    assert item.locator(".duration").inner_text() == "1 min 05 s"
    dashboard.wait(lambda: dashboard.value("ETHUSDT", "alert") == "")


def test_a_book_that_loses_its_sequence_is_greyed_with_the_reason(dashboard: Dashboard, feeder: Feeder) -> None:
    dashboard.wait(lambda: not dashboard.is_old("SOLUSDT"))
    market = feeder.markets["SOLUSDT"]
    market.reason = "gap after 1004"
    market.state = "resyncing"
    dashboard.wait(lambda: dashboard.value("SOLUSDT", "state") == "RESYNCING")
    dashboard.wait(lambda: dashboard.is_old("SOLUSDT"))
    assert dashboard.value("SOLUSDT", "reason") == "gap after 1004"
    assert not dashboard.is_old("BTCUSDT")
    market.state, market.reason = "live", None
    dashboard.wait(lambda: not dashboard.is_old("SOLUSDT"))


def test_the_headline_says_what_proves_the_book(dashboard: Dashboard, feeder: Feeder) -> None:
    dashboard.wait(lambda: dashboard.headline("state") == "LIVE")
    dashboard.wait(lambda: dashboard.evidence("Best quotes").endswith(" compared, 0 differed"))
    assert dashboard.evidence("Verified to") == "-38.2 / +105 bps"
    assert dashboard.evidence("Gaps") == "0"
    assert dashboard.evidence("Latency p50 / p99") == "≤ 20 / ≤ 100 ms"
    age = dashboard.evidence("Snapshot")
    dashboard.wait(lambda: dashboard.evidence("Snapshot") != age)
    dashboard.keep_pictures("live")
    market = feeder.markets["BTCUSDT"]
    market.reason, market.state = "gap: 1005..1009 are missing", "resyncing"
    dashboard.wait(lambda: dashboard.headline("state") == "RESYNCING")
    assert dashboard.headline("verdict") == "Do not believe it"
    assert "1005..1009 are missing" in dashboard.headline("ground")
    assert dashboard.evidence("Snapshot") == "none yet"
    dashboard.keep_pictures("resyncing")


def test_a_quiet_market_is_not_taken_for_a_broken_one(dashboard: Dashboard, feeder: Feeder) -> None:
    feeder.quiet.add("ADAUSDT")
    dashboard.wait(lambda: dashboard.value("ADAUSDT", "age").endswith("quiet"))
    assert not dashboard.is_old("ADAUSDT")
    assert dashboard.value("ADAUSDT", "state") == "LIVE"


@pytest.mark.parametrize("width", [390, 1440])
def test_the_page_fits_the_screen(dashboard: Dashboard, width: int) -> None:
    dashboard.page.set_viewport_size({"width": width, "height": 900})
    dashboard.wait(lambda: dashboard.page.locator(".ladder tbody tr").count() == 10)
    dashboard.wait(lambda: dashboard.page.evaluate("document.documentElement.scrollWidth") == width)
    for symbol in START_PRICES:
        box = dashboard.row(symbol).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width


class TestHistory:
    """The database knows the minutes before the first recent row."""

    @pytest.fixture(autouse=True)
    def _windows(self, database: EmbeddedPostgres) -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        with psycopg.connect(database.conninfo, autocommit=True) as connection:
            for second in range(120, 60, -1):
                start = now - timedelta(seconds=second)
                connection.execute(
                    "INSERT INTO orderbook_metrics (venue, symbol, window_start, window_end, updates, first_update_id,"
                    " last_update_id, mid_close, imbalance_ratio_close, spread_bps_close)"
                    " VALUES ('simulator', 'BTCUSDT', %s, %s, 1, 1, 1, 60000, 0.2, 0.1)",
                    (start, start + timedelta(seconds=1)),
                )
            connection.execute(
                "INSERT INTO orderbook_alerts VALUES ('past', 'simulator', 'BTCUSDT', 'spread_widening', NULL,"
                " 'medium', 'RESOLVED', 2, now() - interval '90 s', now() - interval '80 s', NULL, NULL,"
                " 1, 3.25, 2, NULL)"
            )

    def test_older_minutes_and_past_alerts_are_there(self, dashboard: Dashboard) -> None:
        dashboard.wait(lambda: dashboard.series().get("mid", ())[:60].count(60_000.0) == 60)
        dashboard.wait(lambda: len(dashboard.series()["mid"]) > 70)
        dashboard.wait(lambda: dashboard.alert("past").count() == 1)
        assert dashboard.alert("past").locator(".peak").inner_text() == "3.2 times the usual spread"
        assert dashboard.alert("past").locator(".duration").inner_text() == "10 s"


def test_two_visitors_choose_independently(dashboard: Dashboard, page: Page, settings: Settings) -> None:
    other = Dashboard(page.context.new_page(), f"http://127.0.0.1:{settings.dashboard_port}/")
    other.open()
    other.select("ETHUSDT")
    dashboard.select("BNBUSDT")
    other.wait(lambda: len(other.series().get("mid", ())) > 5)
    assert all(mid is None or mid > 2_000 for mid in other.series()["mid"])
    assert other.headline("symbol") == "ETHUSDT"
    other.close()
