"""What a book says happened since the one before it, against the recording's own lines and over a gap."""

from __future__ import annotations

import pytest

from orderbook.keeper import BookKeeper
from orderbook.market import DepthDiff, Execution, Snapshot
from orderbook.messages import Book
from orderbook.sequence import SequenceRules
from tests import played
from tests.recordings import BTC, USDM_BTC, lines


@pytest.mark.parametrize("names", [pytest.param(BTC, id="spot BTC"), pytest.param(USDM_BTC, id="USD-M BTC")])
def test_every_book_counts_the_lines_between_two_diffs(names: tuple[str, ...]) -> None:
    between: dict[int, tuple[int, int, float, float]] = {}
    trades: list[tuple[float, bool]] = []
    for _, line in lines(names):
        event = line.get("data", line)
        if event.get("e") == "trade":
            trades.append((float(event["q"]), event["m"]))
        elif event.get("e") == "depthUpdate":
            between[event["u"]] = (
                len(event["b"]) + len(event["a"]),
                len(trades),
                sum(quantity for quantity, buyer_is_maker in trades if not buyer_is_maker),
                sum(quantity for quantity, buyer_is_maker in trades if buyer_is_maker),
            )
            trades = []
    books = played.books(names, depth_levels=5)
    # What was received while the first snapshot was awaited belongs to no book.
    bridged = next(number for number, book in enumerate(books) if book.trades)
    counted = [(book.level_updates, book.trades) for book in books[bridged:]]
    assert counted == [between[book.update_id][:2] for book in books[bridged:]]
    quantities = [value for book in books[bridged:] for value in (book.buy_qty, book.sell_qty)]
    assert quantities == pytest.approx([value for book in books[bridged:] for value in between[book.update_id][2:]])
    assert sum(book.trades for book in books) > 15_000


def diff(first: int, final: int, *, levels: int = 1) -> DepthDiff:
    bids = [(100.0 - number, 1.0) for number in range(levels)]
    return DepthDiff(event_time_ms=final, symbol="X", first_update_id=first, final_update_id=final, bids=bids, asks=[])


def trade(quantity: float, *, buyer_is_maker: bool) -> Execution:
    return Execution(
        event_time_ms=1,
        symbol="X",
        trade_id=1,
        trade_time_ms=1,
        price=100.0,
        quantity=quantity,
        buyer_is_maker=buyer_is_maker,
    )


def activity(book: Book) -> tuple[int, int, float, float]:
    return book.level_updates, book.trades, book.buy_qty, book.sell_qty


def test_what_was_traded_across_a_gap_belongs_to_no_book() -> None:
    keeper = BookKeeper(venue="v", symbol="X", rules=SequenceRules("spot"), depth_levels=5, covered=False)
    keeper.snapshot(Snapshot(last_update_id=10, bids=[(99.0, 1.0)], asks=[(101.0, 1.0)]))
    (first,) = keeper.diff(diff(11, 12), 1)
    assert activity(first) == (1, 0, 0.0, 0.0)
    keeper.activity.traded(trade(2.0, buyer_is_maker=False))
    keeper.activity.traded(trade(0.5, buyer_is_maker=True))
    (second,) = keeper.diff(diff(13, 14, levels=3), 2)
    assert activity(second) == (3, 2, 2.0, 0.5)
    (third,) = keeper.diff(diff(15, 16), 3)
    assert activity(third) == (1, 0, 0.0, 0.0)
    assert keeper.diff(diff(20, 21), 4) == []
    keeper.activity.traded(trade(9.0, buyer_is_maker=False))
    (again,) = keeper.snapshot(Snapshot(last_update_id=20, bids=[(99.0, 1.0)], asks=[(101.0, 1.0)]))
    assert activity(again) == (1, 0, 0.0, 0.0)
