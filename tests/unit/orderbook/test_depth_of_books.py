"""The depth that is published with the books of a keeper: over resyncs, newer snapshots, partial books, recordings."""

from __future__ import annotations

import json
from statistics import median
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.binance.frames import decode_frame, decode_snapshot
from orderbook.keeper import BookKeeper
from orderbook.market import DepthDiff, Level, Market, PartialBook, Snapshot
from orderbook.messages import Book
from orderbook.sequence import SequenceRules
from orderbook.session import IngestSession
from tests.recordings import BTC, ETH, USDM_BTC, lines
from tests.unit.orderbook.depth_oracle import WholeBook, agree, exact
from tests.unit.orderbook.exchange import NaiveExchange

changes = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 4_000_000)), max_size=20)


def keeper(market: Market = "spot", *, measured: bool = True) -> BookKeeper:
    return BookKeeper(
        venue="test", symbol="BTCUSDT", rules=SequenceRules(market), depth_levels=3, covered=False, measured=measured
    )


def naive(book: Book, exchange: NaiveExchange) -> WholeBook:
    whole = WholeBook()
    whole.apply(*exchange.books[book.update_id])
    return whole


def assert_measured(book: Book, whole: WholeBook, lowest: float | None, highest: float | None) -> None:
    known_bid, known_ask = (None if edge is None else exact(edge) for edge in (lowest, highest))
    assert agree(book.bid_depth_within, whole.bids_within(known_bid))
    assert agree(book.ask_depth_within, whole.asks_within(known_ask))
    assert agree(book.sell_sweep_bps, whole.sell_costs(known_bid), least=1e-2)
    assert agree(book.buy_sweep_bps, whole.buy_costs(known_ask), least=1e-2)


@pytest.mark.parametrize("market", ["spot", "usdm"])
@given(
    diffs=st.lists(st.tuples(changes, changes, st.sampled_from(["kept", "kept", "kept", "lost"])), max_size=12),
    limit=st.integers(2, 80),
)
def test_depth_is_that_of_the_exchange_s_book_after_gaps_and_newer_snapshots_too(
    market: Market, diffs: list[tuple[list[tuple[int, int]], list[tuple[int, int]], str]], limit: int
) -> None:
    """Where a side is not known whole, only what the newest snapshot covers counts."""
    exchange, books_of = NaiveExchange(market), keeper(market)
    exchange.step([(tick, 100_000) for tick in range(40)], [(tick, 100_000) for tick in range(40)], 1, 0)
    snapshots = [exchange.snapshot(limit)]
    books_of.snapshot(snapshots[0], 0)
    for number, (bids, asks, fate) in enumerate(diffs):
        now = 1 + number * 20_000  # long enough for a newer snapshot to be wanted again
        diff = exchange.step(bids, asks, 1, now)
        if fate == "lost":
            continue
        books = books_of.diff(diff, now)
        if books_of.wants_snapshot:
            snapshots.append(exchange.snapshot(limit))
            books += books_of.snapshot(snapshots[-1], now)
        for book in books:
            mid_known = book.bid_price and book.ask_price
            assert mid_known, "the exchange has a bid and an ask always"
            lowest, highest = _covered(book, snapshots)
            assert_measured(book, naive(book, exchange), lowest, highest)


def _covered(book: Book, snapshots: list[Snapshot]) -> tuple[float | None, float | None]:
    """The edges, of one of the snapshots, that a book says it is verified to: ticks lie 10 bps apart."""
    mid = (book.bid_price[0] + book.ask_price[0]) / 2
    bid_edges = {levels.bids[-1][0] for levels in snapshots}
    ask_edges = {levels.asks[-1][0] for levels in snapshots}
    bid_bps, ask_bps = book.bid_coverage_bps, book.ask_coverage_bps
    return (
        None if bid_bps is None else next(edge for edge in bid_edges if abs(1e4 * (1 - edge / mid) - bid_bps) < 0.1),
        None if ask_bps is None else next(edge for edge in ask_edges if abs(1e4 * (edge / mid - 1) - ask_bps) < 0.1),
    )


def partial(bids: list[Level], asks: list[Level], update_id: int = 99) -> Book:
    book = PartialBook(symbol="BTCUSDT", last_update_id=update_id, event_time_ms=None, bids=bids, asks=asks)
    [published] = keeper().partial(book, 1, 1, None)
    return published


def test_a_partial_book_tells_what_lies_within_its_levels() -> None:
    full = partial(
        [(100.0 - tick / 100, 20.0) for tick in range(20)], [(100.02 + tick / 100, 10.0) for tick in range(20)]
    )
    # The mid is 100.01; bids reach to 99.81, asks to 100.21.
    assert full.bid_depth_within == [100.0, 200.0, None, None]
    assert full.ask_depth_within == [50.0, 100.0, None, None]
    assert full.sell_sweep_bps[0] is not None
    assert full.sell_sweep_bps[1] is None
    assert full.buy_sweep_bps[0] is not None
    assert full.buy_sweep_bps[1] is None


def test_the_shorter_side_of_a_partial_book_is_whole() -> None:
    short = partial([(100.0, 20.0)], [(100.02, 10.0), (100.03, 1.0)])
    assert short.bid_depth_within == [20.0] * 4
    assert short.ask_depth_within == [None] * 4


