"""How long a stream may pause before its silence means something, from its own pauses so far.

Mean and mean deviation are smoothed as in TCP's retransmission timer (RFC 6298, section 2). Markets burst, so the
longest pause lately counts as well: the caller only reports pauses after which nothing turned out to be missing, which
proves that the market, and not the feed, was quiet.
"""

from __future__ import annotations

from typing import Final

FLOOR_MS: Final = 1500
CEILING_MS: Final = 60_000
FIRST_MS: Final = 10_000
"""The limit until enough pauses are known."""
KNOWN_PAUSES: Final = 20
DEVIATIONS: Final = 4
MARGIN: Final = 4
PEAK_MARGIN: Final = 2
PEAK_FADES_MS: Final = 300_000
"""The longest pause counts e times less after this long."""


class ArrivalPace:
    """One stream's pauses. Times are the receive clock's, ms."""

    __slots__ = ("_deviation_ms", "_mean_ms", "_pauses", "_peak_ms", "last_ms")

    def __init__(self) -> None:
        self.last_ms: int | None = None
        """When the last one arrived."""
        self._mean_ms = 0.0
        self._deviation_ms = 0.0
        self._peak_ms = 0.0
        self._pauses = 0

    def arrived(self, now_ms: int) -> None:
        """Take an arrival that continues the one before it."""
        last_ms, self.last_ms = self.last_ms, now_ms
        if last_ms is None:
            return
        pause_ms = now_ms - last_ms
        if pause_ms < 0:
            return
        self._pauses += 1
        if self._pauses == 1:
            self._mean_ms, self._deviation_ms, self._peak_ms = pause_ms, pause_ms / 2, pause_ms
            return
        error_ms = pause_ms - self._mean_ms
        self._mean_ms += error_ms / 8
        self._deviation_ms += ((error_ms if error_ms > 0 else -error_ms) - self._deviation_ms) / 4
        self._peak_ms = max(pause_ms, self._peak_ms * (1 - pause_ms / PEAK_FADES_MS))

    def restarted(self, now_ms: int) -> None:
        """Take an arrival that follows an interruption: the pause before it says nothing about the market."""
        self.last_ms = now_ms

    @property
    def limit_ms(self) -> int:
        """How long a pause may be, between FLOOR_MS and CEILING_MS."""
        if self._pauses < KNOWN_PAUSES:
            return FIRST_MS
        usual_ms = MARGIN * (self._mean_ms + DEVIATIONS * self._deviation_ms)
        return int(min(CEILING_MS, max(FLOOR_MS, usual_ms, PEAK_MARGIN * self._peak_ms)))
