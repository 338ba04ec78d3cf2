from __future__ import annotations

from collections.abc import Callable

import pytest

from orderbook.book import KEPT_NEAR, SPARE, ImpossibleLevel, LocalBook, best_of
from orderbook.market import Level


def book(bids: list[Level], asks: list[Level]) -> LocalBook:
    made = LocalBook()
    made.replace(bids, asks)
    return made


def top_bids(of: LocalBook, levels: int) -> tuple[list[float], list[float]]:
    prices, quantities, _, _ = of.top(levels)
    return prices, quantities


def top_asks(of: LocalBook, levels: int) -> tuple[list[float], list[float]]:
    _, _, prices, quantities = of.top(levels)
    return prices, quantities


def deep(levels: int) -> LocalBook:
    """Bids at 1..levels and asks at levels+1..2*levels; the quantity is the price."""
    return book(
        [(float(price), float(price)) for price in range(1, levels + 1)],
        [(float(price), float(price)) for price in range(levels + 1, 2 * levels + 1)],
    )


def test_an_empty_book_has_no_touch() -> None:
    empty = LocalBook()
    assert best_of(empty.top(1)) is None
    assert empty.levels == (0, 0)
    assert (top_bids(empty, 20), top_asks(empty, 20)) == (([], []), ([], []))


def test_the_touch_and_the_ranks_behind_it() -> None:
    some = book([(99.0, 1.0), (98.0, 2.0)], [(101.0, 3.0), (104.0, 5.0), (102.0, 4.0)])
    assert best_of(some.top(1)) == (99.0, 1.0, 101.0, 3.0)
    assert some.levels == (2, 3)
    assert top_bids(some, 1) == ([99.0], [1.0])
    assert top_asks(some, 9) == ([101.0, 102.0, 104.0], [3.0, 4.0, 5.0])


@pytest.mark.parametrize(("bids", "asks"), [([], [(1.0, 1.0)]), ([(1.0, 1.0)], [])])
def test_a_book_of_one_side_has_no_touch(bids: list[Level], asks: list[Level]) -> None:
    assert best_of(book(bids, asks).top(5)) is None


def test_quantities_are_absolute_and_zero_removes() -> None:
    some = book([(99.0, 1.0), (98.0, 2.0)], [(101.0, 3.0)])
    some.apply([(99.0, 0.5), (98.0, 0.0), (97.0, 4.0), (96.0, 0.0)], [(101.0, -0.0)])
    assert top_bids(some, 20) == ([99.0, 97.0], [0.5, 4.0])
    assert some.levels == (2, 0)


def test_the_last_word_on_a_price_counts() -> None:
    some = LocalBook()
    some.apply([(1.0, 1.0), (1.0, 0.0), (1.0, 2.0), (1.0, 3.0)], [(2.0, 1.0), (2.0, 0.0)])
    assert top_bids(some, 20) == ([1.0], [3.0])
    assert some.levels == (1, 0)


def test_a_level_can_be_on_both_sides_without_a_mixture() -> None:
    some = book([(100.0, 1.0)], [(100.0, 2.0)])
    some.apply([(100.0, 0.0)], [])
    assert some.top(1) == ([], [], [100.0], [2.0])


def test_replacing_forgets_everything_near_and_far() -> None:
    some = deep(10 * KEPT_NEAR)
    some.replace([(5.0, 1.0)], [(6.0, 1.0)])
    assert some.levels == (1, 1)
    some.apply([(4.0, 1.0)], [(7.0, 1.0)])
    assert (top_bids(some, 20)[0], top_asks(some, 20)[0]) == ([5.0, 4.0], [6.0, 7.0])


