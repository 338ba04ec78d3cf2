from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Final

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.run import cli_main
from bytewax.testing import TestingSink, TestingSource

from dataflows.joined import JoinedSource

EPOCH: Final = timedelta(milliseconds=40)
INTERVAL: Final = timedelta(milliseconds=1)
OPENING_S: Final = 0.02
EPOCHS: Final = 10


class NotedPartition(StatefulSourcePartition[int, None]):
    """Notes when it is polled and when its epoch ends, until so many epochs have ended."""

    def __init__(self, name: str, notes: list[tuple[str, str]]) -> None:
        self._name = name
        self._notes = notes
        self._awake = datetime.now(UTC)

    def next_batch(self) -> list[int]:
        if self._notes.count((self._name, "ended")) == EPOCHS:
            raise StopIteration
        self._notes.append((self._name, "polled"))
        self._awake = datetime.now(UTC) + INTERVAL
        return [1]

    def next_awake(self) -> datetime:
        return self._awake

    def snapshot(self) -> None:
        self._notes.append((self._name, "ended"))


class NotedSource(FixedPartitionedSource[int, None]):
    """One partition that takes a while to open, as one that asks its broker for an offset."""

    def __init__(self, name: str, notes: list[tuple[str, str]]) -> None:
        self._name = name
        self._notes = notes

    def list_parts(self) -> list[str]:
        return ["0"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> NotedPartition:
        assert (step_id.rpartition(".")[2], for_part, resume_state) == ("in", "0", None)
        time.sleep(OPENING_S)
        return NotedPartition(self._name, self._notes)


def test_the_partitions_end_their_epochs_together_however_far_apart_they_were_opened() -> None:
    notes: list[tuple[str, str]] = []
    flow = Dataflow("joined")
    joined = JoinedSource({name: NotedSource(name, notes) for name in ("first", "second")})
    op.output("out", op.input("in", flow, joined), TestingSink([]))
    cli_main(flow, workers_per_process=1, epoch_interval=EPOCH)  # type: ignore[no-untyped-call]  # of Bytewax's core

    first, second = ([at for at, note in enumerate(notes) if note == (name, "ended")] for name in ("first", "second"))
    assert len(first) == len(second) == EPOCHS + 1  # the end of the input ends an epoch too
    for one, other in zip(first[:EPOCHS], second[:EPOCHS], strict=True):
        between = notes[one + 1 : other]
        assert between in ([], [("second", "polled")]), "a partition that was due waited for the other one's epoch"


def test_items_come_with_the_name_of_their_source_each_from_its_own_place() -> None:
    joined = JoinedSource({"a": TestingSource([1, 2, 3], batch_size=2), "b": TestingSource([7, 8], batch_size=2)})
    assert joined.list_parts() == ["a:iterable", "b:iterable"]
    first, second = joined.build_part("in", "a:iterable", None), joined.build_part("in", "b:iterable", 1)
    assert (first.next_batch(), first.snapshot()) == ([("a", 1), ("a", 2)], 2)
    assert second.next_batch() == [("b", 8)]
