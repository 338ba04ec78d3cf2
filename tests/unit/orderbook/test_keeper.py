from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from orderbook.keeper import BUFFERED_DIFFS, BookKeeper
from orderbook.market import BestQuote, DepthDiff, Level, Market, PartialBook, Snapshot
from orderbook.sequence import SequenceRules


def keeper(market: Market = "spot", depth_levels: int = 20) -> BookKeeper:
    return BookKeeper(venue="test", symbol="BTCUSDT", rules=SequenceRules(market), depth_levels=depth_levels)


def diff(
    first: int,
    final: int,
    bids: list[Level] | None = None,
    asks: list[Level] | None = None,
    *,
    previous: int | None = None,
    at: int = 0,
) -> DepthDiff:
    return DepthDiff(
        event_time_ms=at or final,
        symbol="BTCUSDT",
        first_update_id=first,
        final_update_id=final,
        previous_update_id=previous,
        bids=bids or [],
        asks=asks or [],
    )


SNAPSHOT = Snapshot(last_update_id=100, bids=[(10.0, 1.0), (9.0, 2.0)], asks=[(11.0, 1.0), (12.0, 3.0)])


def test_diffs_wait_for_the_snapshot_and_the_straddling_one_is_applied() -> None:
    book = keeper()
    assert book.diff(diff(90, 95), 1) == []
    assert book.diff(diff(96, 104, bids=[(10.5, 4.0)]), 2) == []
    assert book.diff(diff(105, 106, asks=[(11.0, 0.0)]), 3) == []
    published = book.snapshot(SNAPSHOT)
    assert [(one.update_id, one.receive_time_ms) for one in published] == [(104, 2), (106, 3)]
    assert (published[0].bid_price, published[0].bid_qty) == ([10.5, 10.0, 9.0], [4.0, 1.0, 2.0])
    assert (published[1].ask_price, published[1].ask_qty) == ([12.0], [3.0])
    assert book.state == "live"


def test_the_four_ways_a_spot_diff_can_meet_the_snapshot() -> None:
    for first, final, live in ((101, 103, True), (98, 101, True), (98, 100, False), (100, 100, False)):
        book = keeper()
        book.snapshot(SNAPSHOT)
        book.diff(diff(first, final), 1)
        assert (book.state == "live") is live, (first, final)
        assert not book.wants_snapshot


def test_a_snapshot_older_than_the_first_diff_is_asked_for_again() -> None:
    book = keeper()
    book.diff(diff(150, 160), 1)
    assert book.snapshot(SNAPSHOT) == []
    assert book.wants_snapshot
    assert book.reason is not None
    assert "100" in book.reason
    assert "150" in book.reason
    newer = Snapshot(last_update_id=155, bids=SNAPSHOT.bids, asks=SNAPSHOT.asks)
    assert [one.update_id for one in book.snapshot(newer)] == [160]


def test_futures_follow_pu_and_not_u() -> None:
    book = keeper("usdm")
    book.snapshot(SNAPSHOT)
    assert book.diff(diff(80, 99, previous=79), 1) == []
    assert [one.update_id for one in book.diff(diff(90, 100, previous=89), 1)] == [100]
    assert [one.update_id for one in book.diff(diff(500, 510, previous=100), 2)] == [510]
    assert book.diff(diff(521, 530, previous=520), 3) == []
    assert (book.state, book.cause, book.counters.gaps, book.missing_updates) == ("resyncing", "gap", 1, 10)


def test_coin_margined_futures_follow_pu_as_well() -> None:
    book = keeper("coinm")
    book.snapshot(SNAPSHOT)
    assert [one.update_id for one in book.diff(diff(90, 104, previous=89), 1)] == [104]
    assert [one.update_id for one in book.diff(diff(300, 310, previous=104), 2)] == [310]
    assert book.diff(diff(320, 330, previous=311), 3) == []
    assert (book.cause, book.missing_updates) == ("gap", 1)


