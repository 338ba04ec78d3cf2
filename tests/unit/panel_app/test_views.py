"""What the charts hold, without a browser."""

from __future__ import annotations

import math

import pytest
from panel.models.esm import DataEvent

from panel_app.live import TAPE_CAPACITY
from panel_app.markets import MarketTracker
from panel_app.rows import MarketRow, market_row
from panel_app.session import Session
from panel_app.tape import Tape
from panel_app.views.charts import GAP_MS, MarketCharts
from panel_app.views.depth import Depth, depth_curves
from panel_app.views.parts import Overview, Part
from tests.unit.panel_app.records import NOW, THRESHOLDS, book, heartbeat, metrics


def tell(part: Part, message: dict[str, object]) -> None:
    """Hand the part a message as if the browser had sent it."""
    part._process_event(DataEvent(None, data=message))  # type: ignore[no-untyped-call]  # untyped in Panel


@pytest.fixture
def session() -> Session:
    return Session(("BTCUSDT", "ETHUSDT"))


def test_a_session_selects_only_what_is_followed(session: Session) -> None:
    assert session.symbol == "BTCUSDT"
    session.choose("ETHUSDT")
    session.choose("DOGEUSDT")
    assert session.symbol == "ETHUSDT"


def test_points_are_streamed_and_split_by_side(session: Session) -> None:
    charts, tape = MarketCharts(session, THRESHOLDS), Tape(10, 2.0)
    tape.append([metrics(at_ms=NOW, imbalance=0.4, mid=100.0), metrics(at_ms=NOW + 100, imbalance=-0.6, mid=101.0)])
    charts.draw(tape, NOW + 500)
    first = charts.source.data
    tape.append([metrics(at_ms=NOW + 200, imbalance=0.1, mid=102.0)])
    charts.draw(tape, NOW + 700)
    assert charts.source.data is first
    assert charts.source.data["time"] == [NOW, NOW + 100, NOW + 200]
    assert charts.source.data["mid"] == [100.0, 101.0, 102.0]
    assert charts.source.data["bid_pressure"] == [0.4, 0.0, 0.1]
    assert charts.source.data["ask_pressure"] == [0.0, -0.6, 0.0]
    assert charts.source.data["spread_alert"] == pytest.approx([2.0, 2 / 1.01, 2 / 1.02])


def test_the_time_axis_goes_on_while_nothing_comes(session: Session) -> None:
    charts, tape = MarketCharts(session, THRESHOLDS), Tape(10, 2.0)
    tape.append([metrics(at_ms=NOW)])
    charts.draw(tape, NOW + 30_000)
    assert (charts.times.start, charts.times.end) == (NOW + 30_000 - 5 * 60_000, NOW + 30_000)
    session.span_minutes = 1
    charts.draw(tape, None)
    assert (charts.times.start, charts.times.end) == (NOW - 60_000, NOW)


def test_a_gap_breaks_the_line_and_undefined_is_a_hole(session: Session) -> None:
    charts, tape = MarketCharts(session, THRESHOLDS), Tape(10, 2.0)
    tape.append([metrics(at_ms=NOW), metrics(at_ms=NOW + GAP_MS), metrics(at_ms=NOW + 2 * GAP_MS + 1, imbalance=None)])
    charts.draw(tape, NOW)
    assert charts.source.data["time"] == [NOW, NOW + GAP_MS, NOW + GAP_MS + 1, NOW + 2 * GAP_MS + 1]
    assert [math.isnan(value) for value in charts.source.data["mid"]] == [False, False, True, False]
    assert [math.isnan(value) for value in charts.source.data["bid_pressure"]] == [False, False, True, True]


def test_another_symbol_replaces_the_lines(session: Session) -> None:
    charts, tape, other = MarketCharts(session, THRESHOLDS), Tape(10, 2.0), Tape(10, 2.0)
    tape.append([metrics(at_ms=NOW)])
    charts.draw(tape, NOW)
    other.append([metrics(at_ms=NOW - 9_000, symbol="ETHUSDT", mid=7.0)])
    charts.draw(other, NOW)
    assert charts.source.data["mid"] == [7.0]
    charts.draw(Tape(10, 2.0), NOW)
    assert charts.source.data["mid"] == []


