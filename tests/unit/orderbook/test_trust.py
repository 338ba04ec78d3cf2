"""What a session says of its symbols while they cannot be believed, and the ledger of those stretches."""

from __future__ import annotations

import pytest

from connectors.binance.arrivals import SnapshotArrived, drive
from orderbook.market import DepthDiff, Execution, PartialBook, Snapshot
from orderbook.messages import Book, FeedGap, Heartbeat, IngestMessage, Trade
from orderbook.session import IngestSession, SnapshotWish
from tests.unit.orderbook.exchange import NaiveExchange

START = 1_700_000_000_000
BTC, ETH = "BTCUSDT", "ETHUSDT"


def diff(symbol: str, update_id: int, at: int) -> DepthDiff:
    return DepthDiff(
        event_time_ms=at, symbol=symbol, first_update_id=update_id, final_update_id=update_id, bids=[], asks=[]
    )


def of(messages: list[IngestMessage], symbol: str) -> list[tuple[str, str | None]]:
    return [(m.state, m.cause) for m in messages if isinstance(m, Heartbeat | Book) and m.symbol == symbol]


def gaps(messages: list[IngestMessage]) -> list[FeedGap]:
    return [message for message in messages if isinstance(message, FeedGap)]


class Feed:
    """Two symbols that update every 100 ms, received 50 ms after the event by a clock that is `ahead_ms` ahead."""

    def __init__(self) -> None:
        self.session = IngestSession(venue="test", symbols=(BTC, ETH), depth_levels=5)
        self.now = START
        self.ahead_ms = 0
        self.ids = {BTC: 10, ETH: 10}
        self.messages: list[IngestMessage] = []
        for symbol in (BTC, ETH):
            self.snapshot(symbol)

    def snapshot(self, symbol: str) -> None:
        snapshot = Snapshot(last_update_id=self.ids[symbol], bids=[(10.0, 1.0)], asks=[(11.0, 1.0)])
        self.messages += self.session.snapshot(symbol, snapshot, self.now)

    def run(self, steps: int, *silent: str) -> list[IngestMessage]:
        """Let time pass; silent symbols have no updates."""
        messages: list[IngestMessage] = []
        for _ in range(steps):
            self.now += 100
            for symbol in (BTC, ETH):
                if symbol not in silent:
                    self.ids[symbol] += 1
                    event = diff(symbol, self.ids[symbol], self.now - 50)
                    messages += self.session.event(event, self.now + self.ahead_ms)
            messages += self.session.advance(self.now + self.ahead_ms)
        self.messages += messages
        return messages


def test_a_silent_symbol_is_stale_and_the_others_stay_live() -> None:
    feed = Feed()
    feed.run(50)
    messages = feed.run(20, BTC)
    assert set(of(messages, ETH)) == {("live", None)}
    assert of(messages, BTC)[-1] == ("stale", "stale")
    [opened] = gaps(messages)
    assert (opened.symbol, opened.cause, opened.end_event_time_ms) == (BTC, "stale", None)
    last_update_ms = feed.now - 2000
    assert last_update_ms + 1500 < opened.start_receive_time_ms <= last_update_ms + 1750
    back = feed.run(1)
    assert of(back, BTC) == [("live", None), ("live", None)]
    [closed] = gaps(back)
    assert closed.gap_id == opened.gap_id
    assert (closed.last_update_id, closed.next_update_id) == (60, 61)
    assert (closed.end_receive_time_ms, closed.end_event_time_ms) == (feed.now, feed.now - 50)


def test_a_silent_connection_is_told_from_a_silent_symbol() -> None:
    feed = Feed()
    feed.run(50)
    messages = feed.run(20, BTC, ETH)
    assert of(messages, BTC)[-1] == of(messages, ETH)[-1] == ("stale", "silent")
    assert feed.session.silent_ms(feed.now) == 2000
    assert feed.session.silence_limit_ms == 1500