def test_a_diff_that_goes_back_is_a_loss_and_not_a_repetition() -> None:
    cases: list[tuple[Market, int, int, int | None]] = [
        ("spot", 99, 106, None),
        ("usdm", 99, 106, 98),
        ("spot", 102, 99, None),
    ]
    for market, first, final, previous in cases:
        book = keeper(market)
        book.snapshot(SNAPSHOT)
        book.diff(diff(100, 101, previous=99), 1)
        assert book.diff(diff(first, final, previous=previous), 2) == []
        assert (book.state, book.cause, book.counters.backwards) == ("resyncing", "backwards", 1), (market, first)


def test_a_diff_older_than_the_one_before_it_is_a_loss() -> None:
    book = keeper()
    book.snapshot(SNAPSHOT)
    book.diff(diff(101, 101, at=10_000), 1)
    assert len(book.diff(diff(102, 102, at=9_000), 2)) == 1
    assert book.diff(diff(103, 103, at=8_999), 3) == []
    assert (book.state, book.cause, book.counters.backwards) == ("resyncing", "backwards", 1)


def test_a_quote_that_contradicts_the_book_to_come_keeps_it_from_being_published() -> None:
    book = keeper()
    book.snapshot(SNAPSHOT)
    book.quote(quote(102, (10.0, 2.0), (11.0, 1.0)))
    assert len(book.diff(diff(101, 101), 1)) == 1
    assert book.diff(diff(102, 102), 2) == []
    assert (book.state, book.cause, book.wants_snapshot, book.snapshot_priority) == ("resyncing", "oracle", True, 0)


def test_a_gap_is_never_published_and_heals_with_a_new_snapshot() -> None:
    book = keeper()
    book.snapshot(SNAPSHOT)
    book.diff(diff(101, 101), 1)
    assert book.diff(diff(103, 104, bids=[(10.9, 1.0)]), 2) == []
    assert (book.state, book.wants_snapshot) == ("resyncing", True)
    assert book.diff(diff(105, 106), 3) == []
    healed = book.snapshot(Snapshot(last_update_id=103, bids=[(8.0, 1.0)], asks=[(20.0, 1.0)]))
    assert [one.update_id for one in healed] == [104, 106]
    assert healed[0].bid_price == [10.9, 8.0]
    assert (book.counters.gaps, book.counters.resyncs) == (1, 1)


def test_a_repeated_diff_changes_nothing() -> None:
    book = keeper()
    book.snapshot(SNAPSHOT)
    book.diff(diff(101, 105, bids=[(10.0, 7.0)]), 1)
    assert book.diff(diff(101, 105, bids=[(10.0, 1.0)]), 2) == []
    [after] = book.diff(diff(106, 106), 3)
    assert after.bid_qty[0] == 7.0
    assert book.counters.gaps == 0


def test_update_ids_that_go_back_while_time_goes_on_are_a_loss_and_not_a_repetition() -> None:
    book = keeper()
    book.snapshot(SNAPSHOT)
    book.diff(diff(101, 10**9, at=5000), 1)  # an id that the exchange never reaches
    for update_id, at in ((102, 5100), (103, 6001)):
        assert book.diff(diff(update_id, update_id, at=at), 2) == []
    assert (book.state, book.cause, book.counters.backwards) == ("resyncing", "backwards", 1)
    book.snapshot(Snapshot(last_update_id=102, bids=SNAPSHOT.bids, asks=SNAPSHOT.asks))
    assert (book.state, book.last_update_id) == ("live", 103)


def test_diffs_take_over_from_partial_books() -> None:
    book = keeper()
    partial = PartialBook(symbol="BTCUSDT", last_update_id=99, event_time_ms=None, bids=[(10.0, 1.0)], asks=[])
    assert [one.state for one in book.partial(partial, 1, 1, None)] == ["unverified"]
    book.diff(diff(101, 101), 2)
    assert (book.state, book.wants_snapshot) == ("syncing", True)
    assert [(one.update_id, one.state) for one in book.snapshot(SNAPSHOT)] == [(101, "live")]
    assert book.partial(partial, 3, 3, None) == []


