"""Ending a flow from outside, between two batches, so that what was read is also written.

An exception in the middle of a batch (KeyboardInterrupt in the main thread) would leave that batch half written.
"""

from __future__ import annotations

import threading
from datetime import datetime
from typing import TypeVar

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

X = TypeVar("X")
S = TypeVar("S")


class EndingSource(FixedPartitionedSource[X, S]):
    """Another source, that ends as at the end of its input once `ending` is set."""

    def __init__(self, source: FixedPartitionedSource[X, S], ending: threading.Event) -> None:
        self._source = source
        self._ending = ending

    def list_parts(self) -> list[str]:
        """The other source's partitions."""
        return self._source.list_parts()

    def build_part(self, step_id: str, for_part: str, resume_state: S | None) -> EndingPartition[X, S]:
        """Build the other source's partition at its place."""
        return EndingPartition(self._source.build_part(step_id, for_part, resume_state), self._ending)


class EndingPartition(StatefulSourcePartition[X, S]):
    """One partition; its state and its pace are the other partition's."""

    def __init__(self, partition: StatefulSourcePartition[X, S], ending: threading.Event) -> None:
        self._partition = partition
        self._ending = ending

    def next_batch(self) -> list[X]:
        """The other partition's batch; raises StopIteration once the flow is to end."""
        if self._ending.is_set():
            raise StopIteration
        return list(self._partition.next_batch())

    def next_awake(self) -> datetime | None:
        """The other partition's."""
        return self._partition.next_awake()

    def snapshot(self) -> S:
        """The other partition's."""
        return self._partition.snapshot()

    def close(self) -> None:
        """Close the other partition."""
        self._partition.close()
