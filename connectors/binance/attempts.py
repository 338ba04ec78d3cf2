"""When to try to connect again: never too often for the exchange, later after each failure, and never giving up.

Pure but for a lock: time is an argument, milliseconds of a clock that goes forward.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from math import isfinite
from typing import Final

ATTEMPTS_WITHIN_MS: Final = 300_000
MOST_ATTEMPTS: Final = 250
"""Binance allows 300 attempts to connect in 5 minutes from one address; the rest is left to others behind it."""
SHORTEST_BACKOFF_MS: Final = 500
LONGEST_BACKOFF_MS: Final = 30_000
LEAST_WAIT_S: Final = 1.0
DEFAULT_WAIT_S: Final = 60.0


class AttemptLimiter:
    """Allows `most` attempts in any stretch of `within_ms`. Shared by all connections of a process."""

    def __init__(self, most: int = MOST_ATTEMPTS, within_ms: int = ATTEMPTS_WITHIN_MS) -> None:
        self._most = most
        self._within_ms = within_ms
        self._times: deque[int] = deque()
        self._lock = threading.Lock()

    def take(self, now_ms: int) -> bool:
        """Whether an attempt may be made now; it is counted if so."""
        with self._lock:
            while self._times and self._times[0] <= now_ms - self._within_ms:
                self._times.popleft()
            if len(self._times) >= self._most:
                return False
            self._times.append(now_ms)
            return True


def backoff_ms(failures: int, uniform: Callable[[], float]) -> int:
    """How long to wait after `failures` attempts in a row, 0 for none; `uniform` gives numbers in [0, 1).

    Exponential with full jitter (M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015): between 0
    and a bound that doubles from 0.5 s to 30 s.
    """
    if failures == 0:
        return 0
    bound_ms = min(LONGEST_BACKOFF_MS, SHORTEST_BACKOFF_MS << min(failures - 1, 10))
    return int(uniform() * bound_ms)


def asked_wait_s(retry_after: str | None) -> float:
    """How long the Retry-After of an answer asks to wait, s: at least a second, a minute where it states no number.

    It may be absent or a date: a proxy before the exchange answers in its own way.
    """
    try:
        wait_s = float(retry_after or "")
    except ValueError:
        return DEFAULT_WAIT_S
    return max(LEAST_WAIT_S, wait_s) if isfinite(wait_s) else DEFAULT_WAIT_S
