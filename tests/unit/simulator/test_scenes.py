"""The scenes: each leaves the footprint it is named for, at its time, and the calm leaves none."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from connectors.simulator.faults import BadFault
from connectors.simulator.instruments import instrument
from connectors.simulator.market import FAST_MS, BestQuote, DepthDiff, Market, Trade
from connectors.simulator.scenes import LEAD_IN_MS, SCENES, Calm, Ignition, Scene, Spoof, Vacuum, parse_scene
from orderbook.messages import Book
from tests import staged_market
from tests.pattern_oracle import Match, large_orders_gone, matches

OPENS_AT_MS = 1_700_000_000_000
MARKETS = [("BTCUSDT", False), ("ADAUSDT", False), ("XRPUSDT", True)]


def staged(symbol: str, scenes: Sequence[tuple[float, Scene]], duration_s: float, *, light: bool) -> list[Book]:
    return staged_market.books(symbol, scenes, opens_at_ms=OPENS_AT_MS, duration_s=duration_s, light=light)


def found(books: list[Book]) -> list[Match]:
    return sorted(matches(books, depth=10), key=lambda match: match.end_ms)


@pytest.mark.parametrize(("symbol", "light"), MARKETS)
def test_the_calm_holds_no_pattern_and_a_book_every_diff(symbol: str, light: bool) -> None:  # noqa: FBT001 - a parameter of the test
    books = staged(symbol, [(1.0, Calm(symbol=symbol, duration_s=120))], 100.0, light=light)
    assert found([book for book in books if book.event_time_ms > OPENS_AT_MS + 1000]) == []
    assert large_orders_gone(books, depth=10) == []
    assert {later.event_time_ms - sooner.event_time_ms for sooner, later in itertools.pairwise(books)} == {FAST_MS}
    calm = books[20:]
    assert {round(book.ask_price[0] - book.bid_price[0], 8) for book in calm} == {
        10 ** -instrument(symbol, seed=7).price_decimals
    }
    assert all(abs(sum(book.bid_qty[:10]) / sum(book.ask_qty[:10]) - 1) < 0.01 for book in calm)
    assert not any(book.trades for book in calm[1:])


@pytest.mark.parametrize(("symbol", "light"), MARKETS)
@pytest.mark.parametrize(("side", "left"), [("bid", "ask"), ("ask", "bid")])
def test_a_vacuum_is_found_when_depth_is_pulled(symbol: str, light: bool, side: str, left: str) -> None:  # noqa: FBT001 - as above
    vacuum = parse_scene({"kind": "vacuum", "symbol": symbol, "side": side}, {symbol})
    calm = Calm(symbol=symbol, duration_s=60)
    books = staged(symbol, [(1.0, calm), (20.0, vacuum), (22.5, calm)], 30.0, light=light)
    hole, shock = [match for match in found(books) if match.end_ms > OPENS_AT_MS + 12_000]
    pulled_ms = OPENS_AT_MS + 20_000 + LEAD_IN_MS
    assert (hole.rule, hole.side) == ("liquidity_vacuum", left)
    assert pulled_ms <= hole.end_ms <= pulled_ms + 2 * FAST_MS
    assert shock.rule == "spread_shock"
    assert shock.onset_ms == hole.end_ms
    assert pulled_ms + 1000 <= shock.end_ms <= pulled_ms + 1000 + 2 * FAST_MS
    before, after = (sum(book.bid_qty) + sum(book.ask_qty) for book in (books[199], books[-1]))
    assert after == pytest.approx(before, rel=0.01), "what was pulled is back"


@pytest.mark.parametrize(("symbol", "light"), MARKETS)
@pytest.mark.parametrize("side", ["bid", "ask"])
def test_an_ignition_is_found_on_its_side(symbol: str, light: bool, side: str) -> None:  # noqa: FBT001 - as above
    ignition = parse_scene({"kind": "ignition", "symbol": symbol, "side": side, "move_bps": 8}, {symbol})
    calm = Calm(symbol=symbol, duration_s=60)
    books = staged(symbol, [(1.0, calm), (20.0, ignition), (26.0, calm)], 30.0, light=light)
    run_ms = OPENS_AT_MS + 20_000 + LEAD_IN_MS
    # Between the scene and the calm the traders go on as usual.
    played = range(OPENS_AT_MS + 12_000, run_ms + 4000)
    first, *others = [match for match in found(books) if match.onset_ms in played]
    assert others == []
    assert (first.rule, first.side) == ("momentum_ignition", side)
    assert run_ms < first.onset_ms < run_ms + 2000 < first.end_ms < run_ms + 4000
    mids = [(book.bid_price[0] + book.ask_price[0]) / 2 for book in books]
    quiet, peak, end = mids[199], max(mids[200:], key=lambda mid: abs(mid - mids[199])), mids[-1]
    moved = peak - quiet
    assert (moved > 0) is (side == "bid")
    assert 0.1 < (end - quiet) / moved < 0.3, "four fifths are given back"


@pytest.mark.parametrize(("symbol", "light"), MARKETS)
@pytest.mark.parametrize("side", ["bid", "ask"])
def test_a_spoof_is_found_on_its_side_beside_the_market_s_own_orders(symbol: str, light: bool, side: str) -> None:  # noqa: FBT001 - as above
    spoof = parse_scene({"kind": "spoof", "symbol": symbol, "side": side}, {symbol})
    books = staged(symbol, [(20.0, spoof)], 30.0, light=light)
    shown_ms = OPENS_AT_MS + 20_000 + LEAD_IN_MS
    played = range(OPENS_AT_MS + 20_000, shown_ms + 2000)
    gone = [one for one in large_orders_gone(books, depth=10) if one.onset_ms in played]
    assert [(one.side, one.opposite, one.same) for one in gone] == [(side, True, False)]
    assert shown_ms < gone[0].onset_ms <= shown_ms + 2 * FAST_MS
    assert gone[0].end_ms - gone[0].onset_ms == pytest.approx(1500, abs=FAST_MS)
    (match,) = [one for one in found(books) if one.rule == "spoof_like" and one.onset_ms in played]
    assert (match.side, match.onset_ms, match.end_ms) == (side, gone[0].onset_ms, gone[0].end_ms)


def test_a_spoof_is_a_large_order_a_fill_on_the_other_side_and_the_order_gone() -> None:
    scale = instrument("ETHUSDT", seed=7)
    market = Market(scale, seed=7, opens_at_ms=OPENS_AT_MS)
    list(market.advance(OPENS_AT_MS + 5000))
    market.perform(Spoof(symbol="ETHUSDT", side="ask", away_bps=3))
    story: list[tuple[str, int]] = []
    large: int | None = None
    for event in market.advance(OPENS_AT_MS + 5000 + 2 * LEAD_IN_MS + 1500):
        if isinstance(event, Trade):
            assert event.buyer_is_maker, "the taker sells into the bid"
            story.append(("fill", event.time_ms))
        elif isinstance(event, DepthDiff) and event.interval_ms == FAST_MS:
            added = [price for price, lots in event.asks if lots >= 5 * scale.touch_lots]
            if added and large is None:
                (large,) = added
                best = market.book.asks.best
                assert best is not None
                assert 10_000 * (large - best) / best == pytest.approx(3, rel=0.05)
                story.append(("added", event.time_ms))
            elif large is not None and any(price == large and lots < scale.touch_lots for price, lots in event.asks):
                story.append(("cut", event.time_ms))
    names = [name for name, _ in itertools.groupby(name for name, _ in story)]
    assert names == ["added", "fill", "cut"]
    assert story[-1][1] - story[0][1] == pytest.approx(1500, abs=2 * FAST_MS)


def test_a_scene_keeps_the_exchange_s_promises_and_the_traders_go_on_after_it() -> None:
    market = Market(instrument("SOLUSDT", seed=7), seed=7, opens_at_ms=OPENS_AT_MS)
    scenes: list[tuple[int, Scene | None]] = [
        (3000, Vacuum(symbol="SOLUSDT")),
        (4000, Ignition(symbol="SOLUSDT")),  # cuts the vacuum
        (9000, Spoof(symbol="SOLUSDT")),
        (20_000, None),
    ]
    quotes: dict[int, object] = {}
    last_id, late_trades = market.book.update_id, 0
    for until_ms, scene in scenes:
        for event in market.advance(OPENS_AT_MS + until_ms):
            touch = market.book.touch
            assert touch is not None
            assert touch.bid < touch.ask
            if isinstance(event, BestQuote):
                quotes[event.update_id] = event.touch
            elif isinstance(event, DepthDiff) and event.interval_ms == FAST_MS:
                assert event.first_update_id == last_id + 1
                last_id = event.last_update_id
                assert quotes.get(last_id, touch) == touch
            elif isinstance(event, Trade):
                late_trades += event.time_ms > OPENS_AT_MS + 13_000
        if scene is not None:
            market.perform(scene)
    assert late_trades > 20


def test_the_same_scene_on_the_same_market_is_the_same_however_the_calls_are_cut() -> None:
    def events(stops_ms: Sequence[float]) -> list[object]:
        market = Market(instrument("BNBUSDT", seed=7), seed=7, opens_at_ms=OPENS_AT_MS)
        made: list[object] = list(market.advance(OPENS_AT_MS + 2000))
        market.perform(Vacuum(symbol="BNBUSDT"))
        for stop in stops_ms:
            made += market.advance(OPENS_AT_MS + stop)
        return made

    assert events([8000]) == events([2001, 2507.5, 2600, 3333.3, 8000])


@pytest.mark.parametrize("kind", SCENES)
def test_a_scene_is_asked_for_by_kind_and_symbol(kind: str) -> None:
    assert isinstance(parse_scene({"kind": kind, "symbol": "ADAUSDT"}, {"ADAUSDT"}), SCENES[kind])


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ([], "calm, vacuum, ignition, spoof"),
        ({"kind": "storm", "symbol": "ADAUSDT"}, "calm, vacuum, ignition, spoof"),
        ({"kind": "calm"}, "no symbol"),
        ({"kind": "calm", "symbol": "NOPE"}, "NOPE"),
        ({"kind": "vacuum", "symbol": "ADAUSDT", "side": "left"}, "vacuum takes side, duration_s, symbol"),
        ({"kind": "ignition", "symbol": "ADAUSDT", "move_bps": 0}, "move_bps"),
        ({"kind": "calm", "symbol": "ADAUSDT", "side": "bid"}, "side"),
    ],
)
def test_nonsense_is_refused_with_what_is_allowed(asked: object, said: str) -> None:
    with pytest.raises(BadFault, match=said):
        parse_scene(asked, {"ADAUSDT"})
