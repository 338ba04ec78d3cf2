"""Polling a source at a steady pace, so that what arrives in between makes one batch.

The pace is where the bridge's batches come from. Nothing is held back inside the flow: an item that was emitted is
written in the same epoch, so that a source that commits its offsets epoch by epoch never commits one that is not
written. While a sink writes, the next batch grows by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

X = TypeVar("X")
S = TypeVar("S")


class PacedSource(FixedPartitionedSource[X, S]):
    """Another source, each partition of it polled once every `interval`, and at once after a batch of `full_batch`.

    `polled` is called after each poll that did not fail.
    """

    def __init__(
        self,
        source: FixedPartitionedSource[X, S],
        *,
        interval: timedelta,
        full_batch: int,
        polled: Callable[[], None],
    ) -> None:
        self._source = source
        self._interval = interval
        self._full_batch = full_batch
        self._polled = polled

    def list_parts(self) -> list[str]:
        """Return the partitions of the other source."""
        return self._source.list_parts()

    def build_part(self, step_id: str, for_part: str, resume_state: S | None) -> PacedPartition[X, S]:
        """Build the other source's partition at its place."""
        partition = self._source.build_part(step_id, for_part, resume_state)
        return PacedPartition(partition, self._interval, self._full_batch, self._polled)


class PacedPartition(StatefulSourcePartition[X, S]):
    """One partition; its state is the other partition's."""

    def __init__(
        self,
        partition: StatefulSourcePartition[X, S],
        interval: timedelta,
        full_batch: int,
        polled: Callable[[], None],
    ) -> None:
        self._partition = partition
        self._interval = interval
        self._full_batch = full_batch
        self._polled = polled
        self._awake = datetime.now(UTC)

    def next_batch(self) -> list[X]:
        """Return the batch that has gathered."""
        batch = list(self._partition.next_batch())
        self._awake = datetime.now(UTC) + (timedelta(0) if len(batch) >= self._full_batch else self._interval)
        self._polled()
        return batch

    def next_awake(self) -> datetime:
        """Return when the next poll is due."""
        return self._awake

    def snapshot(self) -> S:
        """Return the other partition's state."""
        return self._partition.snapshot()

    def close(self) -> None:
        """Close the other partition."""
        self._partition.close()
