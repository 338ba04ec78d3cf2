"""How far a book is verified, and the newer snapshot that is put under it while it goes on."""

from __future__ import annotations

import pytest

from orderbook.coverage import Coverage
from orderbook.footing import REST_MS_A_LEVEL
from orderbook.keeper import BookKeeper
from orderbook.market import Snapshot
from orderbook.sequence import SequenceRules
from tests.unit.orderbook.exchange import NaiveExchange

DEPTH = 3
RESTED_MS = 10 * REST_MS_A_LEVEL
"""When a book on a snapshot of 10 levels may want a newer one."""


def market_of(levels: int) -> NaiveExchange:
    """A market with so many levels a side, one tick (0.1) apart, from 100.0 down and 101.0 up."""
    exchange = NaiveExchange()
    exchange.step([(tick, 1) for tick in range(levels)], [(tick, 1) for tick in range(levels)], 1, 0)
    return exchange


def following(exchange: NaiveExchange, limit: int) -> BookKeeper:
    keeper = BookKeeper(venue="test", symbol="BTCUSDT", rules=SequenceRules("spot"), depth_levels=DEPTH)
    keeper.snapshot(exchange.snapshot(limit), 1000)
    assert len(keeper.diff(exchange.step([(0, 2)], [], 1, 1000), 1000)) == 1
    return keeper


def test_a_side_with_fewer_levels_than_asked_for_is_whole() -> None:
    snapshot = Snapshot(last_update_id=1, bids=[(10.0, 1.0), (8.0, 1.0)], asks=[(11.0, 1.0)], limit=2)
    edge = Coverage.of(snapshot)
    assert edge.reach_bps(10.0) == (2000.0, None)
    assert Coverage.of(Snapshot(last_update_id=1, bids=[], asks=[], limit=None)).reach_bps(10.0) == (None, None)


def test_a_book_says_how_far_each_side_is_verified() -> None:
    exchange = market_of(50)
    keeper = following(exchange, 21)
    [book] = keeper.diff(exchange.step([(0, 3)], [], 1, 1100), 1100)
    # levels 100.0 to 98.0 and 101.0 to 103.0 around 100.5
    assert book.bid_coverage_bps == pytest.approx((1 - 98.0 / 100.5) * 10_000, abs=0.01)
    assert book.ask_coverage_bps == pytest.approx((103.0 / 100.5 - 1) * 10_000, abs=0.01)
    assert book.snapshot_age_ms == 100


def test_near_the_edge_a_newer_snapshot_is_merged_while_books_go_on() -> None:
    exchange = market_of(50)
    keeper = following(exchange, 10)
    now = 1000 + RESTED_MS
    states = []
    wanted_at = None
    for tick in range(7):  # the best bids leave one by one: the price travels towards the edge
        books = keeper.diff(exchange.step([(tick, 0)], [], 1, now + tick), now + tick)
        states += [book.state for book in books]
        if keeper.wants_snapshot and wanted_at is None:
            wanted_at = tick
    assert wanted_at == 5  # of 10 levels 4 are left: the 3 that are published reach more than half way to the edge
    assert states == ["live"] * 7
    assert keeper.snapshot_priority == 2
    keeper.snapshot(exchange.snapshot(10), now + 10)
    assert (keeper.state, keeper.counters.refreshes, keeper.wants_snapshot) == ("live", 1, False)
    [book] = keeper.diff(exchange.step([(7, 5)], [], 1, now + 20), now + 20)
    bids, asks = exchange.books[book.update_id]
    assert list(zip(book.bid_price, book.bid_qty, strict=True)) == bids[:DEPTH]
    assert list(zip(book.ask_price, book.ask_qty, strict=True)) == asks[:DEPTH]
    assert book.snapshot_age_ms == 10
    assert book.bid_coverage_bps == pytest.approx((1 - 98.4 / ((99.3 + 101.0) / 2)) * 10_000, abs=0.01)


def test_levels_beyond_the_snapshot_are_published_as_unverified() -> None:
    exchange = market_of(50)
    keeper = following(exchange, 6)
    states = [
        book.state
        for tick in range(6)
        for book in keeper.diff(exchange.step([(tick, 0)], [], 1, 2000 + tick), 2000 + tick)
    ]
    assert states == ["live"] * 3 + ["unverified"] * 3
    assert keeper.cause == "coverage"
    [book] = keeper.diff(exchange.step([(40, 7)], [], 1, 3000), 3000)
    assert book.bid_coverage_bps is not None
    assert book.bid_coverage_bps < (1 - 96.0 / 98.5) * 10_000


