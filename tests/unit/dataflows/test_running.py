from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import bytewax.operators as op
import pytest
import structlog
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.testing import TestingSink, TestingSource
from structlog.typing import EventDict

from dataflows.running import run_apart
from orderbook.errors import ServiceUnavailable


@pytest.fixture
def logged() -> Iterator[list[EventDict]]:
    with structlog.testing.capture_logs() as events:
        yield events


def flow(name: str, into: list[int], fails: Callable[[], None] | None = None) -> Callable[[], Dataflow]:
    """A flow of three numbers; `fails` is called for the second."""

    def step(number: int) -> int:
        if fails is not None and number == 2:
            fails()
        return number

    def build() -> Dataflow:
        built = Dataflow(name)
        op.output("out", op.map("step", op.input("in", built, TestingSource([1, 2, 3])), step), TestingSink(into))
        return built

    return build


def unavailable() -> None:
    raise ServiceUnavailable("the store is away: start it")


def broken() -> None:
    raise ValueError("a mistake")


def run_alone(build: Callable[[], Dataflow]) -> int:
    return run_apart({"alone": build}, threading.Event())


def test_a_flow_that_reaches_its_end_is_status_0(logged: list[EventDict]) -> None:
    into: list[int] = []
    assert run_alone(flow("whole", into)) == 0
    assert into == [1, 2, 3]
    assert [event["event"] for event in logged] == ["flow_ended"]


def test_an_error_of_ours_is_its_sentence(logged: list[EventDict]) -> None:
    assert run_alone(flow("ours", [], unavailable)) == 1
    [event] = logged
    assert (event["event"], event["reason"]) == ("flow_failed", "the store is away: start it")
    assert "exc_info" not in event


def test_another_error_is_shown_with_its_traceback(logged: list[EventDict]) -> None:
    assert run_alone(flow("broken", [], broken)) == 1
    [event] = logged
    assert event["event"] == "flow_failed"
    assert event["exc_info"] is not None


class EndlessPartition(StatefulSourcePartition[int, None]):
    """Says 1 until it is asked to end."""

    def __init__(self, ending: threading.Event) -> None:
        self._ending = ending

    def next_batch(self) -> list[int]:
        if self._ending.wait(0.001):
            raise StopIteration
        return [1]

    def snapshot(self) -> None:
        return None


class EndlessSource(FixedPartitionedSource[int, None]):
    def __init__(self, ending: threading.Event) -> None:
        self._ending = ending

    def list_parts(self) -> list[str]:
        return ["only"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> EndlessPartition:
        assert (step_id.rpartition(".")[2], for_part, resume_state) == ("in", "only", None)
        return EndlessPartition(self._ending)


def endless(ending: threading.Event, into: list[int]) -> Callable[[], Dataflow]:
    def build() -> Dataflow:
        built = Dataflow("endless")
        op.output("out", op.input("in", built, EndlessSource(ending)), TestingSink(into))
        return built

    return build


def test_the_failure_of_one_ends_the_others(logged: list[EventDict]) -> None:
    ending, into = threading.Event(), list[int]()
    assert run_apart({"fails": flow("fails", [], unavailable), "lasts": endless(ending, into)}, ending) == 1
    assert ending.is_set()
    assert [(event["event"], event["flow"]) for event in logged] == [("flow_failed", "fails"), ("flow_ended", "lasts")]


def test_flows_that_were_asked_to_end_are_status_0(logged: list[EventDict]) -> None:
    ending, into = threading.Event(), list[int]()
    asked = threading.Timer(0.2, ending.set)
    asked.start()
    assert run_apart({"one": endless(ending, into), "two": endless(ending, into)}, ending) == 0
    asked.join()
    assert set(into) == {1}
    assert [event["event"] for event in logged if event["event"] == "flow_failed"] == []
