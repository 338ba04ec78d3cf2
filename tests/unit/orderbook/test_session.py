from __future__ import annotations

from orderbook.market import DepthDiff, Execution, Snapshot
from orderbook.messages import Book, DeadLetter, FeedGap, Heartbeat, IngestMessage, Trade
from orderbook.session import IngestSession, SnapshotWish

START = 1_000_000
SNAPSHOT = Snapshot(last_update_id=10, bids=[(10.0, 1.0)], asks=[(11.0, 1.0)])


def session(*symbols: str) -> IngestSession:
    return IngestSession(venue="test", symbols=symbols or ("BTCUSDT",), depth_levels=5)


def diff(symbol: str, update_id: int, at: int) -> DepthDiff:
    return DepthDiff(
        event_time_ms=at, symbol=symbol, first_update_id=update_id, final_update_id=update_id, bids=[], asks=[]
    )


def beats(messages: list[IngestMessage], symbol: str) -> list[Heartbeat]:
    return [message for message in messages if isinstance(message, Heartbeat) and message.symbol == symbol]


def live_session(*symbols: str) -> IngestSession:
    one = session(*symbols)
    for symbol in symbols:
        one.snapshot(symbol, SNAPSHOT, START)
        one.event(diff(symbol, 11, START + 1300), START)
    return one


def test_each_symbol_and_the_clock_beat_every_second() -> None:
    one = live_session("BTCUSDT", "ETHUSDT")
    messages = one.advance(START + 3000)
    for symbol in ("BTCUSDT", "ETHUSDT", ""):
        assert [beat.receive_time_ms for beat in beats(messages, symbol)] == [START + 1000, START + 2000, START + 3000]


def test_a_change_of_state_is_told_at_once() -> None:
    one = session("BTCUSDT")
    one.snapshot("BTCUSDT", SNAPSHOT, START)
    messages = one.event(diff("BTCUSDT", 11, START + 1300), START + 10)
    assert [type(message) for message in messages] == [Heartbeat, FeedGap, Book]
    assert beats(messages, "BTCUSDT")[0].state == "live"
    lost, opened = one.event(diff("BTCUSDT", 15, START + 1400), START + 20)
    assert isinstance(lost, Heartbeat)
    assert (lost.state, lost.gaps, lost.event_time_ms) == ("resyncing", 1, START + 1300)
    assert isinstance(opened, FeedGap)
    assert (opened.cause, opened.missing_updates, opened.last_update_id) == ("gap", 3, 11)
    assert one.wanted_snapshots() == [SnapshotWish("BTCUSDT", 0)]


def test_one_symbol_s_gap_leaves_the_others_alone() -> None:
    one = live_session("BTCUSDT", "ETHUSDT")
    one.event(diff("BTCUSDT", 15, START + 1400), START + 20)
    messages = one.event(diff("ETHUSDT", 12, START + 1400), START + 20)
    assert [type(message) for message in messages] == [Book]
    assert one.wanted_snapshots() == [SnapshotWish("BTCUSDT", 0)]


def test_a_quiet_symbol_s_event_time_follows_the_connection_and_overtakes_nothing() -> None:
    one = live_session("BTCUSDT", "ETHUSDT")
    messages: list[IngestMessage] = []
    for step in range(1, 31):
        messages += one.event(diff("BTCUSDT", 11 + step, START + 1300 + 100 * step), START + 100 * step)
    quiet = [beat.event_time_ms for beat in beats(messages, "ETHUSDT")]
    # receive times START+1000, +2000, +3000; the newest event then is 100 ms older than the next one to come
    assert quiet == [START + 1700, START + 2700, START + 3700]
    [late] = one.event(diff("ETHUSDT", 12, START + 4310), START + 3010)
    assert isinstance(late, Book)
    assert late.event_time_ms == START + 4310
    assert one.keepers[1].counters.held_back == 0


