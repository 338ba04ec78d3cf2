"""Who sends which order, and when: a model of order flow for one symbol.

Four kinds of traders act on the book, in continuous time:

- queue traders add to and cancel from the two best levels. How long each queue wants to be follows a hidden pressure,
  which so shortens the queue that the price will move through before it moves;
- depth makers place, change and pull the thin levels behind, at log-normal distances, so that the density of levels
  holds; each move of the price makes them move their ladders, which is what fills the large diffs;
- takers trade at the touch in trains of the same sign, mostly with the pressure;
- sweepers take what is left of a queue and the levels behind it. They come the sooner the more the queues lean their
  way (Gould and Bonart 2016) and excite more sweeps (a Hawkes process).

While the spread is wider than a tick, a follower steps in within milliseconds. All rates are multiplied by a slowly
wandering activity, which gives clustered volatility. Everything is drawn from one generator in the order of events, so
a seed fixes the whole history. Times are milliseconds since the market opened.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from connectors.simulator.climate import REQUOTING_MS, Climate
from connectors.simulator.instruments import BPS, Instrument
from connectors.simulator.matching import Fill, Levels, MatchingBook, Side, Touch

if TYPE_CHECKING:
    from random import Random

NEVER: Final = math.inf

# Orders a second of a symbol of activity 1 in quiet times.
QUEUE_RATE: Final = 80.0
DEPTH_RATE: Final = 215.0
TAKER_RATE: Final = 2.9
SWEEP_RATE: Final = 0.085

# What follows from the hidden pressure and from the queues: factors in an exponent or a tanh.
PRESSURE_TO_QUEUE: Final = 0.775
PRESSURE_TO_TAKER: Final = 1.2
QUEUE_TO_SWEEP: Final = 3.0

# Depth makers: distances from the touch in bps.
NEAR_MEDIAN_LOG_BPS: Final = 1.3
NEAR_SPREAD: Final = 1.65
FAR_SHARE: Final = 0.06
FAR_LOG_BPS: Final = (3.4, 7.3)
ROUND_BEYOND_BPS: Final = 30.0
ROUND_SHARE: Final = 0.3
FLEETING_SHARE: Final = 0.1

# Takers: the dust share of makers, the share of takers that another one follows, and that stay on their side.
DUST_SHARE: Final = 0.42
TRAIN_SHARE: Final = 0.74
SAME_SIDE_SHARE: Final = 0.95

# Sweeps: median reach beyond the touch, how often makers see one coming, how many of a second's sweeps one sets off.
SWEEP_BPS: Final = 0.45
FORESEEN_SHARE: Final = 0.98
PULLED_SHARE: Final = 0.75
LADDER_DUST_SHARE: Final = 0.3
EXCITED_SAME: Final = 0.75
EXCITED_OTHER: Final = 0.375
REQUOTED_ORDERS: Final = 180.0
COARSE_TICK_BPS: Final = 0.45

# The follower: how soon, how often on the side that pushed, how often all the way.
FOLLOW_MS: Final = 2.0
PUSHING_SHARE: Final = 0.9
CLOSING_SHARE: Final = 0.4


class OrderFlow:
    """Draws the orders of one symbol and sends them to its book.

    `next_ms` is the time of the next order; `act` sends it and returns the trades it made. The caller owns the order
    of time: it calls `act` when its clock reaches `next_ms`, and nothing else changes the book. No side of the book
    ever becomes empty.
    """

    __slots__ = (
        "_bps_ticks", "_calm_sweeps", "_child_side", "_climate", "_depth_rate", "_far_ticks", "_instrument",
        "_next_child", "_next_draw", "_next_follow", "_now", "_pushing", "_rates", "_recent", "_requoted", "_rng",
        "book", "touch",
    )  # fmt: skip

    def __init__(self, instrument: Instrument, book: MatchingBook, rng: Random) -> None:
        self.book = book
        self._instrument = instrument
        self._rng = rng
        self._now = 0.0
        self._climate = Climate(usual_activity=instrument.activity, rng=rng)
        self._bps_ticks = instrument.open_ticks / BPS
        self._far_ticks = instrument.depth_scale_bps * self._bps_ticks
        # A coarse tick moves the price further at once, so such a symbol is swept more rarely.
        self._calm_sweeps = 1.0 / max(1.0, instrument.tick_bps / COARSE_TICK_BPS) ** 1.2
        # And many orders meet at the same price, so it takes more of them to change as many levels.
        crowding = math.sqrt(max(1.0, instrument.tick_bps / 0.1))
        self._depth_rate = DEPTH_RATE * (0.7 + 0.3 * crowding)
        self._requoted = REQUOTED_ORDERS * instrument.activity * crowding
        self._recent: tuple[Side, int] | None = None
        self._pushing = Side.BID
        self._child_side = Side.BID
        self._next_child = NEVER
        self._next_follow = NEVER
        self._next_draw = 0.0
        self._rates = (0.0, 0.0, 0.0, 0.0, 0.0)
        self.touch = Touch(instrument.open_ticks, 1, instrument.open_ticks + 1, 1)
        """The touch after the last order."""
        self._fill_book()
        self._see_touch()
        self._draw()

    @property
    def next_ms(self) -> float:
        """When the next order is due."""
        return min(self._next_draw, self._next_child, self._next_follow)

    def act(self) -> list[Fill]:
        """Send the orders due at `next_ms`; returns the taker's trades, mostly none."""
        now = self.next_ms
        self._now = now
        self._climate.advance(now, math.log(self.touch.bid / self._instrument.open_ticks))
        fills: list[Fill] = []
        if now == self._next_follow:
            self._follow()
        elif now == self._next_child:
            fills = self._take(self._child_side)
        else:
            fills = self._drawn_order()
        self._see_touch()
        self._draw()
        return fills

    def _draw(self) -> None:
        """Draw when the next order comes; which kind it is, is drawn from the same rates when it does."""
        touch, climate = self.touch, self._climate
        lean = (touch.bid_lots - touch.ask_lots) / (touch.bid_lots + touch.ask_lots)
        tilt = math.exp(QUEUE_TO_SWEEP * lean)
        sweeps = SWEEP_RATE * self._calm_sweeps * climate.activity
        depth = self._depth_rate * climate.activity + climate.requoting * (1000.0 / REQUOTING_MS)
        queue = depth + QUEUE_RATE * climate.activity
        taker = queue + TAKER_RATE * climate.activity
        buyer = taker + sweeps * tilt + climate.excited_buyers * (1.0 + lean)
        total = buyer + sweeps / tilt + climate.excited_sellers * (1.0 - lean)
        self._rates = (depth, queue, taker, buyer, total)
        self._next_draw = self._now + self._rng.expovariate(total) * 1000.0

    def _drawn_order(self) -> list[Fill]:
        depth, queue, taker, buyer, total = self._rates
        pick = self._rng.random() * total
        if pick < depth:
            self._trade_depth()
        elif pick < queue:
            self._trade_queue()
        elif pick < taker:
            return self._take(Side.BID if self._rng.random() < self._buying_share() else Side.ASK)
        else:
            return self._sweep(Side.BID if pick < buyer else Side.ASK)
        return []

    def _buying_share(self) -> float:
        return 0.5 * (1.0 + math.tanh(PRESSURE_TO_TAKER * self._climate.pressure))

    def _side(self) -> Levels:
        return self.book.bids if self._rng.getrandbits(1) else self.book.asks

    # Queue traders.

    def _wanted_queue(self, side: Side) -> float:
        return self._instrument.touch_lots * math.exp(PRESSURE_TO_QUEUE * side * self._climate.pressure)

    def _trade_queue(self) -> None:
        rng = self._rng
        levels = self._side()
        price = levels.sign * levels.keys[-1]
        resting = levels.lots[price]
        wanted = self._wanted_queue(levels.side)
        lots = round(math.exp(rng.gauss(-3.2, 1.1)) * max(wanted, 1.2 * resting)) + 1
        if rng.random() < 1.0 / (1.0 + (resting / wanted) ** 1.5):
            self.book.rest(levels.side, price, lots)
        elif len(levels.keys) > 1 or lots < resting:
            self.book.cancel(levels.side, price, lots)

    # Depth makers.

    def _level_lots(self, behind_bps: float) -> int:
        lots = self._instrument.level_lots * (1.0 + min(behind_bps, 2.0) / 2.0)
        return round(lots * math.exp(self._rng.gauss(-0.3, 1.2))) + 1

    def _behind_bps(self) -> float:
        """How far behind the touch a depth maker acts."""
        rng = self._rng
        if rng.random() < FAR_SHARE:
            return math.exp(rng.uniform(*FAR_LOG_BPS))
        return math.exp(rng.gauss(NEAR_MEDIAN_LOG_BPS, NEAR_SPREAD))

    def _trade_depth(self) -> None:
        rng = self._rng
        if self._recent is not None and rng.random() < FLEETING_SHARE:
            side, price = self._recent
            self._recent = None
            self._pull(self.book.levels(side), price)
            return
        levels = self._side()
        behind_bps = self._behind_bps()
        keys = levels.keys
        key = keys[-1] - max(1, round(behind_bps * self._bps_ticks))
        at = bisect_left(keys, key)
        if rng.random() < self._instrument.change_share:
            self._change(levels, at)
            return
        low, high = max(0, at - 2), min(len(keys) - 1, at + 1)
        crowding = self._wanted_gap(behind_bps) * (high - low) / (keys[high] - keys[low]) if high > low else 0.0
        if rng.random() < 1.0 / (1.0 + crowding * crowding):
            price = self._liked_price(levels.sign * key, behind_bps)
            self.book.rest(levels.side, price, self._level_lots(behind_bps))
            self._recent = (levels.side, price)
        else:
            self._pull(levels, levels.sign * keys[min(at, len(keys) - 1)])

    def _liked_price(self, price: int, behind_bps: float) -> int:
        """Far from the touch, people often take a round price."""
        if behind_bps <= ROUND_BEYOND_BPS or self._rng.random() >= ROUND_SHARE:
            return price
        unit: int = 10 ** int(math.log10(behind_bps * self._bps_ticks / 100.0 + 1.0))
        return max(unit, round(price / unit) * unit)

    def _wanted_gap(self, behind_bps: float) -> float:
        """Mean distance between levels, in ticks, at a distance from the touch."""
        distance = behind_bps * self._bps_ticks / self._far_ticks
        return self._instrument.gap_bps * self._bps_ticks * (1.0 + distance * distance)

    def _change(self, levels: Levels, at: int) -> None:
        """Add to a level behind the touch, or take a part off it."""
        at = min(at, len(levels.keys) - 2)
        if at < 0:
            return
        price = levels.sign * levels.keys[at]
        resting = levels.lots[price]
        typical = self._level_lots(1.0)
        if resting > typical:
            self.book.cancel(levels.side, price, typical)
        else:
            self.book.rest(levels.side, price, typical)

    def _pull(self, levels: Levels, price: int) -> None:
        """Remove a level, unless it is the touch or gone already."""
        resting = levels.lots.get(price)
        if resting and levels.sign * price != levels.keys[-1]:
            self.book.cancel(levels.side, price, resting)

    # Takers and sweepers.

    def _maker_lots(self) -> int:
        dust = self._instrument.dust_lots
        if self._rng.random() < DUST_SHARE:
            return dust + int(self._rng.random() * 0.3 * dust)
        return int(dust * math.exp(self._rng.gauss(5.2, 1.8))) + 1

    def _ladder_lots(self) -> int:
        """The next maker that a sweep meets: a level behind the touch is one or two orders."""
        if self._rng.random() < LADDER_DUST_SHARE:
            return self._instrument.dust_lots
        return int(self._instrument.level_lots * math.exp(self._rng.gauss(-0.3, 1.3))) + 1

    def _take(self, side: Side) -> list[Fill]:
        """One taker at the touch; more of the same train may follow."""
        rng = self._rng
        self._next_child = NEVER
        if rng.random() < TRAIN_SHARE:
            self._child_side = side if rng.random() < SAME_SIDE_SHARE else side.other
            self._next_child = self._now + math.exp(rng.gauss(2.2, 1.6))
        lots = int(self._instrument.dust_lots * math.exp(rng.gauss(2.8, 2.35))) + 1
        opposite = self.book.levels(side.other)
        best = opposite.sign * opposite.keys[-1]
        if len(opposite.keys) == 1:
            lots = min(lots, opposite.lots[best] - 1)
        return self.book.take(side, best, lots, self._maker_lots)

    def _sweep(self, side: Side) -> list[Fill]:
        """Most makers step back, then a taker uses up the queue and reaches behind it, which stirs up others."""
        rng, climate = self._rng, self._climate
        opposite = self.book.levels(side.other)
        best = opposite.sign * opposite.keys[-1]
        left = round(self._level_lots(0.0) * rng.uniform(0.2, 2.0))
        if rng.random() < FORESEEN_SHARE and opposite.lots[best] > left > 0:
            self.book.cancel(opposite.side, best, opposite.lots[best] - left)
        reach_bps = SWEEP_BPS * math.exp(rng.gauss(0.0, 0.7) + 0.2 * climate.unrest)
        limit = best + side * int(reach_bps * self._bps_ticks)
        for price in opposite.until(limit)[1:]:
            if rng.random() < PULLED_SHARE:
                self._pull(opposite, price)
        swept = sum(opposite.lots[price] for price in opposite.until(limit))
        fills = self.book.take(side, limit, swept, self._ladder_lots)
        climate.excite(side, same=EXCITED_SAME * self._calm_sweeps, other=EXCITED_OTHER * self._calm_sweeps)
        climate.requoting += self._requoted * rng.expovariate(1.0) * (0.5 + min(2.0, reach_bps / 0.4))
        return fills

    # The spread.

    def _see_touch(self) -> None:
        """Note the touch; while the spread is wider than a tick, have a follower come.

        Where the order just sent took the ask away, buyers have pushed, and the reverse.
        """
        before, after = self.touch, self.book.touch
        if after is None:
            return
        self.touch = after
        if after.ask - after.bid <= 1:
            self._next_follow = NEVER
            return
        if after.ask > before.ask:
            self._pushing = Side.BID
        elif after.bid < before.bid:
            self._pushing = Side.ASK
        self._next_follow = self._now + self._rng.expovariate(1.0) * FOLLOW_MS

    def _follow(self) -> None:
        """Improve one side: mostly the side that pushed follows the price, sometimes the other comes back."""
        rng = self._rng
        side = self._pushing if rng.random() < PUSHING_SHARE else self._pushing.other
        levels = self.book.levels(side)
        old = levels.sign * levels.keys[-1]
        gap = self.touch.ask - self.touch.bid
        step = gap - 1 if rng.random() < CLOSING_SHARE else 1 + int(rng.random() * (gap - 1))
        self.book.rest(side, old + side * step, round(self._wanted_queue(side) * rng.uniform(0.2, 0.7)) + 1)
        # The old queue moves along: little or nothing of it stays behind.
        resting, left = levels.lots[old], self._level_lots(0.0)
        if resting > left:
            self.book.cancel(side, old, resting if rng.getrandbits(1) else resting - left)

    # The opening book.

    def _fill_book(self) -> None:
        """Levels on both sides as the depth makers would keep them: half of a side within `depth_scale_bps`."""
        instrument = self._instrument
        for side in Side:
            best = instrument.open_ticks + (0 if side is Side.BID else 1)
            self.book.rest(side, best, round(self._wanted_queue(side)) + 1)
            behind_bps = 0.0
            while behind_bps < min(6.0 * instrument.depth_scale_bps, 0.6 * BPS):
                ticks = max(1.0, self._rng.expovariate(1.0) * self._wanted_gap(behind_bps))
                behind_bps += ticks / self._bps_ticks
                price = best - side * max(1, round(behind_bps * self._bps_ticks))
                self.book.rest(side, price, self._level_lots(behind_bps))
