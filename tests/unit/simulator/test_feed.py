from __future__ import annotations

import json
from typing import Any

from connectors.simulator.faults import DropDiff
from connectors.simulator.feed import Feed
from connectors.simulator.instruments import instrument
from connectors.simulator.market import Market
from connectors.simulator.rest import Listing
from connectors.simulator.wire import Wire

OPENS_AT_MS = 1_700_000_000_000


class Ear:
    """A listener that keeps what it hears."""

    def __init__(self, *, in_combined: bool = False) -> None:
        self.in_combined = in_combined
        self.heard: list[Any] = []

    def push(self, message: bytes) -> None:
        self.heard.append(json.loads(message))


def feed_of(*symbols: str) -> Feed:
    listings = {}
    for symbol in symbols:
        scale = instrument(symbol, seed=7)
        listings[symbol] = Listing(Market(scale, seed=7, opens_at_ms=OPENS_AT_MS), Wire(scale))
    return Feed(listings)


def test_each_listener_hears_its_streams_wrapped_as_it_wishes() -> None:
    feed = feed_of("BTCUSDT", "ETHUSDT")
    raw, wrapped, deaf = Ear(), Ear(in_combined=True), Ear()
    feed.listen(raw, ["btcusdt@depth@100ms"])
    feed.listen(wrapped, ["btcusdt@depth@100ms", "ethusdt@bookTicker"])
    feed.listen(deaf, ["BTCUSDT@trade", "btcusdt@nonsense", "nosuch@depth"])
    feed.advance(OPENS_AT_MS + 3000)
    assert len(raw.heard) > 20
    assert {message["s"] for message in raw.heard} == {"BTCUSDT"}
    assert [m["data"] for m in wrapped.heard if m["stream"] == "btcusdt@depth@100ms"] == raw.heard
    assert {m["stream"] for m in wrapped.heard} == {"btcusdt@depth@100ms", "ethusdt@bookTicker"}
    assert deaf.heard == []


def test_who_leaves_hears_no_more() -> None:
    feed = feed_of("BTCUSDT")
    leaver, stayer = Ear(), Ear()
    for ear in (leaver, stayer):
        feed.listen(ear, ["btcusdt@depth@100ms"])
    feed.advance(OPENS_AT_MS + 1000)
    feed.leave(leaver, ["btcusdt@depth@100ms", "never@asked"])
    heard = len(leaver.heard)
    feed.advance(OPENS_AT_MS + 2000)
    assert len(leaver.heard) == heard > 0
    assert len(stayer.heard) > heard


def test_a_dropped_diff_is_missing_on_both_diff_streams_and_nowhere_else() -> None:
    feed, whole = feed_of("BTCUSDT", "ETHUSDT"), feed_of("BTCUSDT", "ETHUSDT")
    streams = ["btcusdt@depth@100ms", "btcusdt@depth", "ethusdt@depth@100ms", "btcusdt@depth5@100ms"]
    lost, full = {name: Ear() for name in streams}, {name: Ear() for name in streams}
    for name in streams:
        feed.listen(lost[name], [name])
        whole.listen(full[name], [name])
    for each in (feed, whole):
        each.advance(OPENS_AT_MS + 1500)
    before = {name: len(ear.heard) for name, ear in lost.items()}
    feed.disturb(DropDiff(symbol="BTCUSDT"))
    for each in (feed, whole):
        each.advance(OPENS_AT_MS + 5000)
    for name in ("btcusdt@depth@100ms", "btcusdt@depth"):
        expected = list(full[name].heard)
        del expected[before[name]]
        assert lost[name].heard == expected
    for name in ("ethusdt@depth@100ms", "btcusdt@depth5@100ms"):
        assert lost[name].heard == full[name].heard


def test_partial_books_are_the_top_of_the_book_at_the_same_update_id() -> None:
    feed = feed_of("ADAUSDT")
    five, twenty, quotes = Ear(), Ear(), Ear()
    feed.listen(five, ["adausdt@depth5@100ms"])
    feed.listen(twenty, ["adausdt@depth20@100ms"])
    feed.listen(quotes, ["adausdt@bookTicker"])
    feed.advance(OPENS_AT_MS + 10_000)
    assert len(five.heard) == len(twenty.heard) > 90
    best = {quote["u"]: ([quote["b"], quote["B"]], [quote["a"], quote["A"]]) for quote in quotes.heard}
    compared = 0
    for small, large in zip(five.heard, twenty.heard, strict=True):
        assert list(small) == ["lastUpdateId", "bids", "asks"]
        assert len(large["bids"]) == len(large["asks"]) == 20
        assert (small["bids"], small["asks"]) == (large["bids"][:5], large["asks"][:5])
        if small["lastUpdateId"] in best:
            compared += 1
            assert (small["bids"][0], small["asks"][0]) == best[small["lastUpdateId"]]
    assert compared > 5
