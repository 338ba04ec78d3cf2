from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from connectors.simulator.matching import MatchingBook, Side, Touch

PRICES = st.integers(min_value=-1, max_value=40)
LOTS = st.integers(min_value=-2, max_value=60)
SIDES = st.sampled_from(Side)


@dataclass(frozen=True)
class Order:
    kind: str
    side: Side
    price: int
    lots: int
    maker_lots: int


ORDERS = st.builds(Order, st.sampled_from(["rest", "rest", "cancel", "take"]), SIDES, PRICES, LOTS, st.integers(0, 20))


def constant(lots: int) -> Callable[[], int]:
    return lambda: lots


def contents(book: MatchingBook) -> dict[tuple[Side, int], int]:
    return {(side, price): lots for side in Side for price, lots in book.levels(side).lots.items()}


@given(st.lists(ORDERS, max_size=60))
def test_whatever_the_orders_the_book_stays_sound(orders: list[Order]) -> None:
    book = MatchingBook(update_id=100)
    for order in orders:
        before, id_before = contents(book), book.update_id
        fills = []
        match order.kind:
            case "rest":
                book.rest(order.side, order.price, order.lots)
            case "cancel":
                book.cancel(order.side, order.price, order.lots)
            case _:
                fills = book.take(order.side, order.price, order.lots, constant(order.maker_lots))
        after = contents(book)

        assert all(lots > 0 for lots in after.values())
        bids = sorted((price for side, price in after if side is Side.BID), reverse=True)
        asks = sorted(price for side, price in after if side is Side.ASK)
        assert [price for price, _ in book.bids.top(100)] == bids
        assert [price for price, _ in book.asks.top(100)] == asks
        assert not bids or not asks or bids[0] < asks[0]

        changed = {level for level in before | after if before.get(level) != after.get(level)}
        assert book.update_id - id_before == (len(fills) if order.kind == "take" else len(changed))
        for level in changed:
            assert level[1] in book.levels(level[0]).changed
        if order.kind == "take":
            assert all(side is order.side.other for side, _ in changed)
            for level in changed:
                traded = sum(fill.lots for fill in fills if fill.price == level[1])
                assert traded == before[level] - after.get(level, 0)
            assert all(fill.lots > 0 and order.side * fill.price <= order.side * order.price for fill in fills)
            assert sum(fill.lots for fill in fills) <= max(0, order.lots)
            prices = [order.side * fill.price for fill in fills]
            assert prices == sorted(prices)


def test_a_taker_meets_makers_in_the_order_of_price_and_its_rest_expires() -> None:
    book = MatchingBook(update_id=0)
    book.rest(Side.ASK, 101, 5)
    book.rest(Side.ASK, 103, 4)
    book.rest(Side.ASK, 104, 9)
    book.rest(Side.BID, 99, 1)
    fills = book.take(Side.BID, 103, 50, constant(3))
    assert fills == [(101, 3), (101, 2), (103, 3), (103, 1)]
    assert book.touch == Touch(99, 1, 104, 9)
    assert book.update_id == 4 + 4


def test_an_order_that_would_cross_is_refused() -> None:
    book = MatchingBook(update_id=0)
    book.rest(Side.ASK, 101, 5)
    book.rest(Side.BID, 101, 5)
    assert book.bids.best is None
    assert book.touch is None
    assert book.update_id == 1


@given(st.sets(st.integers(1, 60), min_size=1), st.integers(-5, 70))
def test_until_names_the_prices_a_taker_would_reach(prices: set[int], limit: int) -> None:
    book = MatchingBook(update_id=0)
    for price in prices:
        book.rest(Side.ASK, price, 1)
    worst = max(prices)
    assert book.asks.until(limit) == sorted(price for price in prices if price <= limit and price != worst)
