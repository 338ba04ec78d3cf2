"""Event time within a Kafka partition that several connections write to.

The job takes its watermark from the newest event time of each partition, WATERMARK_DELAY_MS behind it, and drops what
is older. A connection that lags another by more than that would lose its windows; so its records are published with
the oldest event time that still counts.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from orderbook.messages import Book, FeedGap, Heartbeat

M = TypeVar("M", bound=Book | Heartbeat | FeedGap)


class PartitionClock:
    """The newest event time published to each partition. `moved` counts the messages whose event time was changed."""

    def __init__(self, delay_ms: int) -> None:
        self._delay_ms = delay_ms
        self._newest_ms: dict[int, int] = {}
        self.moved = 0

    def admit(self, partition: int, message: M) -> M:
        """Return the message as it is to be published to the partition.

        Its event time is never more than the delay behind the newest one published there. For messages whose event
        times do not go back, those that are returned do not go back either.
        """
        newest_ms = self._newest_ms.get(partition)
        if newest_ms is None or message.event_time_ms > newest_ms:
            self._newest_ms[partition] = message.event_time_ms
            return message
        oldest_ms = newest_ms - self._delay_ms
        if message.event_time_ms >= oldest_ms:
            return message
        self.moved += 1
        return msgspec.structs.replace(message, event_time_ms=oldest_ms)
