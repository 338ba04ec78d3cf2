"""The largest changes that are told with each book, against the recordings' own lines and over gaps and trades."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderbook.book import UNCHANGED, ImpossibleLevel, LocalBook
from orderbook.keeper import BookKeeper
from orderbook.market import DepthDiff, Execution, Level, Snapshot
from orderbook.messages import Book
from orderbook.sequence import SequenceRules
from tests import played
from tests.recordings import BTC, ETH, USDM_BTC, lines

Told = tuple[list[float], list[float], list[float], list[float]]
NOTHING: Told = ([], [], [], [])


class Largest(NamedTuple):
    """A quantity, and the levels that changed by it and stand for it; of levels that tie any may be meant."""

    size: float
    prices: set[float]
    untold: bool


def told(book: Book) -> Told:
    return book.bid_add, book.bid_cut, book.ask_add, book.ask_cut


class Exact:
    """Both sides of one market in decimals, and what a diff changes most, by the definition and with no float."""

    def __init__(self, snapshot: dict[str, Any]) -> None:
        self.sides = {
            side: {Decimal(price): Decimal(quantity) for price, quantity in snapshot[side]} for side in ("bids", "asks")
        }
        self.edges = {"bids": min(self.sides["bids"]), "asks": max(self.sides["asks"])}
        self.watched = False

    def step(self, diff: dict[str, Any], sold: list[Decimal], bought: list[Decimal]) -> list[Largest]:
        """Apply a diff; `sold` and `bought` are the prices at which takers traded since the one before."""
        best = {"bids": max(self.sides["bids"]), "asks": min(self.sides["asks"])}
        mid = (best["bids"] + best["asks"]) / 2
        found: dict[str, list[tuple[Decimal, Decimal]]] = {}
        for side, sign in (("bids", 1), ("asks", -1)):
            levels, changed = self.sides[side], []
            for price, quantity in ((Decimal(p), Decimal(q)) for p, q in diff[side[0]]):
                change = quantity - levels.pop(price, Decimal(0))
                if quantity:
                    levels[price] = quantity
                behind_bps, away_bps = (10_000 * sign * (one - price) / mid for one in (best[side], mid))
                if behind_bps >= Decimal("0.5") and away_bps <= 10 and sign * (price - self.edges[side]) >= 0:
                    changed.append((price, change))
            found[side] = changed
        if not self.watched:
            self.watched = True
            return [Largest(0.0, set(), untold=True)] * 4
        bid, ask = max(self.sides["bids"]), min(self.sides["asks"])
        bids, asks = found["bids"], found["asks"]
        return [
            _largest(bids, 1, lambda price: price < bid),
            _largest(bids, -1, lambda price: price < bid and not any(price >= trade for trade in sold)),
            _largest(asks, 1, lambda price: price > ask),
            _largest(asks, -1, lambda price: price > ask and not any(price <= trade for trade in bought)),
        ]


def _largest(changed: list[tuple[Decimal, Decimal]], sign: int, stands: Callable[[Decimal], bool]) -> Largest:
    size = max((sign * change for _, change in changed), default=Decimal(0))
    tied = {price for price, change in changed if sign * change == size} if size > 0 else set()
    standing = {float(price) for price in tied if stands(price)}
    return Largest(float(size), standing, untold=len(standing) < len(tied) or not tied)


@pytest.mark.parametrize(
    "names",
    [pytest.param(BTC, id="spot BTC"), pytest.param(ETH, id="spot ETH"), pytest.param(USDM_BTC, id="USD-M BTC")],
)
def test_every_book_tells_the_largest_changes_of_its_diff(names: tuple[str, ...]) -> None:
    snapshot = next(line for _, line in lines(names) if "lastUpdateId" in line)
    exact = Exact(snapshot)
    wanted: dict[int, list[Largest]] = {}
    sold: list[Decimal] = []
    bought: list[Decimal] = []
    for _, line in lines(names):
        event = line.get("data", line)
        if event.get("e") == "trade":
            (sold if event["m"] else bought).append(Decimal(event["p"]))
        elif event.get("e") == "depthUpdate":
            if event["u"] > snapshot["lastUpdateId"]:
                wanted[event["u"]] = exact.step(event, sold, bought)
            sold, bought = [], []
    books = played.books(names, depth_levels=5)
    assert len(books) == len(wanted) > 6000
    compared = 0
    for book in books:
        for found, largest in zip(told(book), wanted[book.update_id], strict=True):
            assert found or largest.untold, (book.update_id, largest)
            if found:
                assert found[0] in largest.prices
                assert found[1] == pytest.approx(largest.size, rel=1e-9)
                compared += 1
    assert compared > 15_000


def diff(number: int, bids: list[Level] | None = None, asks: list[Level] | None = None) -> DepthDiff:
    return DepthDiff(
        event_time_ms=number,
        symbol="X",
        first_update_id=number,
        final_update_id=number,
        bids=bids or [],
        asks=asks or [],
    )


def keeper(*, measured: bool = True) -> BookKeeper:
    """Bids 9999.5, 9999 … and asks 10000.5, 10001 …, of quantity 1: half a basis point apart."""
    made = BookKeeper(
        venue="v", symbol="X", rules=SequenceRules("spot"), depth_levels=5, covered=False, measured=measured
    )
    levels = [number / 2 for number in range(1, 30)]
    made.snapshot(
        Snapshot(
            last_update_id=10,
            bids=[(10_000 - away, 1.0) for away in levels],
            asks=[(10_000 + away, 1.0) for away in levels],
        )
    )
    return made


def one(books: list[Book]) -> Told:
    (book,) = books
    return told(book)


def traded(of: BookKeeper, price: float, *, buyer_is_maker: bool) -> None:
    of.activity.traded(
        Execution(
            event_time_ms=1,
            symbol="X",
            trade_id=1,
            trade_time_ms=1,
            price=price,
            quantity=1.0,
            buyer_is_maker=buyer_is_maker,
        )
    )


def test_only_levels_behind_the_touch_and_near_the_mid_count() -> None:
    of = keeper()
    assert one(of.diff(diff(11, [(9998.0, 9.0)], [(10_002.0, 9.0)]), 1)) == NOTHING, "the first diff after a snapshot"
    found = one(of.diff(diff(12, [(9999.5, 50.0), (9999.1, 40.0), (9999.0, 3.0), (9989.99, 60.0), (9990.0, 4.0)]), 2))
    assert found == ([9990.0, 3.0], [], [], []), "the touch, under half a basis point behind it, beyond ten of the mid"
    found = one(
        of.diff(diff(13, [(9999.0, 0.5)], [(10_000.9, 7.0), (10_010.0, 5.0), (10_010.1, 9.0), (10_002, 1.5)]), 3)
    )
    assert found == ([], [9999.0, 2.5], [10_010.0, 4.0], [10_002.0, 7.5])


def test_a_level_that_the_touch_has_come_to_or_trades_have_reached_is_not_told() -> None:
    of = keeper()
    of.diff(diff(11, [(9998.0, 9.0)], [(10_002.0, 9.0)]), 1)
    eaten: list[Level] = [(9999.5, 0.0), (9999.0, 0.0), (9998.5, 0.0)]
    assert one(of.diff(diff(12, [*eaten, (9998.0, 20.0)]), 2)) == NOTHING
    back: list[Level] = [(9999.5, 1.0), (9999.0, 1.0), (9998.5, 1.0)]
    of.diff(diff(13, back), 3)
    traded(of, 9998.0, buyer_is_maker=True)
    assert one(of.diff(diff(14, [(9998.0, 1.0)], [(10_002.0, 2.0)]), 4)) == ([], [], [], [10_002.0, 7.0])
    traded(of, 9998.5, buyer_is_maker=True)
    traded(of, 10_002.0, buyer_is_maker=False)
    assert one(of.diff(diff(15, [(9998.0, 0.25)], [(10_002.0, 1.0)]), 5)) == ([], [9998.0, 0.75], [], [])
    assert one(of.diff(diff(16, [], [(10_002.0, 0.0)]), 6)) == ([], [], [], [10_002.0, 1.0]), "trades of a book before"


def test_nothing_is_told_across_a_gap() -> None:
    of = keeper()
    of.diff(diff(11), 1)
    assert of.diff(diff(13, [(9998.0, 5.0)]), 2) == []
    levels: list[Level] = [(9999.5, 1.0), (9998.0, 5.0)]
    assert one(of.snapshot(Snapshot(last_update_id=12, bids=levels, asks=[(10_000.5, 1.0)]))) == NOTHING
    assert one(of.diff(diff(14, [(9998.0, 6.0)]), 3)) == ([9998.0, 1.0], [], [], [])
    assert of.diff(diff(15, [], [(10_000.5, 0.0)]), 4)[0].ask_price == []
    assert one(of.diff(diff(16, [(9998.0, 9.0)], [(10_000.5, 1.0)]), 5)) == NOTHING, "nothing is behind an empty side"


def test_levels_beyond_the_snapshot_s_last_are_not_known_to_have_changed() -> None:
    levels = [1 / 2, 1, 3 / 2, 2]
    shallow = BookKeeper(venue="v", symbol="X", rules=SequenceRules("spot"), depth_levels=2, covered=False)
    shallow.snapshot(
        Snapshot(
            last_update_id=10,
            bids=[(10_000 - away, 1.0) for away in levels],
            asks=[(10_000 + away, 1.0) for away in levels],
            limit=4,
        )
    )
    shallow.diff(diff(11), 1)
    found = one(shallow.diff(diff(12, [(9998.0, 2.0), (9997.5, 9.0)], [(10_002.0, 3.0), (10_002.5, 9.0)]), 2))
    assert found == ([9998.0, 1.0], [], [10_002.0, 2.0], [])


@given(
    diffs=st.lists(
        st.lists(st.tuples(st.integers(1, 400), st.sampled_from([0, 0, 0.5, 1, 2, 3.25])), max_size=120), max_size=8
    )
)
def test_a_book_whose_changes_are_compared_has_the_levels_of_one_whose_are_not(
    diffs: list[list[tuple[int, float]]],
) -> None:
    compared, plain = LocalBook(), LocalBook()
    levels = dict.fromkeys(range(1, 401), 1.0)
    for each in (compared, plain):
        each.replace([(float(tick), 1.0) for tick in levels], [(1000.0 + tick, 1.0) for tick in levels])
        each.top(5)
    for ticks in diffs:
        bids, asks = ([(base + tick, quantity) for tick, quantity in ticks] for base in (0.0, 1000.0))
        of_bids, of_asks = compared.apply(bids, asks, (100.0, 300.0, 1100.0, 1300.0))
        assert plain.apply(bids, asks) == (UNCHANGED, UNCHANGED)
        assert compared.top(500) == plain.top(500)
        most = least = 0.0
        for tick, quantity in ticks:
            if 100 <= tick <= 300:
                most, least = max(most, quantity - levels[tick]), min(least, quantity - levels[tick])
            levels[tick] = quantity
        assert (of_bids[1], of_bids[3]) == (of_asks[1], of_asks[3]) == (most, -least)


@pytest.mark.parametrize("level", [(1.0, -1.0), (1.0, math.nan), (0.0, 1.0), (math.inf, 1.0), (math.nan, 1.0)])
def test_levels_that_cannot_be_are_refused_as_without(level: Level) -> None:
    with pytest.raises(ImpossibleLevel):
        LocalBook().apply([level], [], (1.0, 2.0, 3.0, 4.0))
    far = LocalBook()
    far.replace([(float(tick), 1.0) for tick in range(1, 400)], [])
    far.top(5)
    with pytest.raises(ImpossibleLevel):
        far.apply([level], [], (1.0, 2.0, 3.0, 4.0))


def test_who_does_not_measure_tells_nothing() -> None:
    of = keeper(measured=False)
    of.diff(diff(11), 1)
    assert one(of.diff(diff(12, [(9998.0, 9.0)], [(10_002.0, 0.0)]), 2)) == NOTHING
