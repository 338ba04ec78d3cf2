from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bytewax.testing import TestingSource

from dataflows.pacing import PacedPartition, PacedSource

INTERVAL = timedelta(milliseconds=50)


def partition(items: list[int], polled: list[int]) -> PacedPartition[int, int]:
    source = PacedSource(
        TestingSource(items, batch_size=3),
        interval=INTERVAL,
        full_batch=3,
        polled=lambda: polled.append(1),
    )
    [name] = source.list_parts()
    return source.build_part("read", name, None)


def test_a_full_batch_is_followed_at_once_and_a_partial_one_after_the_interval() -> None:
    polled: list[int] = []
    paced = partition([1, 2, 3, 4], polled)

    assert paced.next_batch() == [1, 2, 3]
    assert paced.next_awake() <= datetime.now(UTC)
    before = datetime.now(UTC)
    assert paced.next_batch() == [4]
    assert paced.next_awake() >= before + INTERVAL
    assert polled == [1, 1]


def test_the_state_is_the_other_source_s() -> None:
    paced = partition([1, 2, 3, 4], [])
    paced.next_batch()
    again = PacedSource(
        TestingSource([1, 2, 3, 4], batch_size=3),
        interval=INTERVAL,
        full_batch=3,
        polled=lambda: None,
    ).build_part("read", "iterable", paced.snapshot())
    assert again.next_batch() == [4]