def test_a_symbol_that_was_silent_because_updates_were_lost_is_resynchronised() -> None:
    feed = Feed()
    feed.run(50)
    feed.run(20, BTC)
    feed.ids[BTC] += 3
    messages = feed.run(1)
    assert of(messages, BTC)[-1] == ("resyncing", "gap")
    assert gaps(messages) == []  # the stretch that began with the silence goes on
    feed.snapshot(BTC)
    [closed] = gaps(feed.run(1))
    assert (closed.cause, closed.last_update_id, closed.next_update_id) == ("stale", 60, 65)


def test_the_exchange_s_own_status_explains_a_silence() -> None:
    feed = Feed()
    feed.run(50)
    feed.run(20, BTC)
    told = feed.session.status_changed(BTC, "BREAK", feed.now)
    [beat] = [message for message in told if isinstance(message, Heartbeat)]
    assert (beat.state, beat.cause, beat.reason) == ("stale", "status", "the exchange lists BTCUSDT as BREAK")
    assert of(feed.session.status_changed(BTC, "TRADING", feed.now), BTC) == [("stale", "stale")]


def test_silence_is_noticed_at_its_own_time_however_late_time_is_told() -> None:
    often, seldom = Feed(), Feed()
    for feed in (often, seldom):
        feed.run(50)
    one = [message for step in range(60) for message in often.session.advance(often.now + (step + 1) * 100)]
    assert one == seldom.session.advance(seldom.now + 6000)


def test_silence_is_noticed_also_after_the_receive_clock_went_back() -> None:
    feed = Feed()
    feed.run(50)
    feed.ahead_ms = -30_000
    feed.run(2)
    assert of(feed.run(20, BTC), BTC)[-1] == ("stale", "stale")
    assert sum(isinstance(message, Heartbeat) and message.symbol == ETH for message in feed.run(20)) == 2


def test_an_answer_over_rest_is_no_sign_that_the_connection_delivers() -> None:
    feed = Feed()
    feed.run(50)
    drive(feed.session, SnapshotArrived((feed.now + 1500) * 1_000_000, BTC, 100, b"<html>"), "")
    assert feed.session.silent_ms(feed.now + 2000) == 2000


def test_a_lost_connection_distrusts_partial_books() -> None:
    session = IngestSession(venue="test", symbols=(BTC,), depth_levels=5)
    session.event(partial(5), START)
    assert of(session.disconnected("the line went dead", START + 100), BTC) == [("resyncing", "disconnected")]
    assert of(session.event(partial(6), START + 200), BTC)[-1] == ("unverified", "partial")


def test_an_unreadable_depth_frame_is_distrusted_at_once_and_only_for_its_symbol() -> None:
    feed = Feed()
    feed.run(50)
    messages = feed.session.unreadable(b"{", "truncated", "websocket frame", feed.now, BTC)
    assert of(messages, BTC) == [("resyncing", "unreadable")]
    assert feed.session.wanted_snapshots() == [SnapshotWish(BTC, 0)]
    messages = feed.session.unreadable(b"{", "truncated", "websocket frame", feed.now, None)
    assert of(messages, ETH) == []


def test_the_first_stretch_of_a_symbol_lasts_until_its_first_book() -> None:
    session = IngestSession(venue="test", symbols=(BTC,), depth_levels=5)
    [opened] = gaps(session.advance(START))
    assert (opened.cause, opened.reason) == ("start", "waiting for the first snapshot")
    session.snapshot(BTC, Snapshot(last_update_id=10, bids=[(10.0, 1.0)], asks=[(11.0, 1.0)]), START + 10)
    messages = session.event(diff(BTC, 11, START), START + 20)
    [closed] = gaps(messages)
    assert (closed.gap_id, closed.next_update_id, closed.last_update_id) == (opened.gap_id, 11, None)
    assert isinstance(messages[-1], Book)


def test_symbols_come_and_go_while_the_others_stay_as_they_are() -> None:
    feed = Feed()
    feed.run(50)
    feed.session.symbols_changed(("SOLUSDT",), (ETH,), feed.now)
    assert feed.session.symbols == (BTC, "SOLUSDT")
    assert feed.session.wanted_snapshots() == [SnapshotWish("SOLUSDT", 1)]
    messages = feed.run(1)
    assert [type(message) for message in messages] == [Book]
    assert of(messages, BTC) == [("live", None)]