@pytest.mark.parametrize("levels", [1, KEPT_NEAR, SPARE * KEPT_NEAR, SPARE * KEPT_NEAR + 1, 5000])
def test_every_rank_of_a_book_of_any_depth(levels: int) -> None:
    some = deep(levels)
    assert some.levels == (levels, levels)
    for rank in {0, 19, KEPT_NEAR - 1, KEPT_NEAR, levels // 2, levels - 1, levels, levels + 100}:
        assert top_bids(some, rank + 1)[0][rank:] == [levels - rank][: levels > rank]
        assert top_asks(some, rank + 1)[0][rank:] == [levels + 1 + rank][: levels > rank]
    prices, quantities = top_bids(some, levels)
    assert prices == quantities == [float(price) for price in range(levels, 0, -1)]
    prices, quantities = top_asks(some, levels)
    assert prices == quantities == [float(price) for price in range(levels + 1, 2 * levels + 1)]


def test_the_touch_moves_through_the_whole_book_and_back() -> None:
    """Eating level after level brings the far ones near; nothing is lost on the way back either."""
    levels = 4 * KEPT_NEAR
    some = deep(levels)
    for eaten in range(1, levels):
        some.apply([(float(levels + 1 - eaten), 0.0)], [])
        assert top_bids(some, 1) == ([levels - eaten], [levels - eaten])
    some.apply([(1.0, 0.0)], [])
    assert top_bids(some, 1) == ([], [])
    for price in range(1, levels + 1):
        some.apply([(float(price), 2.0)], [])
        assert top_bids(some, 1) == ([price], [2.0])
    assert top_bids(some, levels)[0] == [float(price) for price in range(levels, 0, -1)]


def test_far_levels_change_and_vanish_while_nobody_looks() -> None:
    levels = 10 * KEPT_NEAR
    some = deep(levels)
    some.apply([(1.0, 7.0), (2.0, 0.0), (2.5, 8.0)], [(2.0 * levels, 9.0), (2.0 * levels - 1, 0.0)])
    prices, quantities = top_bids(some, levels)
    assert (prices[-3:], quantities[-3:]) == ([3.0, 2.5, 1.0], [3.0, 8.0, 7.0])
    prices, quantities = top_asks(some, levels)
    assert (prices[-2:], quantities[-2:]) == ([2.0 * levels - 2, 2.0 * levels], [2.0 * levels - 2, 9.0])


def test_a_far_level_that_changes_after_some_were_fetched_is_not_doubled() -> None:
    levels = 10 * KEPT_NEAR
    some = deep(levels)
    top_bids(some, SPARE * KEPT_NEAR)
    some.apply([(1.0, 7.0), (2.0, 0.0)], [])
    assert some.levels == (levels - 1, levels)
    prices, quantities = top_bids(some, levels)
    assert (len(prices), prices[-2:], quantities[-2:]) == (levels - 1, [3.0, 1.0], [3.0, 7.0])


NAN, INF = float("nan"), float("inf")
BAD_PRICES = [NAN, INF, -INF, 0.0, -0.0, -1.0]
BAD_QUANTITIES = [NAN, INF, -INF, -1.0]


@pytest.mark.parametrize("depth", [0, 10 * KEPT_NEAR])
@pytest.mark.parametrize(
    "level",
    [(price, quantity) for price in BAD_PRICES for quantity in (0.0, 1.0)]
    + [(price, quantity) for price in (1.0, 1e9) for quantity in BAD_QUANTITIES],
)
@pytest.mark.parametrize("change", [lambda bad: ([bad], []), lambda bad: ([], [bad])], ids=["bid", "ask"])
def test_an_impossible_level_is_refused_near_and_far(
    change: Callable[[Level], tuple[list[Level], list[Level]]], level: Level, depth: int
) -> None:
    with pytest.raises(ImpossibleLevel, match=f"price {level[0]} and quantity {level[1]} cannot exist"):
        deep(depth).apply(*change(level))
    with pytest.raises(ImpossibleLevel):
        LocalBook().replace(*change(level))


def test_the_extremes_that_floats_have_are_levels() -> None:
    some = book([(5e-324, 5e-324)], [(1.7976931348623157e308, 1.7976931348623157e308)])
    assert best_of(some.top(1)) == (5e-324, 5e-324, 1.7976931348623157e308, 1.7976931348623157e308)