def test_no_diff_continues_a_snapshot_that_a_partial_book_has_overwritten() -> None:
    book = keeper()
    book.snapshot(SNAPSHOT)
    book.partial(
        PartialBook(symbol="BTCUSDT", last_update_id=99, event_time_ms=None, bids=[(10.0, 1.0)], asks=[]), 1, 1, None
    )
    assert book.diff(diff(101, 101), 2) == []
    assert (book.state, book.wants_snapshot) == ("syncing", True)


def test_a_symbol_that_waits_out_a_ban_keeps_only_the_diffs_that_a_snapshot_may_need() -> None:
    book = keeper()
    for update_id in range(1, 6001):  # ten minutes
        book.diff(diff(update_id, update_id), update_id * 100)
    assert len(book._buffer) == BUFFERED_DIFFS
    book.snapshot(Snapshot(last_update_id=5990, bids=SNAPSHOT.bids, asks=SNAPSHOT.asks), 600_050)
    assert (book.state, book.last_update_id) == ("live", 6000)


def test_a_crossed_book_is_not_published() -> None:
    book = keeper()
    book.snapshot(SNAPSHOT)
    assert book.diff(diff(101, 101, bids=[(11.0, 1.0)]), 1) == []
    assert (book.state, book.counters.books) == ("resyncing", 0)
    assert book.reason == "the book crossed at update 101"


def test_an_impossible_level_is_not_published() -> None:
    for level in ((10.0, -1.0), (0.0, 1.0), (-3.0, 1.0), (float("inf"), 1.0), (10.0, float("nan"))):
        book = keeper()
        book.snapshot(SNAPSHOT)
        assert book.diff(diff(101, 101, bids=[level]), 1) == []
        assert book.state == "resyncing"


def test_a_snapshot_that_cannot_exist_takes_the_one_before_it_along() -> None:
    book = keeper()
    book.snapshot(SNAPSHOT)
    book.snapshot(Snapshot(last_update_id=100, bids=[(10.7, 5.0), (-1.0, 1.0)], asks=[(11.0, 1.0)]))
    assert book.diff(diff(101, 102), 1) == []
    assert (book.state, book.wants_snapshot, book.counters.impossible) == ("syncing", True, 1)


def test_a_snapshot_that_the_stream_does_not_reach_is_asked_for_again() -> None:
    book = keeper()
    book.snapshot(Snapshot(last_update_id=10**9, bids=SNAPSHOT.bids, asks=SNAPSHOT.asks), 1000)
    wanted: list[bool] = []
    for second in range(1, 12):
        book.diff(diff(90 + second, 90 + second), 1000 + second * 1000)
        wanted.append(book.wants_snapshot)
    assert wanted == [False] * 10 + [True]  # until then the stream may only be late
    book.snapshot(Snapshot(last_update_id=101, bids=SNAPSHOT.bids, asks=SNAPSHOT.asks), 12_100)
    assert [one.update_id for one in book.diff(diff(102, 102), 12_200)] == [102]


def test_a_lost_connection_distrusts_the_book_until_a_new_snapshot() -> None:
    book = keeper()
    book.snapshot(SNAPSHOT)
    book.diff(diff(101, 101), 1)
    book.disconnected("the connection was lost")
    assert (book.state, book.reason, book.wants_snapshot) == ("resyncing", "the connection was lost", True)


def test_a_lost_connection_forgets_a_snapshot_that_was_never_continued() -> None:
    book = keeper()
    book.snapshot(SNAPSHOT)
    book.disconnected("the connection was lost")
    assert book.wants_snapshot
    assert book.diff(diff(101, 101), 1) == []