def test_a_partial_book_without_a_side_tells_nothing() -> None:
    empty = partial([(100.0, 20.0)], [])
    assert empty.bid_depth_within == empty.ask_depth_within == [None] * 4
    assert empty.buy_sweep_bps == empty.sell_sweep_bps == [None] * 2


def test_nothing_is_measured_where_nobody_asks_for_it() -> None:
    exchange, books_of = NaiveExchange(), keeper(measured=False)
    books_of.snapshot(exchange.snapshot(10))
    [book] = books_of.diff(exchange.step([(0, 1)], [(0, 1)], 1, 1), 1)
    assert (book.bid_depth_within, book.ask_depth_within, book.buy_sweep_bps, book.sell_sweep_bps) == ([], [], [], [])
    session = IngestSession(venue="test", symbols=["BTCUSDT"], depth_levels=3, measured=False)
    session.snapshot("BTCUSDT", exchange.snapshot(10), 1)
    [made] = [
        message for message in session.event(exchange.step([(0, 2)], [(0, 1)], 1, 1), 1) if isinstance(message, Book)
    ]
    assert made.bid_depth_within == []


def books_of_recording(names: tuple[str, ...], market: Market, limit: int | None) -> list[tuple[Book, DepthDiff]]:
    """Every book of a recording, with its diff; the whole book counts as verified where the snapshot has no limit."""
    books_of = BookKeeper(venue="test", symbol="BTCUSDT", rules=SequenceRules(market), depth_levels=20, covered=False)
    diffs: dict[int, DepthDiff] = {}
    books: list[Book] = []
    for stamp, line in lines(names):
        if "lastUpdateId" in line:
            books += books_of.snapshot(decode_snapshot(_bytes(line), limit), stamp // 10**6)
        elif line["data"].get("e") == "depthUpdate":
            diff = decode_frame(_bytes(line))
            assert isinstance(diff, DepthDiff)
            diffs[diff.final_update_id] = diff
            books += books_of.diff(diff, stamp // 10**6)
    return [(book, diffs[book.update_id]) for book in books]


def _bytes(line: dict[str, Any]) -> bytes:
    return json.dumps(line, separators=(",", ":")).encode()


RECORDINGS = pytest.mark.parametrize(
    ("names", "market", "updates"),
    [(BTC, "spot", 6493), (ETH, "spot", 6468), (USDM_BTC, "usdm", 6547)],
    ids=["spot BTC", "spot ETH", "USD-M BTC"],
)


@RECORDINGS
def test_a_recording_gives_what_the_definitions_give(names: tuple[str, ...], market: Market, updates: int) -> None:
    whole = WholeBook()
    [snapshot] = [line for _, line in lines(names) if "lastUpdateId" in line]
    for side in ("bids", "asks"):
        snapshot[side] = [(float(price), float(quantity)) for price, quantity in snapshot[side]]
    whole.apply(snapshot["bids"], snapshot["asks"])
    books = books_of_recording(names, market, limit=None)
    assert len(books) == updates
    compared = 0
    for number, (book, diff) in enumerate(books):
        whole.apply(diff.bids, diff.asks)
        if number % 500 == 0:
            compared += 1
            assert_measured(book, whole, None, None)
    assert compared > 10


def test_the_reference_figures_of_spot_btc() -> None:
    """The medians of the bid depth, and how often 20 levels cannot fill what the whole book fills."""
    books = [book for book, _ in books_of_recording(BTC, "spot", limit=None)]
    assert round(_median(book.bid_depth_within[0] for book in books), 1) == 18.9
    assert round(_median(book.bid_depth_within[3] for book in books)) == 110
    published = [
        sum(
            quantity
            for price, quantity in zip(book.bid_price, book.bid_qty, strict=True)
            if price >= (book.bid_price[0] + book.ask_price[0]) / 2 * 0.9995
        )
        for book in books
    ]
    assert round(median(published), 1) == 4.0


@RECORDINGS
def test_twenty_levels_do_not_fill_what_the_whole_book_does(
    names: tuple[str, ...], market: Market, updates: int
) -> None:
    books = [book for book, _ in books_of_recording(names, market, limit=None)]
    for sweeps, prices, quantities in (
        ("sell_sweep_bps", "bid_price", "bid_qty"),
        ("buy_sweep_bps", "ask_price", "ask_qty"),
    ):
        short = 0
        for book in books:
            worth = sum(p * q for p, q in zip(getattr(book, prices), getattr(book, quantities), strict=True))
            short += worth < 100_000
            small, large = getattr(book, sweeps)
            assert large >= small * (1 - 1e-12) > 0
        assert 0.015 < short / updates < 0.265


def test_the_snapshot_of_spot_btc_does_not_verify_50_bps() -> None:
    """Its 1000 levels reach 33 bps; the price then falls out of them."""
    books = [book for book, _ in books_of_recording(BTC, "spot", limit=1000)]
    first = books[0]
    assert first.bid_depth_within[3] is None
    assert None not in first.bid_depth_within[:3]
    outside = [book for book in books if book.bid_coverage_bps is not None and book.bid_coverage_bps < 0]
    assert outside
    for book in outside:
        assert book.bid_depth_within == [None] * 4
        assert book.sell_sweep_bps == [None] * 2
        assert None not in book.buy_sweep_bps


def _median(values: Any) -> float:  # noqa: ANN401 - floats and None, the latter refused
    known = list(values)
    assert None not in known
    return float(median(known))
