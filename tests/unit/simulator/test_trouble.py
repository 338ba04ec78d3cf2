from __future__ import annotations

from connectors.simulator.faults import Corrupt, CrossedBook, DropDiff, DuplicateDiff, ReorderDiff, WrongQuote
from connectors.simulator.market import BestQuote, DepthDiff, MarketEvent
from connectors.simulator.matching import Touch
from connectors.simulator.trouble import Frame, Outgoing, Trouble

TOUCH = Touch(1000, 5, 1001, 6)
SYMBOL = "ADAUSDT"


def diff(number: int, interval_ms: int = 100) -> DepthDiff:
    return DepthDiff(number * 100, interval_ms, number, number, ((990, 3), (980, 0)), ())


def sent(trouble: Trouble, *events: MarketEvent) -> list[Outgoing]:
    return [outgoing for event in events for outgoing in trouble.outgoing(event, TOUCH)]


def test_faults_take_one_diff_each_in_the_order_they_were_asked_for() -> None:
    trouble = Trouble()
    trouble.await_diff(DropDiff(symbol=SYMBOL, count=2))
    trouble.await_diff(DuplicateDiff(symbol=SYMBOL))
    trouble.await_diff(Corrupt(symbol=SYMBOL, how="nan"))
    assert sent(trouble, *map(diff, range(1, 6))) == [
        Outgoing(diff(3)), Outgoing(diff(3)), Outgoing(diff(4), "nan"), Outgoing(diff(5)),
    ]  # fmt: skip


def test_each_diff_stream_meets_its_faults_on_its_own() -> None:
    trouble = Trouble()
    trouble.await_diff(DropDiff(symbol=SYMBOL))
    assert sent(trouble, diff(1), diff(2), diff(1, 1000), diff(2, 1000)) == [Outgoing(diff(2)), Outgoing(diff(2, 1000))]
    assert trouble.over(0.0)


def test_a_pair_that_is_swapped_takes_one_fault() -> None:
    trouble = Trouble()
    trouble.await_diff(ReorderDiff(symbol=SYMBOL, count=2))
    order = [outgoing.event for outgoing in sent(trouble, *map(diff, range(1, 6)))]
    assert order == [diff(2), diff(1), diff(4), diff(3), diff(5)]


def test_what_waits_for_a_diff_leaves_other_events_alone() -> None:
    trouble = Trouble()
    trouble.await_diff(DropDiff(symbol=SYMBOL))
    quote = BestQuote(50, 1, TOUCH)
    assert sent(trouble, quote) == [Outgoing(quote)]
    assert not trouble.over(1e9)


def test_a_crossing_bid_is_put_before_the_others() -> None:
    trouble = Trouble()
    trouble.await_diff(CrossedBook(symbol=SYMBOL))
    (crossed,) = sent(trouble, diff(1))
    assert isinstance(crossed.event, DepthDiff)
    assert crossed.event.bids == ((1006, 5), (990, 3), (980, 0))
    assert (crossed.event.first_update_id, crossed.event.last_update_id) == (1, 1)


def test_a_wrong_quote_precedes_its_diff_on_one_stream_only() -> None:
    trouble = Trouble()
    trouble.await_diff(WrongQuote(symbol=SYMBOL))
    wrong = BestQuote(100, 1, TOUCH._replace(bid=999))
    assert sent(trouble, diff(1), diff(1, 1000)) == [Outgoing(wrong), Outgoing(diff(1)), Outgoing(diff(1, 1000))]
    trouble.await_diff(WrongQuote(symbol=SYMBOL))
    (quote, _) = trouble.outgoing(diff(2), Touch(1, 5, 9, 5))
    assert isinstance(quote.event, BestQuote)
    assert quote.event.touch.bid == 2


def test_event_times_are_shifted_until_the_jump_is_over() -> None:
    trouble = Trouble()
    trouble.shift(-7000, 200.0)
    assert [outgoing.event.time_ms for outgoing in sent(trouble, diff(1), diff(2))] == [-6900, 200]
    assert (trouble.over(199.9), trouble.over(200.0)) == (False, True)


def test_silence_ends_when_the_longest_stall_does() -> None:
    trouble = Trouble()
    trouble.stall(500.0)
    trouble.stall(300.0)
    assert (trouble.silent(499.0), trouble.silent(500.0)) == (True, False)


def test_held_frames_are_released_in_order_once() -> None:
    trouble = Trouble()
    trouble.delay(300.0)
    frames = [Frame("a", b"1", None), Frame("b", b"2", "nan")]
    assert [trouble.hold(frame, 100.0) for frame in frames] == [True, True]
    assert trouble.released(299.0) == []
    assert not trouble.over(1e9)
    assert not trouble.hold(Frame("a", b"3", None), 300.0)
    assert trouble.released(300.0) == frames
    assert trouble.released(300.0) == []
    assert trouble.over(300.0)