def quote(update_id: int, bid: Level, ask: Level) -> BestQuote:
    return BestQuote(
        update_id=update_id, symbol="BTCUSDT", bid_price=bid[0], bid_qty=bid[1], ask_price=ask[0], ask_qty=ask[1]
    )


def test_best_quotes_are_compared_at_their_own_update_whichever_comes_first() -> None:
    book = keeper()
    book.quote(quote(101, (10.0, 1.0), (11.0, 1.0)))
    book.snapshot(SNAPSHOT)
    book.diff(diff(101, 101), 1)
    book.diff(diff(102, 103, bids=[(10.0, 5.0)]), 1)
    book.quote(quote(102, (10.0, 4.0), (11.0, 1.0)))  # between two diffs: nothing to compare with
    book.quote(quote(103, (10.0, 4.0), (11.0, 1.0)))  # 5.0 in our book
    assert (book.oracle.checks, book.oracle.mismatches) == (2, 1)
    assert (book.state, book.cause) == ("resyncing", "oracle")


def test_event_time_never_goes_back() -> None:
    book = keeper()
    book.snapshot(SNAPSHOT)
    times = [
        book.diff(diff(101 + step, 101 + step, at=at), 1)[0].event_time_ms
        for step, at in enumerate((1000, 1100, 1050, 1200))
    ]
    assert times == [1000, 1100, 1100, 1200]
    assert book.counters.held_back == 1


levels = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 3)), max_size=8)


@given(
    steps=st.lists(st.tuples(levels, levels, st.integers(1, 5)), max_size=40),
    snapshot_at=st.integers(0, 20),
    lost=st.sets(st.integers(0, 39), max_size=3),
)
def test_every_published_book_is_the_exchange_s_own(
    steps: list[tuple[list[tuple[int, int]], list[tuple[int, int]], int]], snapshot_at: int, lost: set[int]
) -> None:
    """An exchange of Decimal dicts sends diffs, loses some, and answers each wish for a snapshot one step later."""
    bids: dict[Decimal, Decimal] = {Decimal("0.50"): Decimal(1)}
    asks: dict[Decimal, Decimal] = {Decimal("200.50"): Decimal(1)}
    update_id = 1000
    book = keeper(depth_levels=100)
    snapshots = 0
    for number, (bid_changes, ask_changes, updates) in enumerate(steps):
        first, update_id = update_id + 1, update_id + updates
        changed_bids = {Decimal(price): Decimal(quantity) for price, quantity in bid_changes}
        changed_asks = {Decimal(price) + 100: Decimal(quantity) for price, quantity in ask_changes}
        for side, changes in ((bids, changed_bids), (asks, changed_asks)):
            side.update(changes)
            for price in [price for price, quantity in side.items() if not quantity]:
                del side[price]
        if number in lost:
            continue
        event = diff(
            first,
            update_id,
            [(float(price), float(quantity)) for price, quantity in changed_bids.items()],
            [(float(price), float(quantity)) for price, quantity in changed_asks.items()],
        )
        published = book.diff(event, number)
        if number >= snapshot_at and book.wants_snapshot:
            snapshots += 1
            published += book.snapshot(
                Snapshot(
                    last_update_id=update_id,
                    bids=[(float(price), float(quantity)) for price, quantity in bids.items()],
                    asks=[(float(price), float(quantity)) for price, quantity in asks.items()],
                )
            )
        for one in published:
            assert one.update_id == update_id
            expected_bids = [(float(price), float(bids[price])) for price in sorted(bids, reverse=True)]
            expected_asks = [(float(price), float(asks[price])) for price in sorted(asks)]
            assert list(zip(one.bid_price, one.bid_qty, strict=True)) == expected_bids
            assert list(zip(one.ask_price, one.ask_qty, strict=True)) == expected_asks
    assert book.counters.gaps <= len(lost)
    assert snapshots <= 1 + 2 * len(lost)
