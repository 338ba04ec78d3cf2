from __future__ import annotations

import pytest

from panel_app.tape import ChartPoint, Cursor, Tape
from tests.unit.panel_app.records import metrics


def times(points: tuple[ChartPoint, ...]) -> list[int]:
    return [point.event_time_ms for point in points]


def past(*times_ms: int) -> list[ChartPoint]:
    return [ChartPoint(time_ms, 1.0, 0.0, 1.0, None) for time_ms in times_ms]


def fed(*times_ms: int, capacity: int = 100, venue: str = "binance") -> Tape:
    tape = Tape(capacity, 2.0)
    tape.append(metrics(at_ms=time_ms, venue=venue) for time_ms in times_ms)
    return tape


def test_each_reader_gets_each_point_once() -> None:
    tape = fed(1, 2)
    first = tape.drain(Cursor())
    assert (times(first.points), first.restarted) == ([1, 2], True)
    tape.append([metrics(at_ms=3)])
    second = tape.drain(first.cursor)
    assert (times(second.points), second.restarted) == ([3], False)
    nothing = tape.drain(second.cursor)
    assert (nothing.points, nothing.restarted) == ((), False)
    assert times(tape.drain(Cursor()).points) == [1, 2, 3]


def test_a_reader_that_was_overtaken_is_told_to_start_over() -> None:
    tape = fed(1, 2, capacity=3)
    cursor = tape.drain(Cursor()).cursor
    tape.append(metrics(at_ms=time_ms) for time_ms in (3, 4, 5, 6))
    late = tape.drain(cursor)
    assert (times(late.points), late.restarted) == ([4, 5, 6], True)


def test_a_reader_just_within_the_capacity_misses_nothing() -> None:
    tape = fed(1, 2, capacity=3)
    cursor = tape.drain(Cursor()).cursor
    tape.append(metrics(at_ms=time_ms) for time_ms in (3, 4, 5))
    assert times(tape.drain(cursor).points) == [3, 4, 5]
    assert not tape.drain(cursor).restarted


def test_older_points_come_before_and_restart_the_readers() -> None:
    tape = fed(100, 200)
    cursor = tape.drain(Cursor()).cursor
    assert tape.put_before(past(10, 20, 100), tape.epoch) == tape.epoch
    again = tape.drain(cursor)
    assert (times(again.points), again.restarted) == ([10, 20, 100, 200], True)
    tape.append([metrics(at_ms=300)])
    assert times(tape.drain(again.cursor).points) == [300]


def test_older_points_that_come_too_late_are_ignored() -> None:
    tape = fed(100)
    epoch = tape.epoch
    tape.replace([metrics(at_ms=500)])
    assert tape.put_before(past(10), epoch) is None
    assert times(tape.drain(Cursor()).points) == [500]


def test_older_points_beyond_the_capacity_lose_the_oldest() -> None:
    tape = fed(100, 200, capacity=3)
    tape.put_before(past(10, 20), tape.epoch)
    read = tape.drain(Cursor())
    assert times(read.points) == [20, 100, 200]
    tape.append([metrics(at_ms=300)])
    assert times(tape.drain(read.cursor).points) == [300]


@pytest.mark.parametrize(("at_ms", "venue"), [(50, "binance"), (300, "simulator")])
def test_another_venue_or_a_step_back_in_time_starts_the_line_anew(at_ms: int, venue: str) -> None:
    tape = fed(100, 200)
    cursor = tape.drain(Cursor()).cursor
    tape.append([metrics(at_ms=at_ms, venue=venue)])
    read = tape.drain(cursor)
    assert (times(read.points), read.restarted) == ([at_ms], True)
    assert tape.start() == (venue, at_ms)


def test_the_spread_that_alerts_is_the_multiple_of_the_baseline_in_bps_of_mid() -> None:
    tape = Tape(10, 2.0)
    tape.append([metrics(mid=50.0, baseline=0.01, spread_bps=2.0), metrics(at_ms=1_700_000_000_001, mid=None)])
    first, second = tape.drain(Cursor()).points
    assert first.spread_alert_bps == pytest.approx(4.0)
    assert second.spread_alert_bps is None