@pytest.mark.parametrize("limit", [10, 20])
def test_near_the_edge_the_next_snapshot_waits_the_longer_the_deeper_the_last_one_was(limit: int) -> None:
    exchange = market_of(50)
    keeper = following(exchange, limit)
    for tick in range(limit - 4):  # 4 are left on the bid side
        keeper.diff(exchange.step([(tick, 0)], [], 1, 1000), 1000)
    wanted = {}
    for after_ms in (limit * 10 - 1, limit * 10):
        assert keeper.diff(exchange.step([(49, after_ms)], [], 1, 1000), 1000 + after_ms)[0].state == "live"
        wanted[after_ms] = keeper.wants_snapshot
    assert wanted == {limit * 10 - 1: False, limit * 10: True}


def test_beyond_the_edge_the_next_snapshot_is_wanted_at_once_and_first_of_all() -> None:
    exchange = market_of(50)
    keeper = following(exchange, 10)
    wanted = []
    for tick in range(8):
        keeper.diff(exchange.step([(tick, 0)], [], 1, 1000), 1000)
        wanted.append((keeper.state, keeper.wants_snapshot, keeper.snapshot_priority))
    assert wanted == [("live", False, 2)] * 7 + [("unverified", True, 0)]


def test_a_snapshot_ahead_of_the_book_waits_and_one_from_before_the_wish_is_not_used() -> None:
    exchange = market_of(50)
    old = exchange.snapshot(10)
    keeper = following(exchange, 10)
    now = 1000 + RESTED_MS
    for tick in range(6):
        keeper.diff(exchange.step([(tick, 0)], [], 1, now), now)
    assert keeper.wants_snapshot
    keeper.snapshot(old, now)  # no diffs are kept that lead from there to here
    assert (keeper.counters.refreshes, keeper.wants_snapshot, keeper.state) == (0, True, "live")
    held = exchange.step([(20, 9)], [], 1, now)
    ahead = exchange.snapshot(10)
    keeper.snapshot(ahead, now)
    assert (keeper.counters.refreshes, keeper.wants_snapshot) == (0, False)
    assert len(keeper.diff(held, now)) == 1
    assert keeper.counters.refreshes == 1


def test_a_newer_snapshot_that_the_book_never_reaches_is_asked_for_again() -> None:
    exchange = market_of(50)
    keeper = following(exchange, 10)
    now = 1000 + RESTED_MS
    for tick in range(6):
        keeper.diff(exchange.step([(tick, 0)], [], 1, now), now)
    good = exchange.snapshot(10)
    keeper.snapshot(Snapshot(last_update_id=10**9, bids=good.bids, asks=good.asks, limit=10), now)
    wanted: list[bool] = []
    for after_ms in (10_000, 10_001):
        keeper.diff(exchange.step([(20, after_ms)], [], 1, now), now + after_ms)
        wanted.append(keeper.wants_snapshot)
    assert wanted == [False, True]
    keeper.snapshot(exchange.snapshot(10), now + 10_002)
    assert (keeper.counters.refreshes, keeper.state) == (1, "live")


def test_a_receive_clock_that_went_back_keeps_no_book_from_being_verified() -> None:
    exchange = market_of(50)
    keeper = BookKeeper(venue="test", symbol="BTCUSDT", rules=SequenceRules("spot"), depth_levels=DEPTH)
    keeper.snapshot(exchange.snapshot(6), 90_000_000)
    for tick in range(6):
        keeper.diff(exchange.step([(tick, 0)], [], 1, 1000), 3_600_000)
    assert (keeper.state, keeper.wants_snapshot) == ("unverified", True)


def test_a_snapshot_that_contradicts_the_book_is_a_mismatch() -> None:
    exchange = market_of(50)
    keeper = following(exchange, 10)
    now = 1000 + RESTED_MS
    for tick in range(6):
        keeper.diff(exchange.step([(tick, 0)], [], 1, now), now)
    truth = exchange.snapshot(10)
    wrong = Snapshot(
        last_update_id=truth.last_update_id, bids=[(99.5, 7.0), *truth.bids[1:]], asks=truth.asks, limit=10
    )
    keeper.snapshot(wrong, now)
    assert (keeper.state, keeper.cause, keeper.oracle.mismatches) == ("resyncing", "oracle", 1)
