"""LocalBook against a naive book: decimals for keys, sorted anew each time it is looked at."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.binance.frames import decode_frame, decode_snapshot
from orderbook import book as book_module
from orderbook.book import LocalBook
from orderbook.market import DepthDiff
from tests.recordings import BTC, ETH, USDM_BTC, lines

TextLevel = tuple[str, str]

EIGHT_PLACES: Final = Decimal("0.00000001")


class NaiveBook:
    def __init__(self) -> None:
        self.bids: dict[Decimal, Decimal] = {}
        self.asks: dict[Decimal, Decimal] = {}

    def apply(self, bids: list[TextLevel], asks: list[TextLevel]) -> None:
        for side, changes in ((self.bids, bids), (self.asks, asks)):
            for price, quantity in changes:
                side[Decimal(price)] = Decimal(quantity)
                if not Decimal(quantity):
                    del side[Decimal(price)]

    def top_bids(self, levels: int) -> tuple[list[float], list[float]]:
        best = sorted(self.bids, reverse=True)[:levels]
        return [float(price) for price in best], [float(self.bids[price]) for price in best]

    def top_asks(self, levels: int) -> tuple[list[float], list[float]]:
        best = sorted(self.asks)[:levels]
        return [float(price) for price in best], [float(self.asks[price]) for price in best]


def as_floats(changes: list[TextLevel]) -> list[tuple[float, float]]:
    return [(float(price), float(quantity)) for price, quantity in changes]


@st.composite
def spelled(draw: st.DrawFn, numbers: st.SearchStrategy[Decimal]) -> str:
    """A number with or without zeros at its end."""
    number = draw(numbers)
    return draw(st.sampled_from([f"{number:f}", f"{number.normalize():f}", f"{number:.10f}"]))


# Few prices, so that they are met again; and neighbours at the far end of 15 significant digits.
prices = spelled(
    st.integers(1, 60).map(lambda step: Decimal(step) * Decimal("0.01"))
    | st.integers(-3, 3).map(lambda step: Decimal("9999999.99999990") + step * EIGHT_PLACES)
    | st.integers(1, 3).map(lambda step: step * EIGHT_PLACES)
)
quantities = st.just("0.00000000") | spelled(st.integers(0, 5).map(lambda step: Decimal(step) * Decimal("0.1")))
changes = st.lists(st.tuples(prices, quantities), max_size=30)


@pytest.fixture(params=[1, 4, 64], scope="module")
def kept_near(request: pytest.FixtureRequest) -> int:
    """How many levels stay sorted: small numbers make levels move between near and far all the time."""
    assert isinstance(request.param, int)
    return request.param


@given(
    diffs=st.lists(st.tuples(changes, changes, st.sampled_from([0, 1, 2, 3, 5, 40])), max_size=15),
    snapshot=st.tuples(changes, changes),
)
def test_any_changes_give_the_book_that_decimals_give(
    kept_near: int,
    diffs: list[tuple[list[TextLevel], list[TextLevel], int]],
    snapshot: tuple[list[TextLevel], list[TextLevel]],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(book_module, "KEPT_NEAR", kept_near)
        exact, naive = LocalBook(), NaiveBook()
        exact.replace(as_floats(snapshot[0]), as_floats(snapshot[1]))
        naive.apply(*snapshot)
        for bids, asks, looked_at in diffs:
            exact.apply(as_floats(bids), as_floats(asks))
            naive.apply(bids, asks)
            assert exact.levels == (len(naive.bids), len(naive.asks))
            assert exact.top(looked_at)[:2] == naive.top_bids(looked_at)
            assert exact.top(looked_at)[2:] == naive.top_asks(looked_at)
        everything = len(naive.bids) + len(naive.asks)
        assert exact.top(everything)[:2] == naive.top_bids(everything)
        assert exact.top(everything)[2:] == naive.top_asks(everything)


FIFTEEN_DIGITS = st.integers(1, 10**15 - 1)


@given(digits=FIFTEEN_DIGITS, other=FIFTEEN_DIGITS, places=st.integers(0, 15))
def test_numbers_of_fifteen_digits_stay_apart_and_in_order(digits: int, other: int, places: int) -> None:
    for neighbour in (other, digits - 1, digits + 1):
        if not 0 < neighbour < 10**15:
            continue
        one, two = (f"{Decimal(number).scaleb(-places):f}" for number in (digits, neighbour))
        assert (float(one) < float(two)) == (digits < neighbour)
        assert (float(one) == float(two)) == (digits == neighbour)


@pytest.mark.parametrize("names", [BTC, ETH, USDM_BTC], ids=["spot BTC", "spot ETH", "USD-M BTC"])
def test_a_recording_gives_the_book_that_decimals_give(names: tuple[str, ...]) -> None:
    exact, naive = LocalBook(), NaiveBook()
    snapshot_id: int | None = None
    compared = 0
    for number, (_, line) in enumerate(lines(names)):
        if "lastUpdateId" in line:
            taken = decode_snapshot(_bytes(line))
            exact.replace(taken.bids, taken.asks)
            naive.apply(line["bids"], line["asks"])
            snapshot_id = taken.last_update_id
        elif line["stream"].partition("@")[2].startswith("depth"):
            diff = decode_frame(_bytes(line))
            assert isinstance(diff, DepthDiff)
            if snapshot_id is None or diff.final_update_id <= snapshot_id:
                continue
            exact.apply(diff.bids, diff.asks)
            naive.apply(line["data"]["b"], line["data"]["a"])
            if number % 50 == 0:
                compared += 1
                assert exact.top(20)[:2] == naive.top_bids(20)
                assert exact.top(20)[2:] == naive.top_asks(20)
    assert exact.levels == (len(naive.bids), len(naive.asks))
    assert exact.top(10_000)[:2] == naive.top_bids(10_000)
    assert exact.top(10_000)[2:] == naive.top_asks(10_000)
    assert compared > 20


def _bytes(line: dict[str, Any]) -> bytes:
    return json.dumps(line, separators=(",", ":")).encode()