def test_the_charts_hold_no_more_than_the_tape(session: Session) -> None:
    charts, tape = MarketCharts(session, THRESHOLDS), Tape(TAPE_CAPACITY, 2.0)
    for start in range(0, TAPE_CAPACITY + 300, 300):
        tape.append(metrics(at_ms=NOW + number) for number in range(start, start + 300))
        charts.draw(tape, NOW)
    assert len(charts.source.data["time"]) == TAPE_CAPACITY
    assert charts.source.data["time"][-1] == NOW + TAPE_CAPACITY + 299


def test_the_depth_curve_is_a_staircase_outwards_from_the_mid() -> None:
    bids, asks = depth_curves(book())
    assert bids["distance"] == pytest.approx([-100, -100, -200, -200])
    assert bids["total"] == [0, 1, 1, 4]
    assert asks["distance"] == pytest.approx([100, 100, 300, 300, 400, 400])
    assert asks["total"] == [0, 2, 2, 4, 4, 8]
    assert asks["price"] == [101, 101, 103, 103, 104, 104]


def test_a_book_that_went_away_leaves_no_picture() -> None:
    depth = Depth()
    depth.draw(book(), current=True)
    assert len(depth.ladder.levels) == 3
    depth.draw(None, current=False)
    assert depth.ladder.levels == []
    assert depth.bids.data["total"] == []
    assert depth.ladder.current is False


def test_only_rows_that_changed_travel() -> None:
    overview = Overview()
    trackers = {symbol: MarketTracker(symbol, THRESHOLDS) for symbol in ("BTCUSDT", "ETHUSDT")}

    def rows(mid: float) -> list[MarketRow]:
        return [
            market_row(
                tracker.observe(
                    metrics(symbol=symbol, mid=mid if symbol == "BTCUSDT" else 5.0), heartbeat(symbol=symbol), NOW
                ),
                (),
                THRESHOLDS,
            )
            for symbol, tracker in trackers.items()
        ]

    overview.draw(rows(100.0))
    assert [row["symbol"] for row in overview.changes] == ["BTCUSDT", "ETHUSDT"]
    overview.draw(rows(101.0))
    assert [(row["symbol"], row["mid"]) for row in overview.changes] == [("BTCUSDT", "101.00")]
    tell(overview, {"drawn": "all"})
    overview.draw(rows(101.0))
    assert [row["symbol"] for row in overview.changes] == ["BTCUSDT", "ETHUSDT"]


def test_rows_of_symbols_that_are_gone_are_taken_from_the_list_and_come_back_whole() -> None:
    overview = Overview()

    def rows(*symbols: str) -> list[MarketRow]:
        return [
            market_row(MarketTracker(symbol, THRESHOLDS).observe(None, None, NOW), (), THRESHOLDS) for symbol in symbols
        ]

    overview.draw(rows("BTCUSDT", "ETHUSDT"))
    overview.draw(rows("ETHUSDT", "ADAUSDT"))
    assert overview.listed == ["ETHUSDT", "ADAUSDT"]
    assert [row["symbol"] for row in overview.changes] == ["ADAUSDT"]
    overview.draw(rows("ETHUSDT", "BTCUSDT"))
    assert [row["symbol"] for row in overview.changes] == ["BTCUSDT"]
    overview.draw([])
    assert overview.listed == []


def test_without_a_symbol_the_charts_are_empty(session: Session) -> None:
    charts, tape = MarketCharts(session, THRESHOLDS), Tape(10, 2.0)
    charts.draw(None, None)
    tape.append([metrics(at_ms=NOW)])
    charts.draw(tape, NOW)
    charts.draw(None, None)
    assert charts.source.data["mid"] == []
    charts.draw(tape, NOW)
    assert charts.source.data["time"] == [NOW]


def test_a_message_of_the_wrong_shape_is_ignored() -> None:
    overview = Overview()
    chosen: list[str] = []
    overview.on_choice("symbol", chosen.append)
    messages: tuple[dict[str, object], ...] = ({"symbol": 7}, {"other": "x"}, {}, {"symbol": "ETHUSDT"})
    for message in messages:
        tell(overview, message)
    assert chosen == ["ETHUSDT"]