def test_a_silent_connection_moves_event_time_on_only_after_five_seconds() -> None:
    one = live_session("BTCUSDT")
    messages = one.advance(START + 8000)
    times = [beat.event_time_ms for beat in beats(messages, "BTCUSDT")]
    assert times == [START + 1300] * 5 + [START + 1800, START + 2800, START + 3800]


def test_event_time_of_a_symbol_never_goes_back_after_a_silence() -> None:
    one = live_session("BTCUSDT")
    one.advance(START + 8000)
    [book] = one.event(diff("BTCUSDT", 12, START + 2000), START + 8001)
    assert isinstance(book, Book)
    assert book.event_time_ms == START + 3800
    assert one.keepers[0].counters.held_back == 1


def test_a_session_that_begins_later_beats_in_step() -> None:
    early, late = session("BTCUSDT"), session("BTCUSDT")
    early.advance(START - 3170)  # a live one: nothing has arrived yet
    told: list[list[IngestMessage]] = []
    for one in (early, late):
        one.snapshot("BTCUSDT", SNAPSHOT, START + 10)
        messages = one.event(diff("BTCUSDT", 11, START), START + 20)
        told.append([*messages[-3:], *one.advance(START + 20_000)])
    assert [type(message) for message in told[0][:3]] == [Heartbeat, FeedGap, Book]
    assert told[0][2:] == told[1][2:]
    assert ("stale", START + 10_250) in [(beat.state, beat.receive_time_ms) for beat in beats(told[0], "BTCUSDT")]


def test_a_jump_of_the_receive_clock_makes_no_flood_of_heartbeats() -> None:
    one = live_session("BTCUSDT")
    assert len(beats(one.advance(START + 86_400_000), "BTCUSDT")) == 1
    assert len(beats(one.advance(START), "BTCUSDT")) == 1


def test_trades_keep_their_times_and_name_the_aggressor() -> None:
    one = live_session("BTCUSDT")
    execution = Execution(
        event_time_ms=START + 5,
        symbol="BTCUSDT",
        trade_id=7,
        trade_time_ms=START + 4,
        price=10.5,
        quantity=2.0,
        buyer_is_maker=True,
    )
    [trade] = one.event(execution, START + 1)
    assert trade == Trade(
        venue="test",
        symbol="BTCUSDT",
        event_time_ms=START + 5,
        receive_time_ms=START + 1,
        trade_id=7,
        trade_time_ms=START + 4,
        price=10.5,
        quantity=2.0,
        aggressor="sell",
    )


def test_what_cannot_be_read_is_a_dead_letter_and_is_counted() -> None:
    one = live_session("BTCUSDT")
    [letter] = one.unreadable(b'{"e":', "Input data was truncated", "websocket frame", START + 1)
    assert letter == DeadLetter(
        venue="test",
        origin="websocket frame",
        receive_time_ms=START + 1,
        reason="Input data was truncated",
        payload='{"e":',
    )
    assert beats(one.advance(START + 1000), "BTCUSDT")[0].unreadable == 1


def test_events_of_other_symbols_are_dropped() -> None:
    one = live_session("BTCUSDT")
    assert one.event(diff("DOGEUSDT", 1, START), START + 1) == []


def test_a_lost_connection_is_told_for_every_symbol() -> None:
    one = live_session("BTCUSDT", "ETHUSDT")
    told = one.disconnected("the connection was lost", START + 50)
    assert [(beat.symbol, beat.state, beat.reason) for beat in told if isinstance(beat, Heartbeat)] == [
        ("BTCUSDT", "resyncing", "the connection was lost"),
        ("ETHUSDT", "resyncing", "the connection was lost"),
    ]


def test_the_end_of_a_bounded_feed_moves_every_symbol_and_the_clock_beyond_its_last_window() -> None:
    one = live_session("BTCUSDT", "ETHUSDT")
    closing = one.close_windows(1501, START + 60)
    assert [beat.event_time_ms for beat in closing if isinstance(beat, Heartbeat)] == [START + 2801] * 3
