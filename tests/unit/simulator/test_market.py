from __future__ import annotations

import itertools
import json
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.simulator.instruments import instrument
from connectors.simulator.market import AggregateTrade, BestQuote, DepthDiff, Market, MarketEvent, Trade
from connectors.simulator.wire import Wire
from tests.unit.simulator.rebuilding import RebuiltBook, quoted

OPENS_AT_MS = 1_700_000_000_000
DEFAULT_SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT", "ADAUSDT")


def opened(symbol: str, seed: int = 7) -> tuple[Market, Wire]:
    scale = instrument(symbol, seed=seed)
    return Market(scale, seed=seed, opens_at_ms=OPENS_AT_MS), Wire(scale)


def on_the_wire(wire: Wire, event: MarketEvent) -> bytes:
    match event:
        case BestQuote():
            return wire.best_quote(event)
        case Trade():
            return wire.trade(event)
        case AggregateTrade():
            return wire.aggregate_trade(event)
        case DepthDiff():
            return wire.depth_diff(event)


def snapshot(market: Market, wire: Wire) -> bytes:
    book = market.book
    return wire.book(book.update_id, book.bids.top(5000), book.asks.top(5000))


def all_bytes(symbol: str, seed: int, stops_ms: Iterable[float]) -> bytes:
    market, wire = opened(symbol, seed)
    lines = [snapshot(market, wire)]
    for stop in stops_ms:
        lines.extend(on_the_wire(wire, event) for event in market.advance(OPENS_AT_MS + stop))
    return b"\n".join([*lines, snapshot(market, wire)])


def test_same_seed_and_symbol_give_the_same_bytes_and_another_seed_does_not() -> None:
    once, again = all_bytes("SOLUSDT", 7, [8000.0]), all_bytes("SOLUSDT", 7, [8000.0])
    assert once == again
    assert len(once.splitlines()) > 500
    assert all_bytes("SOLUSDT", 8, [8000.0]) != once


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(0.0, 3000.0), max_size=30))
def test_how_time_is_cut_does_not_matter(stops_ms: list[float]) -> None:
    assert all_bytes("BNBUSDT", 3, [*sorted(stops_ms), 3000.0]) == all_bytes("BNBUSDT", 3, [3000.0])


def test_no_symbol_depends_on_another() -> None:
    alone, _ = opened("ETHUSDT")
    beside, _ = opened("ETHUSDT")
    other, _ = opened("BTCUSDT")
    first = list(alone.advance(OPENS_AT_MS + 2000))
    mixed: list[MarketEvent] = []
    for step in range(1, 201):
        list(other.advance(OPENS_AT_MS + step * 10))
        mixed.extend(beside.advance(OPENS_AT_MS + step * 10))
    assert mixed == first


@pytest.mark.parametrize("symbol", [*DEFAULT_SYMBOLS, "DOGEUSDT", "ETHBTC"])
def test_snapshot_and_diffs_rebuild_the_exchanges_own_book_and_every_best_quote(symbol: str) -> None:
    market, wire = opened(symbol)
    list(market.advance(OPENS_AT_MS + 1234))
    rebuilt = {interval: RebuiltBook.of_snapshot(snapshot(market, wire)) for interval in (100, 1000)}
    tickers: dict[int, dict[str, Any]] = {}
    compared = diffs = 0
    last_time_ms = 0
    for event in market.advance(OPENS_AT_MS + 21_234):
        message = json.loads(on_the_wire(wire, event))
        assert event.time_ms >= last_time_ms
        last_time_ms = event.time_ms
        if isinstance(event, BestQuote):
            assert message["u"] not in tickers
            tickers[message["u"]] = message
        elif isinstance(event, DepthDiff):
            book = rebuilt[event.interval_ms]
            assert message["b"] or message["a"]
            assert [Decimal(p) for p, _ in message["b"]] == sorted((Decimal(p) for p, _ in message["b"]), reverse=True)
            assert [Decimal(p) for p, _ in message["a"]] == sorted(Decimal(p) for p, _ in message["a"])
            if book.apply(message):
                diffs += 1
                if diffs % 25 == 0:
                    own = RebuiltBook.of_snapshot(snapshot(market, wire))
                    assert (book.bids, book.asks) == (own.bids, own.asks)
                assert book.best[0] < book.best[2]
                assert message["u"] == market.book.update_id
                if message["u"] in tickers:
                    compared += 1
                    assert quoted(tickers[message["u"]]) == book.best
    assert diffs > 200
    assert compared > 10


