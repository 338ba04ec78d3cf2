"""A connection is replaced before it ends: nothing lost, nothing doubled, no book distrusted."""

from __future__ import annotations

from itertools import pairwise

import pytest

from connectors.binance.arrivals import Closed, Opened, OverlapBegan, OverlapEnded, SymbolsChanged
from connectors.binance.line import LineRules
from orderbook.messages import Book, FeedGap, Heartbeat, Trade
from orderbook.settings import Settings
from runtime.roster import read_roster, read_wanted, write_wanted
from tests.component.binance.following import Following, connections, fault, following

pytestmark = pytest.mark.component

SYMBOLS = ("BTCUSDT", "ETHUSDT")


def assert_unbroken(one: Following, *symbols: str) -> None:
    """Every update and every trade came exactly once, and nothing was distrusted after the start."""
    for symbol in symbols:
        for earlier, later in pairwise(one.of(Book, symbol)):
            assert earlier.update_id < later.update_id
            assert earlier.event_time_ms <= later.event_time_ms
        beats = one.of(Heartbeat, symbol)
        states = [beat.state for beat in beats]
        assert set(states[states.index("live") :]) == {"live"}
        assert (beats[-1].gaps, beats[-1].resyncs, beats[-1].oracle_mismatches) == (0, 0, 0)
        assert {gap.cause for gap in one.of(FeedGap, symbol)} == {"start"}
        trades = sorted(trade.trade_id for trade in one.of(Trade, symbol))  # one of two connections may be ahead
        assert trades == list(range(trades[0], trades[0] + len(trades)))


def test_old_connections_are_replaced_again_and_again_without_a_trace(simulator: Settings) -> None:
    rules = LineRules(renew_after_ms=2_000, renew_spread_ms=0, overlap_ms=1_000)
    with following(simulator, rules) as one:
        one.until(lambda: one.came(OverlapEnded) >= 3 and one.is_live(*SYMBOLS))
        assert (one.came(Opened), one.came(Closed)) == (1, 0)
        assert one.came(OverlapBegan) - one.came(OverlapEnded) in {0, 1}
        books = len(one.of(Book, "BTCUSDT"))
        one.until(lambda: len(one.of(Book, "BTCUSDT")) > books + 10)
    assert_unbroken(one, *SYMBOLS)
    assert one.of(Heartbeat, "BTCUSDT")[-1].repeated > 0


def test_an_announced_shutdown_is_not_waited_for(simulator: Settings) -> None:
    with following(simulator) as one:
        one.until(lambda: one.is_live(*SYMBOLS))
        fault(simulator, kind="server_shutdown", notice_s=30)
        one.until(lambda: one.came(OverlapEnded) == 1)
        books = len(one.of(Book, "BTCUSDT"))
        one.until(lambda: len(one.of(Book, "BTCUSDT")) > books + 10)
        one.until(lambda: connections(simulator) == 1)
        assert one.came(Closed) == 0
    assert_unbroken(one, *SYMBOLS)


def test_a_half_open_connection_is_found_by_its_silence_and_replaced(simulator: Settings) -> None:
    with following(simulator) as one:
        one.until(lambda: one.is_live(*SYMBOLS, books=20))
        fault(simulator, kind="half_open")
        one.until(lambda: one.came(OverlapEnded) == 1)
        one.until(lambda: one.is_live(*SYMBOLS))
        assert (one.came(Opened), one.came(Closed)) == (1, 0)
    for symbol in SYMBOLS:
        assert "silent" in {beat.cause for beat in one.of(Heartbeat, symbol)}
        updates = [book.update_id for book in one.of(Book, symbol)]
        assert updates == sorted(set(updates))


def test_symbols_come_and_go_while_the_others_are_followed_without_a_break(simulator: Settings) -> None:
    with following(simulator) as one:
        one.until(lambda: one.is_live(*SYMBOLS))
        write_wanted(simulator, read_wanted(simulator).adding(("SOLUSDT", "SOLUSD")))
        one.until(lambda: one.is_live("SOLUSDT"))
        roster = read_roster(simulator)
        assert roster is not None
        assert roster.symbols == (*SYMBOLS, "SOLUSDT")
        assert roster.refused["SOLUSD"].startswith("simulator does not trade SOLUSD (did you mean SOLUSDT")
        one.until(lambda: one.came(OverlapEnded) == 1)
        write_wanted(simulator, read_wanted(simulator).removing(("ETHUSDT",)))
        one.until(lambda: one.came(SymbolsChanged) == 2)
        gone = len(one.of(Heartbeat, "ETHUSDT"))
        one.until(lambda: one.came(OverlapEnded) == 2)
        books = len(one.of(Book, "SOLUSDT"))
        one.until(lambda: len(one.of(Book, "SOLUSDT")) > books + 10)
    assert len(one.of(Heartbeat, "ETHUSDT")) == gone
    assert_unbroken(one, "BTCUSDT", "SOLUSDT")
    assert one.came(Closed) == 0
