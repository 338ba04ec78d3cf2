"""How the scenes play: the orders of each, act by act, on the exchange's own book of one symbol.

A play is a generator: each step sends its orders when it is asked for, and says what was traded and how long to wait
for the next. Nothing is drawn: the same book gives the same play. No side of the book ever becomes empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from connectors.simulator.instruments import BPS, Instrument
from connectors.simulator.matching import Fill, Levels, MatchingBook, Side
from connectors.simulator.scenes import ACT_MS, LEAD_IN_MS, Calm, Ignition, Scene, Spoof, Vacuum

LEVELLED: Final = 25
"""Levels a side that a scene makes equal: more than anybody publishes."""
PULLED: Final = 30
"""Levels that a vacuum takes off its side; what stands behind them shrinks as the other side does."""
LEFT_SHARE: Final = 0.1
"""Share of a level that a vacuum leaves."""
KEPT_LEVELS: Final = 10
"""Levels a side that no scene touches, however few there are."""
RUN_STEPS: Final = 20
RUN_STEP_MS: Final = 100
GIVEN_BACK: Final = 0.8
SPOOF_QUEUES: Final = 5
"""The large order of a spoof, in usual queues at the touch."""


class Act(NamedTuple):
    """What an act traded, in order (mostly nothing), and how long until the next one."""

    fills: list[Fill]
    pause_ms: float


def play(scene: Scene, book: MatchingBook, instrument: Instrument) -> Iterator[Act]:
    """The acts of a scene, the lead-in included."""
    stage = _Stage(book, instrument)
    yield stage.level()
    yield from stage.calm(LEAD_IN_MS)
    match scene:
        case Calm(duration_s=duration_s):
            yield from stage.calm(duration_s * 1000)
        case Vacuum(side=side, duration_s=duration_s):
            yield from stage.vacuum(_SIDES[side], duration_s * 1000)
        case Ignition(side=side, move_bps=move_bps):
            yield from stage.ignition(_SIDES[side], move_bps)
        case Spoof(side=side, away_bps=away_bps):
            yield from stage.spoof(_SIDES[side], away_bps)


_SIDES: Final = {"bid": Side.BID, "ask": Side.ASK}


class _Stage:
    def __init__(self, book: MatchingBook, instrument: Instrument) -> None:
        self._book = book
        self._instrument = instrument
        self._ticks_a_bps = instrument.open_ticks / BPS
        self._added: dict[Side, int] = {}

    def level(self) -> Act:
        """A spread of one tick and equal levels near it on both sides."""
        book, instrument = self._book, self._instrument
        ask = book.asks.best
        bid = book.bids.best
        if bid is not None and ask is not None and ask - bid > 1:
            book.rest(Side.BID, ask - 1, 1)
        for levels in (book.bids, book.asks):
            for place, (price, _) in enumerate(levels.top(LEVELLED)):
                self._set(levels, price, instrument.level_lots if place else instrument.touch_lots)
        return Act([], ACT_MS)

    def calm(self, duration_ms: float) -> Iterator[Act]:
        """A small order comes to and goes from each side's second level, in turns."""
        side = Side.BID
        left_ms = duration_ms
        while left_ms > 0:
            self._touch_up(side)
            side = side.other
            yield Act([], min(ACT_MS, left_ms))
            left_ms -= ACT_MS

    def vacuum(self, side: Side, duration_ms: float) -> Iterator[Act]:
        """Pull one side, thin the other, stay so, and put everything back."""
        before = {one: self._book.levels(one).top(2 * PULLED) for one in Side}
        pulled, thinned = self._book.levels(side), self._book.levels(side.other)
        for place, (price, lots) in enumerate(before[side]):
            if place < PULLED and len(pulled.keys) > KEPT_LEVELS:
                self._set(pulled, price, 0)
            else:
                self._set(pulled, price, max(1, round(lots * LEFT_SHARE)))
        for price, lots in before[side.other]:
            self._set(thinned, price, max(1, round(lots * LEFT_SHARE)))
        yield Act([], ACT_MS)
        yield from self.calm(duration_ms - ACT_MS)
        for one, levels in before.items():
            for price, lots in reversed(levels):
                self._set(self._book.levels(one), price, lots)
        yield Act([], ACT_MS)
        yield from self.calm(LEAD_IN_MS)

    def ignition(self, side: Side, move_bps: float) -> Iterator[Act]:
        """The price runs to the side of the takers, and most of the way back."""
        step = max(1, round(move_bps * self._ticks_a_bps / RUN_STEPS))
        for _ in range(RUN_STEPS):
            yield self._drive(side, step)
        for _ in range(round(RUN_STEPS * GIVEN_BACK)):
            yield self._drive(side.other, step)
        yield from self.calm(LEAD_IN_MS)

    def spoof(self, side: Side, away_bps: float) -> Iterator[Act]:
        """A large order, a taker against the other side, the large order gone."""
        book, instrument = self._book, self._instrument
        best = book.levels(side).best or 1
        price = max(1, best - side * max(1, round(away_bps * self._ticks_a_bps)))
        lots = SPOOF_QUEUES * instrument.touch_lots
        book.rest(side, price, lots)
        yield Act([], ACT_MS)
        yield from self.calm(1000 - ACT_MS)
        opposite = book.levels(side.other)
        limit = opposite.best or 1
        yield Act(book.take(side, limit, max(1, opposite.lots[limit] // 4), lambda: instrument.dust_lots), ACT_MS)
        yield from self.calm(500 - ACT_MS)
        book.cancel(side, price, lots)
        yield Act([], ACT_MS)
        yield from self.calm(LEAD_IN_MS)

    def _drive(self, side: Side, step: int) -> Act:
        """Takers of `side` use up the levels of the next `step` ticks, and their own side follows up to the touch."""
        book, instrument = self._book, self._instrument
        opposite = book.levels(side.other)
        best = opposite.best or 1
        limit = best + side * (step - 1)
        reached = opposite.until(limit)[: max(0, len(opposite.keys) - KEPT_LEVELS)]
        lots = sum(opposite.lots[price] for price in reached)
        fills = book.take(side, limit, lots, lambda: instrument.level_lots)
        # Makers stand again right behind the takers' price, and step away from what they left.
        book.rest(side.other, best + side * step, instrument.level_lots)
        own = book.levels(side)
        left = own.best or 1
        book.rest(side, best + side * (step - 1), instrument.touch_lots)
        if own.best != left:
            self._set(own, left, instrument.level_lots)
        return Act(fills, RUN_STEP_MS)

    def _touch_up(self, side: Side) -> None:
        """Add a small order to the side's second level, or take off the one added before."""
        levels = self._book.levels(side)
        price = self._added.pop(side, None)
        if price is not None:
            if levels.lots.get(price, 0) > 1:
                self._book.cancel(side, price, 1)
            return
        price = levels.sign * levels.keys[-min(2, len(levels.keys))]
        self._book.rest(side, price, 1)
        self._added[side] = price

    def _set(self, levels: Levels, price: int, lots: int) -> None:
        """Bring the level at `price` to `lots`."""
        resting = levels.lots.get(price, 0)
        if lots > resting:
            self._book.rest(levels.side, price, lots - resting)
        elif lots < resting:
            self._book.cancel(levels.side, price, resting - lots)