def test_a_best_quote_says_what_the_book_holds_at_its_id() -> None:
    market, _ = opened("ADAUSDT")
    seen = 0
    for event in market.advance(OPENS_AT_MS + 20_000):
        if isinstance(event, BestQuote):
            seen += 1
            assert event.update_id == market.book.update_id
            assert event.touch == market.book.touch
    assert seen > 200


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ADAUSDT"])
def test_trades_lie_at_the_touch_and_shorten_it_by_what_was_traded(symbol: str) -> None:
    market, _ = opened(symbol)
    before = market.book.touch
    assert before is not None
    traded: dict[int, int] = defaultdict(int)
    trades: list[Trade] = []
    exact = 0
    for event in market.advance(OPENS_AT_MS + 60_000):
        if isinstance(event, Trade):
            trades.append(event)
            traded[event.price] += event.lots
            if event.buyer_is_maker:
                assert event.price <= before.bid
            else:
                assert event.price >= before.ask
        elif isinstance(event, BestQuote):
            after = event.touch
            if list(traded) == [before.bid] and after.bid == before.bid:
                exact += 1
                assert before.bid_lots - after.bid_lots == traded[before.bid]
            elif list(traded) == [before.ask] and after.ask == before.ask:
                exact += 1
                assert before.ask_lots - after.ask_lots == traded[before.ask]
            traded.clear()
            before = after
    assert exact > 100
    ids = [trade.trade_id for trade in trades]
    assert ids == list(range(ids[0], ids[0] + len(ids)))


def test_aggregate_trades_cover_every_trade_once() -> None:
    market, _ = opened("ETHUSDT")
    waiting: list[Trade] = []
    aggregates = 0
    for event in market.advance(OPENS_AT_MS + 30_000):
        if isinstance(event, Trade):
            waiting.append(event)
        elif isinstance(event, AggregateTrade):
            aggregates += 1
            assert (event.first_trade_id, event.last_trade_id) == (waiting[0].trade_id, waiting[-1].trade_id)
            assert event.lots == sum(trade.lots for trade in waiting)
            assert {(trade.price, trade.buyer_is_maker, trade.time_ms) for trade in waiting} == {
                (event.price, event.buyer_is_maker, event.time_ms)
            }
            waiting.clear()
    assert not waiting
    assert aggregates > 50


def test_diffs_come_at_fixed_intervals_and_slow_ones_sum_up_fast_ones() -> None:
    market, _ = opened("BTCUSDT")
    fast: list[DepthDiff] = []
    slow: list[DepthDiff] = []
    for event in market.advance(OPENS_AT_MS + 20_000):
        if isinstance(event, DepthDiff):
            (fast if event.interval_ms == 100 else slow).append(event)
    assert len(slow) in (19, 20)
    assert all((later.time_ms - sooner.time_ms) % 100 == 0 for sooner, later in itertools.pairwise(fast))
    assert {later.time_ms - sooner.time_ms for sooner, later in itertools.pairwise(slow)} == {1000}
    second = slow[5]
    parts = [diff for diff in fast if second.first_update_id <= diff.last_update_id <= second.last_update_id]
    merged: dict[int, int] = {}
    for part in parts:
        merged.update(part.bids)
    assert parts[0].first_update_id == second.first_update_id
    assert dict(second.bids) == merged


def test_standing_still_moves_what_follows_in_time_and_changes_nothing_else() -> None:
    plain, wire = opened("BNBUSDT")
    paused, _ = opened("BNBUSDT")
    list(plain.advance(OPENS_AT_MS + 1000))
    list(paused.advance(OPENS_AT_MS + 1000))
    paused.skip(5000)
    expected = [(event.time_ms + 5000, type(event)) for event in plain.advance(OPENS_AT_MS + 2000)]
    assert [(event.time_ms, type(event)) for event in paused.advance(OPENS_AT_MS + 7000)] == expected
    assert snapshot(plain, wire) == snapshot(paused, wire)


def test_books_keep_their_depth_over_a_long_run() -> None:
    market, _ = opened("BNBUSDT")
    for _ in market.advance(OPENS_AT_MS + 180_000):
        pass
    assert min(len(market.book.bids.keys), len(market.book.asks.keys)) > 900