def test_the_stretch_of_a_symbol_ends_with_its_removal() -> None:
    feed = Feed()
    feed.run(50)
    [opened] = gaps(feed.run(20, ETH))
    [closed] = gaps(feed.session.symbols_changed((), (BTC, ETH), feed.now))  # Bitcoin's is live: it has none
    assert (closed.symbol, closed.gap_id, closed.end_receive_time_ms) == (ETH, opened.gap_id, feed.now)
    assert (closed.last_update_id, closed.next_update_id) == (60, None)
    assert closed.end_event_time_ms is not None
    assert closed.start_event_time_ms <= closed.end_event_time_ms <= feed.now


def trade(trade_id: int, at: int) -> Execution:
    return Execution(
        event_time_ms=at, symbol=BTC, trade_id=trade_id, trade_time_ms=at, price=1.0, quantity=1.0, buyer_is_maker=True
    )


def test_trades_of_two_connections_count_once() -> None:
    feed = Feed()
    session = feed.session
    messages = [*session.event(trade(7, START), START), *session.overlap_began(START)]
    for trade_id in (7, 10, 8, 9, 9, 10, 11):  # the second connection is ahead of the first
        messages += session.event(trade(trade_id, START), START)
    messages += session.overlap_ended(START)
    messages += [message for trade_id in (11, 12) for message in session.event(trade(trade_id, START), START)]
    assert [message.trade_id for message in messages if isinstance(message, Trade)] == [7, 10, 8, 9, 11, 12]
    assert next(beat.repeated for beat in session.advance(START + 1000) if isinstance(beat, Heartbeat)) == 4


def partial(update_id: int, bid: float = 10.0) -> PartialBook:
    return PartialBook(symbol=BTC, last_update_id=update_id, event_time_ms=None, bids=[(bid, 1.0)], asks=[(11.0, 1.0)])


def test_partial_books_are_published_as_unverified_and_never_as_live() -> None:
    session = IngestSession(venue="test", symbols=(BTC,), depth_levels=5)
    books = [
        message
        for update_id in (5, 9, 7, 12)
        for message in session.event(partial(update_id), START + update_id)
        if isinstance(message, Book)
    ]
    assert [(book.update_id, book.state, book.cause) for book in books] == [
        (5, "unverified", "partial"),
        (9, "unverified", "partial"),
        (12, "unverified", "partial"),
    ]
    assert session.wanted_snapshots() == []
    assert session.event(partial(13, bid=11.5), START + 20)[0].__class__ is Heartbeat
    assert (session.keepers[0].state, session.keepers[0].cause) == ("resyncing", "crossed")
    assert of(session.event(partial(14), START + 30), BTC)[-1] == ("unverified", "partial")


def test_heartbeats_carry_the_clock_s_offset_and_the_latencies() -> None:
    feed = Feed()
    feed.run(30)
    beat = next(message for message in reversed(feed.messages) if isinstance(message, Heartbeat) and message.symbol)
    assert beat.clock_offset_ms == 50
    assert sum(beat.latency_counts) in range(20, 31)
    assert beat.latency_counts[0] == sum(beat.latency_counts)
    assert beat.stale_after_ms == 1500


@pytest.mark.parametrize("shift_ms", [3_600_000, -3_600_000])
def test_a_jump_of_the_exchange_s_clock_neither_moves_nor_stops_event_time(shift_ms: int) -> None:
    exchange = NaiveExchange()
    session = IngestSession(venue="test", symbols=(BTC,), depth_levels=5)
    times: list[int] = []
    for step in range(60):
        now = START + step * 100
        shift = shift_ms if step >= 30 else 0
        messages = session.event(exchange.step([(1, step + 1)], [], 1, now + shift), now + 30)
        if session.wanted_snapshots():
            messages += session.snapshot(BTC, exchange.snapshot(1000), now + 31)
        times += [message.event_time_ms for message in messages if isinstance(message, Book)]
    assert times == sorted(times)
    assert times[-1] == START + 59 * 100
    assert len(times) >= 57
    assert session.clock.jumps == 30
