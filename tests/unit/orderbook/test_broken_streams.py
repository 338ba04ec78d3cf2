"""Any cut, repetition, swap or overlap of a valid stream is harmless or noticed, never silently wrong."""

from __future__ import annotations

from typing import Literal, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderbook.keeper import BookKeeper
from orderbook.market import DepthDiff, Level, Market, Snapshot
from orderbook.messages import Book
from orderbook.sequence import SequenceRules
from tests.unit.orderbook.exchange import Changes, NaiveExchange

DEPTH = 4
Trouble = Literal["none", "drop", "repeat", "late", "old", "cut"]


class Step(NamedTuple):
    bids: Changes
    asks: Changes
    updates: int
    trouble: Trouble
    snapshot_takes: int


changes = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), max_size=8)
troubles = st.sampled_from(("none", "none", "none", "none", "drop", "repeat", "late", "old", "cut"))
streams = st.lists(
    st.builds(Step, changes, changes, st.integers(1, 4), troubles, st.integers(0, 3)), min_size=5, max_size=60
)


def keeper(market: Market) -> BookKeeper:
    return BookKeeper(venue="test", symbol="BTCUSDT", rules=SequenceRules(market), depth_levels=DEPTH)


def judge(books: list[Book], exchange: NaiveExchange) -> None:
    """A live book is the exchange's own at its update id, to the last published level."""
    for book in books:
        assert book.state in {"live", "unverified"}
        if book.state == "live":
            bids, asks = exchange.books[book.update_id]
            assert levels(book.bid_price, book.bid_qty) == bids[:DEPTH]
            assert levels(book.ask_price, book.ask_qty) == asks[:DEPTH]


def troubled(
    diff: DepthDiff, trouble: Trouble, sent: list[DepthDiff], late: list[DepthDiff]
) -> tuple[list[DepthDiff], list[DepthDiff]]:
    """What arrives now, and what is held up until the next diff has overtaken it."""
    if trouble == "late":
        return late, [diff]
    if trouble == "drop":
        return late, []
    old = sent[len(sent) // 2 :][:1] if trouble == "old" else []
    return [*old, diff, *([diff] if trouble == "repeat" else []), *late], []


def levels(prices: list[float], quantities: list[float]) -> list[Level]:
    return list(zip(prices, quantities, strict=True))


@pytest.mark.parametrize("market", ["spot", "usdm", "coinm"])
@given(steps=streams, limit=st.integers(2 * DEPTH, 40))
def test_a_live_book_is_the_exchange_s_own_whatever_happens_to_the_stream(
    market: Market, steps: list[Step], limit: int
) -> None:
    exchange, book = NaiveExchange(market), keeper(market)
    sent: list[DepthDiff] = []
    late: list[DepthDiff] = []
    answers: list[tuple[int, Snapshot]] = []
    for number, step in enumerate(steps):
        diff = exchange.step(step.bids, step.asks, step.updates, number * 100)
        if step.trouble == "cut":
            book.disconnected("cut")
        arriving, late = troubled(diff, step.trouble, sent, late)
        for one in arriving:
            judge(book.diff(one, number * 100), exchange)
        sent.append(diff)
        book.quote(exchange.quote())
        if book.wants_snapshot and not answers:
            answers.append((number + step.snapshot_takes, exchange.snapshot(limit)))
        while answers and answers[0][0] <= number:
            judge(book.snapshot(answers.pop(0)[1], number * 100), exchange)
    assert book.oracle.mismatches == 0
    for number in range(len(steps), len(steps) + 8):  # an undisturbed end heals whatever was wrong
        judge(book.diff(exchange.step([(5, 1)], [(5, 1)], 1, number * 100), number * 100), exchange)
        if book.wants_snapshot:
            judge(book.snapshot(exchange.snapshot(1000), number * 100), exchange)
    assert book.state == "live"
    assert book.last_update_id == exchange.update_id


@pytest.mark.parametrize("market", ["spot", "usdm"])
@given(
    steps=streams,
    starts=st.integers(1, 30),
    order=st.lists(st.booleans(), min_size=200, max_size=200),
)
def test_two_connections_that_overlap_lose_and_double_nothing(
    market: Market, steps: list[Step], starts: int, order: list[bool]
) -> None:
    """The second one begins in the middle; then both deliver, in any order between them, until the first ends."""
    exchange, book = NaiveExchange(market), keeper(market)
    snapshot = exchange.snapshot(1000)
    diffs = [exchange.step(step.bids, step.asks, step.updates, number * 100) for number, step in enumerate(steps)]
    starts = min(starts, len(diffs) - 1)
    handover = min(starts + 5, len(diffs))
    book.snapshot(snapshot, 0)
    published: list[Book] = []
    for number, diff in enumerate(diffs[:1]):
        published += book.diff(diff, number)
    first, second = diffs[1:handover], diffs[starts:]
    book.overlap_began()
    for takes_first in order:
        queue = first if (takes_first and first) or not second else second
        if not queue:
            break
        published += book.diff(queue.pop(0), 5)
    while first or second:
        published += book.diff((first or second).pop(0), 5)
    published += book.overlap_ended()
    judge(published, exchange)
    assert [one.update_id for one in published] == [diff.final_update_id for diff in diffs]
    assert (book.state, book.counters.gaps, book.counters.backwards) == ("live", 0, 0)


def test_a_diff_that_neither_connection_delivered_is_a_gap_when_the_overlap_ends() -> None:
    exchange, book = NaiveExchange(), keeper("spot")
    book.snapshot(exchange.snapshot(1000), 0)
    diffs = [exchange.step([(1, number + 1)], [], 2, number) for number in range(6)]
    book.diff(diffs[0], 0)
    book.overlap_began()
    assert [book.diff(diff, 1) for diff in diffs[2:]] == [[], [], [], []]
    assert book.state == "live"
    assert book.overlap_ended() == []
    assert (book.state, book.cause, book.counters.gaps, book.missing_updates) == ("resyncing", "gap", 1, 2)
    assert book.snapshot(exchange.snapshot(1000), 2) == []
    [healed] = book.diff(exchange.step([], [(1, 1)], 1, 6), 3)
    judge([healed], exchange)
    assert healed.state == "live"
