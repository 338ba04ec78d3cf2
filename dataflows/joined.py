"""Several sources as one input of a flow.

A flow has one input. Bytewax lets no partition go on into an epoch before every other one has ended the epoch before,
and a worker with a partition that is due and held back so looks again without any pause, a whole core in use. The
partitions of one input end their epochs together; those of two inputs as far apart as they were built, in every epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

X = TypeVar("X")
S = TypeVar("S")


class JoinedSource(FixedPartitionedSource[tuple[str, X], S]):
    """All partitions of the named sources; every item comes with its source's name, in which no colon may be."""

    def __init__(self, sources: Mapping[str, FixedPartitionedSource[X, S]]) -> None:
        self._sources = dict(sources)

    def list_parts(self) -> list[str]:
        """Return `name:partition` for every partition of the sources."""
        return [f"{name}:{part}" for name, source in self._sources.items() for part in source.list_parts()]

    def build_part(self, step_id: str, for_part: str, resume_state: S | None) -> JoinedPartition[X, S]:
        """Build the partition of its source at its place."""
        name, _, part = for_part.partition(":")
        return JoinedPartition(name, self._sources[name].build_part(step_id, part, resume_state))


class JoinedPartition(StatefulSourcePartition[tuple[str, X], S]):
    """One partition; its state, its pace and its end are the other partition's."""

    def __init__(self, name: str, partition: StatefulSourcePartition[X, S]) -> None:
        self._name = name
        self._partition = partition

    def next_batch(self) -> list[tuple[str, X]]:
        """Return the other partition's batch; raises StopIteration when it does."""
        return [(self._name, item) for item in self._partition.next_batch()]

    def next_awake(self) -> datetime | None:
        """The other partition's."""
        return self._partition.next_awake()

    def snapshot(self) -> S:
        """The other partition's."""
        return self._partition.snapshot()

    def close(self) -> None:
        """Close the other partition."""
        self._partition.close()
