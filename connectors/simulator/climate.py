"""The mood of a market: what the traders of one symbol feel and nobody sees.

- Pressure, a fast and a slow Ornstein-Uhlenbeck process: which side wants to trade.
- Activity, a slow one: how much everybody does, hence clustered volatility.
- Excitement, a jump and a decay: a sweep makes others sweep (a Hawkes process).
- Requoting, the same: a move of the price makes depth makers move their ladders.

Times are milliseconds since the market opened. Pure: randomness comes from the generator given.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from connectors.simulator.matching import Side

if TYPE_CHECKING:
    from random import Random

GRID_MS: Final = 50.0
"""Pressure and activity change in steps of this much time."""

FAST_MS: Final = 1100.0
FAST_SPREAD: Final = 0.85
SLOW_MS: Final = 15_000.0
SLOW_SPREAD: Final = 0.25
ACTIVITY_MS: Final = 20_000.0
ACTIVITY_SPREAD: Final = 0.45

EXCITEMENT_MS: Final = 300.0
REQUOTING_MS: Final = 60.0

HOMESICKNESS: Final = 0.3
"""Slow pressure back towards the opening price, per unit of log distance from it: keeps a long run within bounds."""


class Climate:
    """The hidden state of one symbol's market. The generator is used in order of time, so a seed fixes the history."""

    __slots__ = (
        "_activity_log", "_fast", "_next_grid_ms", "_now_ms", "_rng", "_slow", "_usual_activity",
        "activity", "excited_buyers", "excited_sellers", "pressure", "requoting",
    )  # fmt: skip

    def __init__(self, *, usual_activity: float, rng: Random) -> None:
        self._rng = rng
        self._usual_activity = usual_activity
        self._now_ms = 0.0
        self._next_grid_ms = GRID_MS
        self._fast = rng.gauss(0.0, FAST_SPREAD)
        self._slow = rng.gauss(0.0, SLOW_SPREAD)
        self._activity_log = rng.gauss(0.0, ACTIVITY_SPREAD)
        self.activity = usual_activity
        """Rate of orders relative to a symbol of activity 1 in quiet times."""
        self.pressure = self._fast + self._slow
        """About -2 (sellers) to 2 (buyers)."""
        self.excited_buyers = 0.0
        """Sweeps a second that earlier ones set off, buying; it decays."""
        self.excited_sellers = 0.0
        """The same, selling."""
        self.requoting = 0.0
        """Orders that depth makers still mean to send because the price moved; it decays."""

    @property
    def unrest(self) -> float:
        """Logarithm of the activity over its usual value."""
        return self._activity_log

    def advance(self, now_ms: float, log_distance_home: float) -> None:
        """Let time pass until `now_ms`; `log_distance_home`: logarithm of the price over the opening price."""
        elapsed = now_ms - self._now_ms
        self._now_ms = now_ms
        decay = math.exp(-elapsed / EXCITEMENT_MS)
        self.excited_buyers *= decay
        self.excited_sellers *= decay
        self.requoting *= math.exp(-elapsed / REQUOTING_MS)
        while self._next_grid_ms <= now_ms:
            self._next_grid_ms += GRID_MS
            self._step(log_distance_home)

    def excite(self, side: Side, *, same: float, other: float) -> None:
        """A sweep by `side` happened: more sweeps a second, by the same side and by the other."""
        buyers, sellers = (same, other) if side is Side.BID else (other, same)
        self.excited_buyers += buyers
        self.excited_sellers += sellers

    def _step(self, log_distance_home: float) -> None:
        gauss = self._rng.gauss
        home = -HOMESICKNESS * log_distance_home
        self._fast = _pulled(self._fast, 0.0, FAST_SPREAD, GRID_MS / FAST_MS, gauss(0.0, 1.0))
        self._slow = _pulled(self._slow, home, SLOW_SPREAD, GRID_MS / SLOW_MS, gauss(0.0, 1.0))
        self._activity_log = _pulled(self._activity_log, 0.0, ACTIVITY_SPREAD, GRID_MS / ACTIVITY_MS, gauss(0.0, 1.0))
        self.pressure = self._fast + self._slow
        # Less half the variance, so that the mean activity is the usual one.
        self.activity = self._usual_activity * math.exp(self._activity_log - ACTIVITY_SPREAD**2 / 2)


def _pulled(value: float, home: float, spread: float, step: float, noise: float) -> float:
    """One step of an Ornstein-Uhlenbeck process: `step` is the time passed over its time constant."""
    return value + (home - value) * step + spread * math.sqrt(2.0 * step) * noise
