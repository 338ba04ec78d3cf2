"""What the screen says, from what is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from orderbook.messages import Alert
from panel_app.episodes import EpisodeBook, episode_of
from panel_app.faults import Fault
from panel_app.live import Snapshot
from panel_app.markets import Market, MarketTracker
from panel_app.rows import feed_rows, ladder_rows, market_row, notices
from tests.unit.panel_app.records import NOW, THRESHOLDS, alert, book, heartbeat, metrics


def market(imbalance: float | None = 0.0, *, venue: str = "binance", age_ms: int = 0, beat_id: int = 10) -> Market:
    return MarketTracker("BTCUSDT", THRESHOLDS).observe(
        metrics(imbalance=imbalance, venue=venue, at_ms=NOW - age_ms),
        heartbeat(venue=venue, update_id=beat_id),
        NOW,
    )


def snapshot(*markets: Market, active: tuple[Alert, ...] = (), past: tuple[Alert, ...] = ()) -> Snapshot:
    episodes = EpisodeBook()
    episodes.learn(map(episode_of, past))
    episodes.activate(map(episode_of, active))
    return Snapshot(NOW, markets, {}, episodes.newest(), episodes.active(), ())


def test_a_row_says_who_presses_how_hard_and_to_believe_it() -> None:
    row = market_row(market(-0.72), (), THRESHOLDS)
    assert (row.side, row.pressure, row.imbalance, row.imbalance_text) == ("ask", "asks press hard", -0.72, "-0.72")
    assert (row.mid, row.spread, row.usual_spread) == ("100.00", "1.00", "1.00")
    assert (row.verdict, row.trust, row.current) == ("Believe it", "LIVE", True)
    assert (row.since_ms, row.since_open) == (NOW, True)


def test_the_onset_of_its_alert_says_since_when() -> None:
    active = [episode_of(alert(side="ask", onset_ms=NOW - 9_000, severity="high"))]
    row = market_row(market(-0.72), active, THRESHOLDS)
    assert (row.since_ms, row.since_open) == (NOW - 9_000, False)
    assert (row.alert, row.alert_text) == ("high", "Imbalance, asks: high")


@pytest.mark.parametrize(
    "other",
    [
        alert(side="bid", onset_ms=NOW - 9_000),
        alert(side=None, rule="spread_widening", onset_ms=NOW - 9_000),
        alert(side="ask", onset_ms=NOW - 9_000, symbol="ETHUSDT"),
        alert(side="ask", onset_ms=NOW - 9_000, venue="simulator"),
    ],
)
def test_another_alert_does_not_say_since_when_the_asks_press(other: Alert) -> None:
    assert market_row(market(-0.72), [episode_of(other)], THRESHOLDS).since_ms == NOW


def test_several_alerts_are_counted() -> None:
    active = [episode_of(alert("a", severity="high")), episode_of(alert("b", rule="spread_widening", side=None))]
    assert market_row(market(0.8), active, THRESHOLDS).alert_text == "Imbalance, bids: high +1"


def test_metrics_that_lag_are_not_to_be_believed() -> None:
    row = market_row(market(0.9, age_ms=20_000, beat_id=99), (), THRESHOLDS)
    assert (row.current, row.verdict) == (False, "Do not believe it")
    assert "metrics have not followed" in row.ground


def test_a_symbol_of_which_nothing_is_known_shows_dashes() -> None:
    row = market_row(MarketTracker("BTCUSDT", THRESHOLDS).observe(None, None, NOW), (), THRESHOLDS)
    assert {row.mid, row.spread, row.imbalance_text, row.pressure, row.venue} == {"–"}  # noqa: RUF001 - a table's dash
    assert (row.side, row.current, row.imbalance, row.trust) == ("none", False, None, "NO DATA")


def test_an_active_episode_runs_and_a_past_one_has_lasted() -> None:
    rows = feed_rows(
        snapshot(
            market(0.8),
            active=(alert("now", onset_ms=NOW - 4_000),),
            past=(alert("then", status="RESOLVED", onset_ms=NOW - 90_000, event_ms=NOW - 25_000),),
        )
    )
    assert [row.alert_id for row in rows] == ["now", "then"]
    assert (rows[0].active, rows[0].running_since_ms, rows[0].status) == (True, NOW - 4_000, "active")
    assert (rows[1].active, rows[1].running_since_ms, rows[1].duration) == (False, None, "1 min 05 s")
    assert rows[1].status == "over"


def test_an_active_episode_of_a_symbol_that_went_silent_is_unconfirmed_and_stops_running() -> None:
    [row] = feed_rows(snapshot(market(0.8, age_ms=20_000, beat_id=99), active=(alert(event_ms=NOW + 3_000),)))
    assert (row.active, row.status, row.running_since_ms, row.duration) == (False, "unconfirmed", None, "3 s")


def test_a_happening_has_no_duration() -> None:
    flip = alert(rule="imbalance_flip", status="MATCHED", event_ms=NOW + 3_000)
    assert feed_rows(snapshot(market(), past=(flip,)))[0].duration == "–"  # noqa: RUF001 - a table's dash


def test_alerts_of_another_feed_than_the_one_shown_say_so() -> None:
    rows = feed_rows(snapshot(market(), past=(alert("s", venue="simulator"), alert("b", onset_ms=NOW - 1))))
    assert [row.venue for row in rows] == ["simulated data", ""]


def test_the_ladder_sums_outwards_against_the_deeper_side() -> None:
    rows = ladder_rows(book())
    assert [row.bid_share for row in rows] == [1 / 8, 4 / 8, 0.0]
    assert [row.ask_share for row in rows] == [2 / 8, 4 / 8, 8 / 8]
    assert (rows[0].bid_price, rows[0].bid_quantity, rows[0].ask_price) == ("99.00", "1.0000", "101.00")
    assert rows[2].bid_price == "–"  # noqa: RUF001 - a table's dash
    assert ladder_rows(None) == []


@pytest.mark.parametrize(("venue", "title"), [("simulator", "SIMULATED DATA"), ("recording", "RECORDED DATA")])
def test_data_that_is_not_of_a_market_is_announced(venue: str, title: str, tmp_path: Path) -> None:
    [notice] = notices(snapshot(market(venue=venue)), "binance", tmp_path / "none")
    assert (notice.kind, notice.title) == ("feed", title)


def test_before_the_first_record_the_setting_says_what_the_data_will_be(tmp_path: Path) -> None:
    assert [notice.part for notice in notices(snapshot(), "simulator", tmp_path)] == ["simulator"]
    assert notices(snapshot(), "auto", tmp_path) == []
    assert notices(snapshot(market()), "simulator", tmp_path) == []


@pytest.mark.parametrize("exists", [True, False])
def test_a_fault_says_part_time_and_logs(tmp_path: Path, *, exists: bool) -> None:
    logs = tmp_path / "logs"
    if exists:
        logs.mkdir()
    fault = Fault("redis", "blind", "Redis is unreachable", "Live values have stopped.", NOW, ("valkey", "bridge"))
    broken = Snapshot(NOW, (market(),), {}, (), (), (fault,))
    [notice] = notices(broken, "auto", logs)
    assert (notice.part, notice.kind, notice.since) == ("redis", "blind", "22:13:20 UTC")
    assert notice.logs == (f"valkey, bridge in {logs}" if exists else "valkey, bridge")
