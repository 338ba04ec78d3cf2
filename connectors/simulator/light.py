"""A cheap order flow, for the many symbols of a load that nobody studies one by one.

It keeps the exchange's rules exactly (never crossed, never empty, each change an update id) and knows one hidden state:
a lean that wanders slowly, makes one queue longer than the other and is the side that takers prefer. An act comes every
25 to 90 ms, so that every diff of 100 ms holds something; most acts change a few levels near the touch, some change a
queue at it, a few trade. Times are milliseconds since the market opened.
"""

from __future__ import annotations

from random import Random
from typing import Final

from connectors.simulator.instruments import Instrument
from connectors.simulator.matching import Fill, Levels, MatchingBook, Side, Touch

SOONEST_MS: Final = 25.0
LATEST_MS: Final = 90.0

QUEUE_SHARE: Final = 0.22
TAKER_SHARE: Final = 0.06
"""Shares of the acts that change a queue at the touch, and that trade; the others change levels behind."""

MOST_CHANGES: Final = 5
"""Levels that one act behind the touch changes, at most."""

LEVELS: Final = 150
"""Levels a side that a book tends to."""

GAP_GROWTH: Final = 1.03
WIDEST_GAP: Final = 12.0
"""The gaps between the levels of the opening book, in units of the gap at the touch."""

KEPT_SHARE: Final = 0.45
"""Share of the changes behind the touch that keep the level."""

SWEEP_SHARE: Final = 0.3
"""Share of takers that use up the queue, which moves the price."""

MAKERS: Final = 2.0
"""The usual queue at the touch over the largest order in it."""

LEAN_STEP: Final = 0.5
LEAN_DECAY: Final = 0.97
HOME: Final = 20.0
"""How strongly takers prefer the side that leads back to the opening price, per unit of relative distance from it."""


class LightFlow:
    """The same contract as OrderFlow: `next_ms`, `act` and `touch`; a seed fixes the history."""

    __slots__ = ("_instrument", "_lean", "_random", "_rng", "_spacing_ticks", "book", "next_ms", "touch")

    def __init__(self, instrument: Instrument, book: MatchingBook, rng: Random) -> None:
        self.book = book
        self._instrument = instrument
        self._rng = rng
        self._random = rng.random
        self._lean = 0.0
        self._spacing_ticks = max(1.0, 2.0 * instrument.gap_bps / instrument.tick_bps)
        self.next_ms = self._random() * LATEST_MS
        """When the next act is due."""
        self._fill_book()
        touch = book.touch
        assert touch is not None  # noqa: S101 - both sides were just filled
        self.touch = touch
        """The touch after the last act."""

    def act(self) -> list[Fill]:
        """Act as is due at `next_ms`; returns the trades, mostly none. At least one level changes."""
        random = self._random
        self.next_ms += SOONEST_MS + random() * (LATEST_MS - SOONEST_MS)
        self._lean = LEAN_DECAY * self._lean + LEAN_STEP * (random() - 0.5)
        fills: list[Fill] = []
        pick = random()
        touch = self.touch
        if touch.ask - touch.bid > 1 and pick > TAKER_SHARE:
            self._narrow(touch)
        elif pick < TAKER_SHARE:
            fills = self._take(touch)
        elif pick < TAKER_SHARE + QUEUE_SHARE:
            self._change_queue()
        else:
            for _ in range(1 + int(random() * MOST_CHANGES)):
                self._change_level()
        self.touch = self.book.touch or touch
        return fills

    def _wanted_queue(self, side: Side) -> int:
        return (
            int(self._instrument.touch_lots * (0.2 + 0.8 * self._random()) * (1.0 + 0.8 * side * self._bounded())) + 2
        )

    def _bounded(self) -> float:
        return max(-1.0, min(1.0, self._lean))

    def _side(self) -> Side:
        return Side.BID if self._rng.getrandbits(1) else Side.ASK

    def _level_lots(self) -> int:
        spread = self._random()
        return int(self._instrument.level_lots * 3.0 * spread * spread) + 1

    def _maker_lots(self) -> int:
        return int(self._instrument.touch_lots * self._random() / MAKERS) + 1

    def _change_queue(self) -> None:
        """Set one queue at the touch to what its side wants."""
        side = self._side()
        levels = self.book.levels(side)
        price = levels.sign * levels.keys[-1]
        difference = self._wanted_queue(side) - levels.lots[price]
        if difference > 0:
            self.book.rest(side, price, difference)
        else:
            self.book.cancel(side, price, -difference or 1)

    def _change_level(self) -> None:
        """Change, remove or add one level behind the touch; books that are too deep lose levels, others gain."""
        random = self._random
        side = self._side()
        levels = self.book.levels(side)
        keys = levels.keys
        count = len(keys)
        near = random()
        at = count - 2 - int(near * near * min(count, 40))
        if at < 0:
            self._add_level(levels, keys[-1])
            return
        pick = random()
        price = levels.sign * keys[at]
        if pick < KEPT_SHARE:
            lots = self._level_lots()
            resting = levels.lots[price]
            if lots > resting:
                self.book.rest(side, price, lots - resting)
            elif lots < resting:
                self.book.cancel(side, price, resting - lots)
            else:
                self.book.rest(side, price, 1)
        elif random() * 2.0 * LEVELS < count:
            self.book.cancel(side, price, levels.lots[price])
        else:
            self._add_level(levels, keys[at + 1])

    def _add_level(self, levels: Levels, key: int) -> None:
        """Add to the book behind `key`, or to a level that is there."""
        behind = key - 1 - int(self._random() * 2.0 * self._spacing_ticks)
        self.book.rest(levels.side, max(1, levels.sign * behind), self._level_lots())

    def _take(self, touch: Touch) -> list[Fill]:
        """A taker of the side the lean prefers; a sweep leaves nothing of the queue."""
        random = self._random
        away = touch.bid / self._instrument.open_ticks - 1.0
        side = Side.BID if random() < 0.5 + 0.4 * self._bounded() - HOME * away else Side.ASK
        opposite = self.book.levels(side.other)
        best = opposite.sign * opposite.keys[-1]
        resting = opposite.lots[best]
        if len(opposite.keys) > 1 and random() < SWEEP_SHARE:
            lots = resting
        else:
            size = random()
            lots = min(int(resting * 0.2 * size * size) + 1, resting - 1) or 1
            if len(opposite.keys) == 1 and resting == 1:
                self.book.rest(side.other, best, self._level_lots())
        return self.book.take(side, best, lots, self._maker_lots)

    def _narrow(self, touch: Touch) -> None:
        """Somebody steps into a wide spread, at the price next to his side's best or right before the other side."""
        side = Side.BID if self._random() < 0.5 + 0.4 * self._bounded() else Side.ASK
        gap = touch.ask - touch.bid
        step = 1 + int(self._random() * (gap - 1))
        old = touch.bid if side is Side.BID else touch.ask
        self.book.rest(side, old + side * step, self._wanted_queue(side))

    def _fill_book(self) -> None:
        """LEVELS a side, ever wider apart."""
        for side in Side:
            price = self._instrument.open_ticks + (0 if side is Side.BID else 1)
            self.book.rest(side, price, self._wanted_queue(side))
            gap = 1.0
            for _ in range(LEVELS - 1):
                gap = min(gap * GAP_GROWTH, WIDEST_GAP)
                price -= side * (1 + int(self._random() * 2.0 * gap * self._spacing_ticks))
                self.book.rest(side, price, self._level_lots())
