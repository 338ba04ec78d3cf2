"""The exchange's clock seen from ours: the offset between them, each event's latency, and times not to be believed.

Only one way is seen, so offset and shortest latency cannot be told apart: `offset_ms` is the least (receipt - event) of
the last five minutes, ours minus theirs with the shortest way included, and latencies are counted from there. It may
well be negative. Source of the idea: the minimum filter of NTP's clock filter (RFC 5905, section 10).
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

BUCKET_MS: Final = 30_000
BUCKETS: Final = 10
"""The offset is the least of this many buckets: five minutes."""
AHEAD_MS: Final = 10_000
"""An event further ahead of the offset than this cannot be: the exchange's clock has jumped."""
LATE_MS: Final = 60_000
"""An event later than this is no late event: the exchange's clock has jumped back."""
OWN_STEP_MS: Final = 10_000
"""A receive clock that moves further than this between two arrivals has jumped itself."""

LATENCY_BOUNDS_MS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
"""Upper bounds of the latency histogram's buckets; one more bucket is for what is above."""


class ExchangeClock:
    """Takes the times of each event in the order of arrival."""

    __slots__ = ("_bucket_start_ms", "_buckets", "_last_receive_ms", "_least_ms", "jumps", "offset_ms")

    def __init__(self) -> None:
        self.offset_ms: int | None = None
        self.jumps = 0
        """Events whose time was not believed."""
        self._buckets: dict[int, int] = {}
        self._last_receive_ms: int | None = None
        self._least_ms = 0
        self._bucket_start_ms = -BUCKET_MS

    def observe(self, event_time_ms: int, receive_time_ms: int) -> tuple[int, int]:
        """Return the event time to believe and the event's latency, ms.

        The time is the event's own unless the exchange's clock has jumped; then it is the receive time brought to the
        exchange's clock. After five minutes of nothing else the jump is taken for the truth.
        """
        raw_ms = receive_time_ms - event_time_ms
        offset_ms = self.offset_ms
        if raw_ms >= self._least_ms and 0 <= receive_time_ms - self._bucket_start_ms < BUCKET_MS:
            late_ms = raw_ms - (offset_ms or 0)
            if late_ms <= LATE_MS:  # nearly all: no new least, and nothing strange
                self._last_receive_ms = receive_time_ms
                return event_time_ms, late_ms
        last_ms, self._last_receive_ms = self._last_receive_ms, receive_time_ms
        if offset_ms is not None and not offset_ms - AHEAD_MS <= raw_ms <= offset_ms + LATE_MS:
            if last_ms is not None and abs(receive_time_ms - last_ms) > OWN_STEP_MS:
                self._buckets.clear()
            else:
                self.jumps += 1
                self._forget(receive_time_ms // BUCKET_MS)
                if self._buckets:
                    return receive_time_ms - offset_ms, 0
            offset_ms = None
        bucket = receive_time_ms // BUCKET_MS
        least_ms = self._buckets.get(bucket)
        if least_ms is None or raw_ms < least_ms:
            self._buckets[bucket] = least_ms = raw_ms
            self._forget(bucket)
            self.offset_ms = offset_ms = min(self._buckets.values())
        self._least_ms, self._bucket_start_ms = least_ms, bucket * BUCKET_MS
        return event_time_ms, raw_ms - (raw_ms if offset_ms is None else offset_ms)

    def believed(self, receive_time_ms: int) -> int:
        """Return the exchange's time at a moment of ours, ms; ours itself before the first event."""
        return receive_time_ms - (self.offset_ms or 0)

    def _forget(self, newest: int) -> None:
        for bucket in [bucket for bucket in self._buckets if abs(newest - bucket) >= BUCKETS]:
            del self._buckets[bucket]


def count_latency(counts: list[int], latency_ms: int) -> None:
    """Add one event to a histogram over `LATENCY_BOUNDS_MS`, which has one count more than bounds."""
    counts[bisect_left(LATENCY_BOUNDS_MS, latency_ms)] += 1


def no_latencies() -> list[int]:
    """Return an empty histogram."""
    return [0] * (len(LATENCY_BOUNDS_MS) + 1)
