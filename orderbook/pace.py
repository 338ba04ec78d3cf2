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
LEARNT_TOGETHER: Final = 64
PEAK_FADES_MS: Final = 300_000
"""The longest pause counts e times less after this long."""


class ArrivalPace:
    """One stream's pauses. Times are the receive clock's, ms."""

    __slots__ = ("_deviation_ms", "_mean_ms", "_pauses", "_peak_ms", "_unlearnt_ms", "last_ms")

    def __init__(self) -> None:
        self.last_ms: int | None = None
        """When the last one arrived."""
        self._mean_ms = 0.0
        self._deviation_ms = 0.0
        self._peak_ms = 0.0
        self._pauses = 0
        self._unlearnt_ms: list[int] = []

    def arrived(self, now_ms: int) -> None:
        """Take an arrival that continues the one before it."""
        last_ms = self.last_ms
        self.last_ms = now_ms
        if last_ms is not None and now_ms >= last_ms:
            # Looked at together, when the limit is asked for: this is called for every update.
            self._unlearnt_ms.append(now_ms - last_ms)
            if len(self._unlearnt_ms) >= LEARNT_TOGETHER:
                self._learn()

    def _learn(self) -> None:
        unlearnt_ms = self._unlearnt_ms
        if not self._pauses:
            first_ms = unlearnt_ms.pop(0)
            self._pauses, self._mean_ms, self._deviation_ms, self._peak_ms = 1, first_ms, first_ms / 2, first_ms
        mean_ms, deviation_ms, peak_ms = self._mean_ms, self._deviation_ms, self._peak_ms
        for pause_ms in unlearnt_ms:
            error_ms = pause_ms - mean_ms
            mean_ms += error_ms / 8
            deviation_ms += (abs(error_ms) - deviation_ms) / 4
            peak_ms = max(pause_ms, peak_ms * (1 - pause_ms / PEAK_FADES_MS))
        self._mean_ms, self._deviation_ms, self._peak_ms = mean_ms, deviation_ms, peak_ms
        self._pauses += len(unlearnt_ms)
        unlearnt_ms.clear()

    def restarted(self, now_ms: int) -> None:
        """Take an arrival that follows an interruption: the pause before it says nothing about the market."""
        self.last_ms = now_ms

    @property
    def limit_ms(self) -> int:
        """How long a pause may be, between FLOOR_MS and CEILING_MS."""
        if self._unlearnt_ms:
            self._learn()
        if self._pauses < KNOWN_PAUSES:
            return FIRST_MS
        usual_ms = MARGIN * (self._mean_ms + DEVIATIONS * self._deviation_ms)
        return int(min(CEILING_MS, max(FLOOR_MS, usual_ms, PEAK_MARGIN * self._peak_ms)))
