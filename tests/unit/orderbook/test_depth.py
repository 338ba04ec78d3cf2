"""Depth within bands and sweep costs, against a whole book of fractions."""

from __future__ import annotations

from fractions import Fraction
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderbook import bands as bands_module
from orderbook import book as book_module
from orderbook.book import LocalBook
from orderbook.coverage import WHOLE, Coverage
from orderbook.depth import DEPTH_BANDS_BPS, SWEEP_NOTIONALS, Depth, DepthMeter
from orderbook.market import Level
from tests.unit.orderbook.depth_oracle import BANDS, NOTIONALS, WholeBook, agree, exact

UNKNOWN = Depth([None] * 4, [None] * 4, [None] * 2, [None] * 2)


def measured(bids: list[Level], asks: list[Level], coverage: Coverage = WHOLE) -> Depth:
    book = LocalBook()
    book.replace(bids, asks)
    return DepthMeter().measure(book, book.top(20), coverage, [], [])


def test_the_definitions_stand_for_the_same_bands_and_notionals() -> None:
    assert (DEPTH_BANDS_BPS, SWEEP_NOTIONALS) == (BANDS, NOTIONALS)


def test_the_figures_of_a_small_book() -> None:
    depth = measured(
        [(99.95, 1.0), (99.9, 2.0), (99.75, 4.0), (99.74, 100.0)],
        [(100.05, 8.0), (100.11, 16.0), (100.5, 32.0), (100.51, 2000.0)],
    )
    assert depth.bids_within == [1.0, 3.0, 7.0, 107.0]
    assert depth.asks_within == [8.0, 8.0, 24.0, 56.0]
    filled = 8 + 16 + 32 + (10_000 - 8 * 100.05 - 16 * 100.11 - 32 * 100.5) / 100.51
    assert depth.buy_costs_bps[0] == pytest.approx(10_000 * (10_000 / filled - 100) / 100, rel=1e-12)
    assert depth.buy_costs_bps[1] is not None
    assert depth.sell_costs_bps[0] == pytest.approx(
        10_000 * (100 - 10_000 / (7 + (10_000 - 99.95 - 2 * 99.9 - 4 * 99.75) / 99.74)) / 100, rel=1e-12
    )
    assert depth.sell_costs_bps[1] is None, "the bids are worth 10,600"


@pytest.mark.parametrize(
    ("bid", "ask"), [(99.99, 100.01), (61_843.23, 61_843.24), (0.00001234, 0.00001235), (1.0, 1.1)]
)
def test_a_level_on_the_border_is_inside_and_one_beyond_it_is_not(bid: float, ask: float) -> None:
    mid = (exact(bid) + exact(ask)) / 2
    for band, bps in enumerate(BANDS):
        lower, upper = mid * (10_000 - bps) / 10_000, mid * (10_000 + bps) / 10_000
        on = measured([(bid, 1.0), (float(lower), 2.0)], [(ask, 1.0), (float(upper), 2.0)])
        beyond = measured(
            [(bid, 1.0), (float(lower * (1 - Fraction(1, 10**13))), 2.0)],
            [(ask, 1.0), (float(upper * (1 + Fraction(1, 10**13))), 2.0)],
        )
        for inside, outside in ((on.bids_within, beyond.bids_within), (on.asks_within, beyond.asks_within)):
            assert inside[band] is not None
            assert outside[band] is not None
            assert inside[band] - outside[band] == 2.0  # type: ignore[operator] # asserted above


@pytest.mark.parametrize(("bids", "asks"), [([], [(1.0, 1e6)]), ([(1.0, 1e6)], []), ([], [])])
def test_nothing_is_known_while_a_side_is_empty(bids: list[Level], asks: list[Level]) -> None:
    assert measured(bids, asks) == UNKNOWN


def test_a_touch_that_fills_costs_half_the_spread() -> None:
    depth = measured([(99.0, 1e6)], [(101.0, 1e6)])
    assert depth.buy_costs_bps == pytest.approx([100.0, 100.0])
    assert depth.sell_costs_bps == pytest.approx([100.0, 100.0])


def test_a_fill_that_takes_the_last_level_whole_is_one() -> None:
    assert measured([(100.0, 100.0)], [(100.0, 1000.0)]).sell_costs_bps == [0.0, None]
    assert measured([(100.0, 100.0)], [(100.0, 1000.0)]).buy_costs_bps == [0.0, 0.0]


def test_bands_and_fills_end_where_the_book_is_no_longer_verified() -> None:
    bids = [(99.99, 20.0), (99.9, 100.0), (99.0, 5000.0)]
    asks = [(100.01, 20.0), (100.1, 100.0), (101.0, 5000.0)]
    whole = measured(bids, asks)
    half = measured(bids, asks, Coverage(lowest_bid=99.9, highest_ask=100.1))
    assert half.bids_within == [20.0, 120.0, None, None]
    assert half.asks_within == [20.0, 120.0, None, None]
    assert half.sell_costs_bps == [whole.sell_costs_bps[0], None]
    assert half.buy_costs_bps == [whole.buy_costs_bps[0], None]
    one_side = measured(bids, asks, Coverage(lowest_bid=0.0, highest_ask=100.1))
    assert one_side == Depth(whole.bids_within, half.asks_within, half.buy_costs_bps, whole.sell_costs_bps)
    assert measured(bids, asks, Coverage(lowest_bid=100.0, highest_ask=100.0)) == UNKNOWN


