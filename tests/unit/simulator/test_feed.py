from __future__ import annotations

import itertools
import json
from typing import Any

from connectors.simulator.faults import (
    ClockJump,
    Corrupt,
    Delay,
    Delist,
    DropDiff,
    QuietSymbol,
    Relist,
    StallAll,
    StallSymbol,
    StreamFault,
)
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


DIFFS = "btcusdt@depth@100ms"


def heard(*faults: tuple[float, StreamFault | ClockJump | StallAll], until_ms: float = 6000.0) -> list[dict[str, Any]]:
    """The diffs of BTCUSDT while faults come at their times, in slices of 10 ms."""
    feed, ear = feed_of("BTCUSDT", "ETHUSDT"), Ear()
    feed.listen(ear, [DIFFS])
    coming = list(faults)
    for step in range(1, int(until_ms / 10) + 1):
        while coming and coming[0][0] <= step * 10:
            feed.disturb(coming.pop(0)[1])
        feed.advance(OPENS_AT_MS + step * 10)
    return ear.heard


def test_a_stalled_symbol_misses_what_happened_meanwhile() -> None:
    whole = heard()
    for fault in (StallSymbol(symbol="BTCUSDT", duration_s=1.0), StallAll(duration_s=1.0)):
        assert heard((2000.0, fault)) == [diff for diff in whole if not 1990 <= diff["E"] - OPENS_AT_MS < 2990]
    assert heard((2000.0, StallSymbol(symbol="ETHUSDT"))) == whole


def test_a_quiet_market_goes_on_later_as_it_would_have() -> None:
    whole = heard()
    quiet = heard((2000.0, QuietSymbol(symbol="BTCUSDT", duration_s=1.0)), until_ms=7000.0)
    before = sum(diff["E"] - OPENS_AT_MS <= 1990 for diff in whole)
    assert quiet[:before] == whole[:before]
    assert quiet == whole[:before] + [{**diff, "E": diff["E"] + 1000} for diff in whole[before:]]


def test_a_delisted_symbol_is_silent_until_it_is_relisted() -> None:
    whole = heard()
    gone = heard((2000.0, Delist(symbol="BTCUSDT")), (5000.0, Relist(symbol="BTCUSDT")), until_ms=9000.0)
    before = sum(diff["E"] - OPENS_AT_MS <= 1990 for diff in whole)
    assert gone == whole[:before] + [{**diff, "E": diff["E"] + 3000} for diff in whole[before:]]
    assert heard((2000.0, Relist(symbol="BTCUSDT"))) == whole


def test_quiet_times_that_overlap_end_with_the_last() -> None:
    quiet = heard(
        (2000.0, QuietSymbol(symbol="BTCUSDT", duration_s=2.0)),
        (2500.0, QuietSymbol(symbol="BTCUSDT", duration_s=0.5)),
        (3000.0, QuietSymbol(symbol="BTCUSDT", duration_s=1.5)),
    )
    times = [diff["E"] - OPENS_AT_MS for diff in quiet]
    assert not [at for at in times if 1990 < at < 4490]
    assert all(later["U"] == sooner["u"] + 1 for sooner, later in itertools.pairwise(quiet))


def test_a_delayed_symbol_catches_up_in_order_and_loses_nothing() -> None:
    feed, ear = feed_of("BTCUSDT"), Ear()
    streams = [DIFFS, "btcusdt@trade", "btcusdt@bookTicker", "btcusdt@depth5@100ms"]
    feed.listen(ear, streams)
    feed.advance(OPENS_AT_MS + 1000)
    feed.disturb(Delay(symbol="BTCUSDT", duration_s=1.0))
    sent = len(ear.heard)
    feed.advance(OPENS_AT_MS + 1990)
    assert len(ear.heard) == sent
    feed.advance(OPENS_AT_MS + 3000)
    plain, other = feed_of("BTCUSDT"), Ear()
    plain.listen(other, streams)
    plain.advance(OPENS_AT_MS + 3000)
    assert ear.heard == other.heard


def test_a_clock_jump_changes_event_times_only() -> None:
    whole = heard()
    jumped = heard((2000.0, ClockJump(shift_ms=-5000, duration_s=1.0)))
    assert [diff["E"] - plain["E"] for diff, plain in zip(jumped, whole, strict=True)] == [
        -5000 if 1990 <= plain["E"] - OPENS_AT_MS < 2990 else 0 for plain in whole
    ]
    assert [{**diff, "E": 0} for diff in jumped] == [{**diff, "E": 0} for diff in whole]


def test_a_spoiled_frame_is_spoiled_for_each_listener_in_its_form() -> None:
    feed, raw, wrapped = feed_of("ADAUSDT"), Ear(), Ear(in_combined=True)
    for ear in (raw, wrapped):
        feed.listen(ear, ["adausdt@depth@100ms"])
    feed.disturb(Corrupt(symbol="ADAUSDT", how="unknown_event"))
    feed.advance(OPENS_AT_MS + 1000)
    assert raw.heard[0]["e"] == "depthRevision"
    assert [message["data"] for message in wrapped.heard] == raw.heard
    assert {message["e"] for message in raw.heard[1:]} == {"depthUpdate"}
