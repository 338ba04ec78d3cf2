"""The cheap order flow keeps every rule of the exchange."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.simulator.instruments import instrument
from connectors.simulator.light import LightFlow
from connectors.simulator.market import BestQuote, DepthDiff, Market, MarketEvent, Trade
from connectors.simulator.matching import MatchingBook
from connectors.simulator.wire import Wire
from tests.unit.simulator.rebuilding import RebuiltBook, quoted

OPENS_AT_MS = 1_700_000_000_000
SYMBOLS = ("XRPUSDT", "PEPEUSDT", "FDUSDUSDT", "1INCHUSDT", "ETHBTC")


def opened(symbol: str, seed: int = 7) -> Market:
    return Market(instrument(symbol, seed=seed), seed=seed, opens_at_ms=OPENS_AT_MS, light=True)


def snapshot(market: Market, wire: Wire) -> RebuiltBook:
    book = market.book
    return RebuiltBook.of_snapshot(wire.book(book.update_id, book.bids.top(5000), book.asks.top(5000)))


def events(symbol: str, seed: int, stops_ms: list[float]) -> list[MarketEvent]:
    market = opened(symbol, seed)
    return [event for stop in stops_ms for event in market.advance(OPENS_AT_MS + stop)]


def test_a_seed_fixes_the_history_and_another_one_gives_another() -> None:
    once = events("XRPUSDT", 7, [8000.0])
    assert once == events("XRPUSDT", 7, [8000.0])
    assert len(once) > 100
    assert once != events("XRPUSDT", 8, [8000.0])


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(0.0, 3000.0), max_size=30))
def test_how_time_is_cut_does_not_matter(stops_ms: list[float]) -> None:
    assert events("XRPUSDT", 3, [*sorted(stops_ms), 3000.0]) == events("XRPUSDT", 3, [3000.0])


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_diffs_chain_and_rebuild_the_book_and_every_best_quote(symbol: str) -> None:
    market = opened(symbol)
    wire = Wire(market.instrument)
    books = {interval: snapshot(market, wire) for interval in (100, 1000)}
    tickers: dict[int, dict[str, Any]] = {}
    compared = diffs = 0
    for event in market.advance(OPENS_AT_MS + 60_000):
        if isinstance(event, BestQuote):
            assert event.update_id == market.book.update_id
            assert event.touch == market.book.touch
            tickers[event.update_id] = json.loads(wire.best_quote(event))
        elif isinstance(event, DepthDiff):
            book, message = books[event.interval_ms], json.loads(wire.depth_diff(event))
            assert message["b"] or message["a"]
            assert book.apply(message)
            assert book.best[0] < book.best[2]
            if event.last_update_id in tickers:
                compared += 1
                assert quoted(tickers[event.last_update_id]) == book.best
            if event.interval_ms == 100:
                diffs += 1
                if diffs % 50 == 0:
                    own = snapshot(market, wire)
                    assert (book.bids, book.asks) == (own.bids, own.asks)
    assert diffs > 590
    assert compared > 50


def test_every_diff_of_100_ms_holds_something_and_no_symbol_is_as_busy_as_a_full_one() -> None:
    market = opened("XRPUSDT")
    times = [event.time_ms for event in market.advance(OPENS_AT_MS + 30_000)
             if isinstance(event, DepthDiff) and event.interval_ms == 100]  # fmt: skip
    assert {later - sooner for sooner, later in itertools.pairwise(times)} == {100}


def test_prices_move_both_ways_and_stay_near_home() -> None:
    market = opened("XRPUSDT")
    home = market.instrument.open_ticks
    bids: list[int] = []
    sides: Counter[bool] = Counter()
    for event in market.advance(OPENS_AT_MS + 600_000):
        if isinstance(event, BestQuote):
            bids.append(event.touch.bid)
        elif isinstance(event, Trade):
            sides[event.buyer_is_maker] += 1
    moves = Counter((later > sooner) - (later < sooner) for sooner, later in itertools.pairwise(bids))
    assert moves[1] > 50
    assert moves[-1] > 50
    assert 0.95 * home < min(bids) <= max(bids) < 1.05 * home
    assert min(sides.values()) > 100
    assert 60 < len(market.book.bids.keys) < 400
    assert 60 < len(market.book.asks.keys) < 400


def test_each_act_changes_the_book() -> None:

    book = MatchingBook(update_id=0)
    flow = LightFlow(instrument("XRPUSDT", seed=1), book, Random(5))  # noqa: S311 - a market, not a secret
    last_ms = 0.0
    for _ in range(5000):
        before = book.update_id
        assert last_ms <= flow.next_ms <= last_ms + 100.0
        last_ms = flow.next_ms
        fills = flow.act()
        assert book.update_id > before
        assert all(fill.lots > 0 for fill in fills)
        assert flow.touch == book.touch


def test_the_longer_queue_tells_where_the_price_goes() -> None:
    market = opened("XRPUSDT")
    agreed = disagreed = 0
    previous = market.book.touch
    assert previous is not None
    for event in market.advance(OPENS_AT_MS + 600_000):
        if isinstance(event, BestQuote):
            touch = event.touch
            narrow = previous.ask - previous.bid == 1
            if narrow and (touch.bid > previous.bid or touch.ask > previous.ask):
                agreed += previous.bid_lots > previous.ask_lots
                disagreed += previous.bid_lots < previous.ask_lots
            previous = touch
    assert agreed > disagreed > 0


def test_quantities_are_whole_lots_on_the_wire() -> None:
    market = opened("ETHBTC")
    step = Decimal(Wire(market.instrument).quantity(1))
    book = snapshot(market, Wire(market.instrument))
    assert all(quantity % step == 0 for quantity in (*book.bids.values(), *book.asks.values()))
