"""One symbol's market: order flow in, exchange events out, in its own time.

Pure: no I/O and no clock. The same instrument, seed and opening time give the same events, byte for byte, however the
calls of `advance` are cut.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import groupby
from random import Random
from typing import Final

import msgspec

from connectors.simulator.day import Day
from connectors.simulator.flow import OrderFlow
from connectors.simulator.history import History
from connectors.simulator.instruments import Instrument
from connectors.simulator.light import LightFlow
from connectors.simulator.matching import Fill, Levels, MatchingBook, Touch
from connectors.simulator.scenes import Scene
from connectors.simulator.staging import Act, play

FAST_MS: Final = 100
SLOW_MS: Final = 1000


class Trade(msgspec.Struct, frozen=True):
    """One fill. Price in ticks, quantity in lots. `buyer_is_maker`: the aggressor sold."""

    time_ms: int
    trade_id: int
    price: int
    lots: int
    buyer_is_maker: bool


class AggregateTrade(msgspec.Struct, frozen=True):
    """The fills of one taker at one price. Price in ticks, quantity in lots."""

    time_ms: int
    aggregate_id: int
    price: int
    lots: int
    first_trade_id: int
    last_trade_id: int
    buyer_is_maker: bool


class BestQuote(msgspec.Struct, frozen=True):
    """The touch after the change with update id `update_id`. Prices in ticks, quantities in lots."""

    time_ms: int
    update_id: int
    touch: Touch


class DepthDiff(msgspec.Struct, frozen=True):
    """Every level changed since the last diff of this interval, as (price, lots); 0 lots: the level is gone.

    Bids descending, asks ascending. `first_update_id` is the last diff's `last_update_id` + 1.
    `interval_ms`: FAST_MS or SLOW_MS.
    """

    time_ms: int
    interval_ms: int
    first_update_id: int
    last_update_id: int
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]


MarketEvent = Trade | AggregateTrade | BestQuote | DepthDiff


class _Changes:
    """What changed since the last diff of one interval."""

    __slots__ = ("asks", "bids", "interval_ms", "last_update_id")

    def __init__(self, interval_ms: int, update_id: int) -> None:
        self.interval_ms = interval_ms
        self.last_update_id = update_id
        self.bids: set[int] = set()
        self.asks: set[int] = set()

    def note(self, book: MatchingBook) -> None:
        """Add the levels that changed since the book's own notes were cleared."""
        self.bids.update(book.bids.changed)
        self.asks.update(book.asks.changed)

    def diff(self, book: MatchingBook, time_ms: int) -> DepthDiff | None:
        """The diff up to now, and a new start; None where nothing changed."""
        if book.update_id == self.last_update_id:
            return None
        first = self.last_update_id + 1
        self.last_update_id = book.update_id
        bids = _changed(book.bids, self.bids, best_first=True)
        asks = _changed(book.asks, self.asks, best_first=False)
        self.bids.clear()
        self.asks.clear()
        return DepthDiff(time_ms, self.interval_ms, first, book.update_id, bids, asks)


def _changed(levels: Levels, prices: set[int], *, best_first: bool) -> tuple[tuple[int, int], ...]:
    lots = levels.lots
    return tuple((price, lots.get(price, 0)) for price in sorted(prices, reverse=best_first))


