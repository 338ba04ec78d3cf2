"""The time at which something was received: wall time that does not jump when somebody sets the machine's clock.

It runs with the monotonic clock from an anchor in wall time. Where the wall clock has moved away, it follows at no
more than 1 % of speed; where it is off by more than a second for a whole minute, it is anchored anew in one step.
"""

from __future__ import annotations

import threading
import time
from typing import Final

from runtime.logs import get_logger

NS_PER_S: Final = 1_000_000_000
FOLLOWED_NS: Final = NS_PER_S
"""Differences up to this are followed smoothly."""
STEP_AFTER_NS: Final = 60 * NS_PER_S
LOOK_EVERY_NS: Final = NS_PER_S
FOLLOWED_SHARE: Final = 100
"""A difference is followed at one part in so many: a second takes 100 s."""

log = get_logger("receive_clock")


class ReceiveClock:
    """Wall time in nanoseconds as a function of the monotonic clock, both arguments.

    `at` never goes back between two steps; a step happens in `look` and is returned by it.
    """

    def __init__(self, monotonic_ns: int, wall_ns: int) -> None:
        self._monotonic_ns = monotonic_ns
        self._wall_ns = wall_ns
        self._follow_ns = 0
        self._far_since_ns: int | None = None

    def at(self, monotonic_ns: int) -> int:
        """The receive time, nanoseconds since the Unix epoch."""
        since_ns = monotonic_ns - self._monotonic_ns
        most_ns = since_ns // FOLLOWED_SHARE
        return self._wall_ns + since_ns + max(-most_ns, min(most_ns, self._follow_ns))

    def look(self, monotonic_ns: int, wall_ns: int) -> int:
        """Compare with the wall clock, about once a second; return by how many nanoseconds time was stepped."""
        reached_ns = self.at(monotonic_ns)
        off_ns = wall_ns - reached_ns
        self._monotonic_ns, self._wall_ns, self._follow_ns = monotonic_ns, reached_ns, 0
        if abs(off_ns) <= FOLLOWED_NS:
            self._far_since_ns, self._follow_ns = None, off_ns
            return 0
        if self._far_since_ns is None:
            self._far_since_ns = monotonic_ns
        if monotonic_ns - self._far_since_ns < STEP_AFTER_NS:
            return 0
        self._wall_ns, self._far_since_ns = wall_ns, None
        return off_ns


class MachineClock:
    """A `ReceiveClock` on this machine's clocks, for use from several threads."""

    def __init__(self) -> None:
        looked_ns = time.monotonic_ns()
        self._clock = ReceiveClock(looked_ns, time.time_ns())
        self._looked_ns = looked_ns
        self._lock = threading.Lock()

    def now_ns(self) -> int:
        """The receive time now, nanoseconds since the Unix epoch."""
        monotonic_ns = time.monotonic_ns()
        with self._lock:
            if monotonic_ns - self._looked_ns >= LOOK_EVERY_NS:
                self._looked_ns = monotonic_ns
                stepped_ns = self._clock.look(monotonic_ns, time.time_ns())
                if stepped_ns:
                    log.warning("receive_clock_stepped", by_ms=stepped_ns // 1_000_000)
            return self._clock.at(monotonic_ns)

    def now_ms(self) -> int:
        """The receive time now, milliseconds since the Unix epoch."""
        return self.now_ns() // 1_000_000
