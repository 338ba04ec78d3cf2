from __future__ import annotations

import json
from hashlib import blake2b
from pathlib import Path

import pytest

from connectors.simulator.digest import book_digest
from connectors.simulator.faults import DropDiff, StallAll
from connectors.simulator.feed import Feed
from connectors.simulator.instruments import instrument
from connectors.simulator.ledger import Ledger, read_ledger
from connectors.simulator.market import Market
from connectors.simulator.rest import Listing
from connectors.simulator.wire import Wire
from tests.unit.simulator.rebuilding import RebuiltBook

OPENS_AT_MS = 1_700_000_000_000


def test_the_digest_is_of_both_floats_of_each_level_best_first() -> None:
    text = "1.1:2.0,1.0:30.5|1.2:0.001"
    assert book_digest([1.1, 1.0], [2.0, 30.5], [1.2], [0.001]) == blake2b(text.encode(), digest_size=8).hexdigest()
    assert len(book_digest([], [], [], [])) == 16


def test_the_digest_covers_twenty_levels() -> None:
    prices, quantities = [float(p) for p in range(40, 15, -1)], [1.0] * 25
    whole = book_digest(prices, quantities, [50.0], [1.0])
    assert book_digest(prices[:20], quantities[:20], [50.0], [1.0]) == whole
    assert book_digest(prices[:19], quantities[:19], [50.0], [1.0]) != whole
    assert book_digest(prices, [*quantities[:19], 2.0, *quantities[20:]], [50.0], [1.0]) != whole


def test_sides_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        book_digest([1.0, 0.9], [1.0], [], [])


class Rebuilder:
    """A listener that rebuilds the book from frames and digests it after each one."""

    in_combined = False

    def __init__(self, snapshot: bytes) -> None:
        self.book = RebuiltBook.of_snapshot(snapshot)
        self.digests: dict[int, str] = {}

    def push(self, message: bytes) -> None:
        self.book.apply(json.loads(message))
        bids = sorted(self.book.bids.items(), reverse=True)[:30]
        asks = sorted(self.book.asks.items())[:30]
        self.digests[self.book.update_id] = book_digest(
            *([float(value) for value in part] for side in (bids, asks) for part in zip(*side, strict=True))
        )


@pytest.mark.parametrize("light", [False, True])
@pytest.mark.parametrize("symbol", ["BTCUSDT", "ADAUSDT", "PEPEUSDT", "ETHBTC"])
def test_a_book_rebuilt_from_the_wire_has_the_digests_of_the_ledger(symbol: str, light: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a parameter
    scale = instrument(symbol, seed=7)
    listing = Listing(Market(scale, seed=7, opens_at_ms=OPENS_AT_MS, light=light), Wire(scale))
    path = tmp_path / "folder" / "ledger"
    ledger = Ledger(path)
    feed = Feed({symbol: listing}, ledger)
    book = listing.market.book
    ear = Rebuilder(listing.wire.book(book.update_id, book.bids.top(5000), book.asks.top(5000)))
    feed.listen(ear, [f"{symbol.lower()}@depth@100ms"])
    for step in range(1, 101):
        feed.advance(OPENS_AT_MS + step * 100)
    ledger.close()
    written = read_ledger(path)
    assert written == {(symbol, update_id): digest for update_id, digest in ear.digests.items()}
    assert len(written) > 90


def test_diffs_that_a_fault_keeps_back_are_in_the_ledger(tmp_path: Path) -> None:
    lines = []
    for name, faults in (("whole", ()), ("lost", (DropDiff(symbol="ADAUSDT", count=5), StallAll(duration_s=1.0)))):
        scale = instrument("ADAUSDT", seed=7)
        ledger = Ledger(tmp_path / name)
        feed = Feed({"ADAUSDT": Listing(Market(scale, seed=7, opens_at_ms=OPENS_AT_MS), Wire(scale))}, ledger)
        for fault in faults:
            feed.disturb(fault)
        feed.advance(OPENS_AT_MS + 5000)
        ledger.flush()
        lines.append((tmp_path / name).read_text())
        ledger.close()
    assert lines[0] == lines[1]
    assert lines[0].count("\n") > 45


def test_a_line_under_way_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    path.write_text("ADAUSDT 5 0123456789abcdef\nADAUSDT 7 01")
    assert read_ledger(path) == {("ADAUSDT", 5): "0123456789abcdef"}