class Market:
    """The market of one symbol, from `opens_at_ms` (epoch milliseconds) on; `light`: with the cheap order flow."""

    def __init__(self, instrument: Instrument, *, seed: int, opens_at_ms: int, light: bool = False) -> None:
        rng = Random(f"market {seed} {instrument.symbol}")  # noqa: S311 - a market, not a secret
        self.instrument = instrument
        self.opens_at_ms = opens_at_ms
        self.book = MatchingBook(update_id=rng.randrange(10**9, 9 * 10**10))
        self._trade_id = rng.randrange(10**8, 4 * 10**9)
        self._aggregate_id = self._trade_id // 2
        self.day = Day(instrument, seed=seed, trade_id=self._trade_id)
        """What was traded in the last 24 hours."""
        self._flow = (LightFlow if light else OrderFlow)(instrument, self.book, rng)
        self._fast = _Changes(FAST_MS, self.book.update_id)
        self._slow = _Changes(SLOW_MS, self.book.update_id)
        self.book.bids.forget_changes()
        self.book.asks.forget_changes()
        self.history = History(self.book.update_id)
        """The book as it was at the diffs of the last seconds."""
        self._touch = self._flow.touch
        self.last_price = instrument.open_ticks
        """Price of the last trade, in ticks; the opening price before the first."""
        # Each symbol's diffs come at its own phase, so that not all symbols speak in the same millisecond.
        self._next_diff = FAST_MS + rng.randrange(FAST_MS)
        self._now = 0.0
        self._scene: Iterator[Act] | None = None
        self._scene_began = 0.0
        self._next_act = math.inf
        # How long the traders have stood aside so far.
        self._aside = 0.0

    @property
    def now_ms(self) -> int:
        """The market's own time: epoch milliseconds up to which it has been advanced."""
        return self.opens_at_ms + int(self._now)

    @property
    def due_ms(self) -> float:
        """When the next event can come at the soonest, in epoch milliseconds."""
        return self.opens_at_ms + min(self._next_order, self._next_diff)

    def advance(self, until_ms: float) -> Iterator[MarketEvent]:
        """Yield the events up to `until_ms` (epoch milliseconds, included), in order of time.

        While a diff is handed out, the book is exactly as the diff leaves it. The iterator must be used up before the
        next call.
        """
        until = until_ms - self.opens_at_ms
        while (upcoming := min(self._next_order, self._next_diff)) <= until:
            self._now = upcoming
            if upcoming == self._next_diff:
                yield from self._diffs()
            elif self._scene is not None:
                yield from self._act(self._scene)
            else:
                yield from self._happened(self._flow.act(), self._flow.touch)
        self._now = max(self._now, until)

    def skip(self, skipped_ms: int) -> None:
        """Stand still for a while: what would have happened next happens `skipped_ms` later."""
        self.opens_at_ms += skipped_ms

    def perform(self, scene: Scene) -> None:
        """Play a scene from now on, after which the traders go on where they were; one that plays already is cut."""
        if self._scene is None:
            self._scene_began = self._now
        self._scene = play(scene, self.book, self.instrument)
        self._next_act = self._now

    @property
    def _next_order(self) -> float:
        """When somebody acts next: the scene, or the traders."""
        return self._flow.next_ms + self._aside if self._scene is None else self._next_act

    def _act(self, scene: Iterator[Act]) -> Iterator[MarketEvent]:
        act = next(scene, None)
        if act is None:
            self._scene = None
            self._aside += self._now - self._scene_began
            return
        self._next_act = self._now + act.pause_ms
        yield from self._happened(act.fills, self.book.touch or self._touch)

    def _happened(self, fills: list[Fill], touch: Touch) -> Iterator[MarketEvent]:
        time_ms = self.now_ms
        if fills:
            yield from self._trades(fills, time_ms)
        if touch != self._touch:
            self._touch = touch
            yield BestQuote(time_ms, self.book.update_id, touch)

    def _trades(self, fills: list[Fill], time_ms: int) -> Iterator[MarketEvent]:
        buyer_is_maker = fills[0].price <= self._touch.bid
        for price, group in groupby(fills, key=lambda fill: fill.price):
            first, total = self._trade_id + 1, 0
            self.last_price = price
            for fill in group:
                self._trade_id += 1
                total += fill.lots
                self.day.note(self._trade_id, price, fill.lots)
                yield Trade(time_ms, self._trade_id, price, fill.lots, buyer_is_maker)
            self._aggregate_id += 1
            yield AggregateTrade(time_ms, self._aggregate_id, price, total, first, self._trade_id, buyer_is_maker)

    def _diffs(self) -> Iterator[MarketEvent]:
        time_ms, book = self.now_ms, self.book
        self._fast.note(book)
        self._slow.note(book)
        self.history.note(book, time_ms)
        book.bids.forget_changes()
        book.asks.forget_changes()
        slow_due = self._next_diff // FAST_MS % (SLOW_MS // FAST_MS) == 0
        self._next_diff += FAST_MS
        if (diff := self._fast.diff(book, time_ms)) is not None:
            yield diff
        if slow_due and (diff := self._slow.diff(book, time_ms)) is not None:
            yield diff
