from __future__ import annotations

import pytest

from connectors.simulator.history import HISTORY_MS, PastBook
from connectors.simulator.instruments import instrument
from connectors.simulator.market import DepthDiff, Market

OPENS_AT_MS = 1_700_000_000_000


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ADAUSDT"])
def test_a_past_book_is_the_copy_that_was_taken_then(symbol: str) -> None:
    market = Market(instrument(symbol, seed=7), seed=7, opens_at_ms=OPENS_AT_MS)
    copies: list[tuple[int, PastBook]] = []
    for event in market.advance(OPENS_AT_MS + 14_000):
        if isinstance(event, DepthDiff) and event.interval_ms == 100:
            book = market.book
            copies.append((event.time_ms, PastBook(book.update_id, book.bids.top(10**6), book.asks.top(10**6))))
    compared = 0
    for time_ms, copy in copies:
        if time_ms > market.now_ms - HISTORY_MS + 200:
            compared += 1
            assert market.history.before(market.book, time_ms + 1) == copy
    assert compared > 90


def test_the_oldest_book_that_is_kept_stands_for_older_ones() -> None:
    market = Market(instrument("ADAUSDT", seed=7), seed=7, opens_at_ms=OPENS_AT_MS)
    opening = PastBook(market.book.update_id, market.book.bids.top(10**6), market.book.asks.top(10**6))
    list(market.advance(OPENS_AT_MS + 3000))
    assert market.history.before(market.book, OPENS_AT_MS - 60_000) == opening
    list(market.advance(OPENS_AT_MS + 2 * HISTORY_MS))
    assert market.history.before(market.book, OPENS_AT_MS).update_id > opening.update_id


def test_a_past_book_is_not_touched_by_what_comes_later() -> None:
    market = Market(instrument("ADAUSDT", seed=7), seed=7, opens_at_ms=OPENS_AT_MS)
    list(market.advance(OPENS_AT_MS + 3000))
    first = market.history.before(market.book, OPENS_AT_MS + 2000)
    list(market.advance(OPENS_AT_MS + 5000))
    assert market.history.before(market.book, OPENS_AT_MS + 2000) == first