@pytest.fixture(params=[(1, 0), (4, 5), (64, 1000)], ids=["1 near", "4 near", "64 near"], scope="module")
def kept(request: pytest.FixtureRequest) -> tuple[int, int]:
    """How many levels stay near, and how many removed ones are remembered: few, so that all the ways are gone."""
    near, spare = request.param
    return near, spare


TICK = Fraction(1, 100)
LOT = Fraction(1, 10**8)

steps = st.lists(
    st.tuples(
        st.integers(-120, 120) | st.just(0),  # where bids end and asks begin, in ticks from 100
        st.lists(
            st.tuples(
                st.integers(0, 150) | st.integers(0, 20),  # ticks from there
                st.just(0) | st.integers(1, 100) | st.integers(1, 10**11) | st.just(10**20),  # lots
            ),
            max_size=40,
        ),
        st.lists(st.tuples(st.integers(1, 150), st.just(0) | st.integers(1, 10**11)), max_size=40),
        st.sampled_from([20, 1, 100]),  # levels that are looked at
        st.booleans(),  # the price is new, or the same as before
    ),
    min_size=1,
    max_size=12,
)


@given(steps=steps, known=st.none() | st.tuples(st.integers(0, 200), st.integers(0, 200)))
def test_any_changes_give_what_the_definitions_give(
    kept: tuple[int, int],
    steps: list[tuple[int, list[tuple[int, int]], list[tuple[int, int]], int, bool]],
    known: tuple[int, int] | None,
) -> None:
    edges = None if known is None else (100 - known[0] * TICK, 100 + known[1] * TICK)
    coverage = WHOLE if edges is None else Coverage(float(edges[0]), float(edges[1]))
    lowest, highest = edges or (None, None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(book_module, "KEPT_NEAR", kept[0])
        patch.setattr(bands_module, "SPARE_LEVELS", kept[1])
        book, whole, meter = LocalBook(), WholeBook(), DepthMeter()
        centre = 0
        for moved_to, bid_changes, ask_changes, looked_at, moves in steps:
            centre = moved_to if moves else centre
            touch = 100 + centre * TICK
            bids = [(float(price), 0.0) for price in whole.bids if price > touch]
            asks = [(float(price), 0.0) for price in whole.asks if price <= touch]
            bids += [(float(touch - ticks * TICK), float(lots * LOT)) for ticks, lots in bid_changes]
            asks += [(float(touch + ticks * TICK), float(lots * LOT)) for ticks, lots in ask_changes]
            book.apply(bids, asks)
            whole.apply(bids, asks)
            depth = meter.measure(book, book.top(looked_at), coverage, bids, asks)
            if not (whole.bids and whole.asks):
                assert depth == UNKNOWN
                continue
            assert agree(depth.bids_within, whole.bids_within(lowest))
            assert agree(depth.asks_within, whole.asks_within(highest))
            assert agree(depth.sell_costs_bps, whole.sell_costs(lowest), least=1e-2)
            assert agree(depth.buy_costs_bps, whole.buy_costs(highest), least=1e-2)


def many_levels() -> LocalBook:
    """1000 levels a side, so that most of those within 50 bps are far."""
    book = LocalBook()
    book.replace(
        [(1000 - tick / 100, 1.0) for tick in range(1, 1001)], [(1000 + tick / 100, 1.0) for tick in range(1, 1001)]
    )
    return book


def test_what_comes_and_goes_leaves_nothing_behind() -> None:
    book, meter = many_levels(), DepthMeter()
    first = meter.measure(book, book.top(20), WHOLE)
    assert first.bids_within == first.asks_within == [50.0, 100.0, 250.0, 500.0]
    for number in range(300):
        for quantity in (1e15 / (number + 1), 0.0, 1e-8, 1 / 3, 1.0):
            bids, asks = [(996.0, quantity), (995.0, 1.0)], [(1004.0, quantity), (1005.0, 1.0)]
            book.apply(bids, asks)
            depth = meter.measure(book, book.top(20), WHOLE, bids, asks)
    assert depth == first


@pytest.mark.parametrize("price", [999.0, 996.0])
def test_a_quantity_beyond_all_sums_leaves_depth_undefined_until_it_is_gone(price: float) -> None:
    book, meter = many_levels(), DepthMeter()
    first = meter.measure(book, book.top(20), WHOLE)
    for quantity in (1e300, 1e308):
        book.apply([(price, quantity), (price - 1, quantity)], [])
        depth = meter.measure(book, book.top(20), WHOLE, [(price, quantity), (price - 1, quantity)], [])
        assert all(within is None or within < inf for within in depth.bids_within)
    book.apply([(price, 1.0), (price - 1, 1.0)], [])
    assert meter.measure(book, book.top(20), WHOLE, [(price, 1.0), (price - 1, 1.0)], []) == first


def test_another_book_is_measured_as_it_is() -> None:
    book, meter = many_levels(), DepthMeter()
    first = meter.measure(book, book.top(20), WHOLE)
    other = LocalBook()
    other.replace([(999.0, 3.0)], [(1001.0, 4.0)])
    depth = meter.measure(other, other.top(20), WHOLE, [(999.0, 3.0)], [])
    assert (depth.bids_within, depth.asks_within) == ([0.0, 3.0, 3.0, 3.0], [0.0, 4.0, 4.0, 4.0])
    assert meter.measure(book, book.top(20), WHOLE) == first
    book.replace([(999.0, 5.0)], [(1001.0, 6.0)])
    depth = meter.measure(book, book.top(20), WHOLE)
    assert (depth.bids_within, depth.asks_within) == ([0.0, 5.0, 5.0, 5.0], [0.0, 6.0, 6.0, 6.0])
