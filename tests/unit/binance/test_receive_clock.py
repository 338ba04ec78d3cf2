from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from connectors.binance.receive_clock import ReceiveClock

S = 1_000_000_000
WALL = 1_700_000_000 * S


def test_it_runs_with_the_monotonic_clock() -> None:
    clock = ReceiveClock(5 * S, WALL)
    assert clock.at(7 * S + 3) == WALL + 2 * S + 3


def test_a_small_difference_is_made_up_for_at_one_percent_and_not_exceeded() -> None:
    clock = ReceiveClock(0, WALL)
    assert clock.look(1 * S, WALL + 1 * S + S // 2) == 0
    assert clock.at(1 * S) == WALL + 1 * S
    assert clock.at(11 * S) == WALL + 11 * S + S // 10
    assert clock.at(61 * S) == WALL + 61 * S + S // 2
    assert clock.at(200 * S) == WALL + 200 * S + S // 2


def test_a_large_step_is_not_followed_until_it_has_lasted_a_minute() -> None:
    clock = ReceiveClock(0, WALL)
    off = 3600 * S
    for second in range(1, 61):
        assert clock.look(second * S, WALL + second * S + off) == 0
        assert clock.at(second * S) == WALL + second * S
    assert clock.look(61 * S, WALL + 61 * S + off) == off
    assert clock.at(62 * S) == WALL + 62 * S + off


def test_a_step_that_is_taken_back_leaves_no_trace() -> None:
    clock = ReceiveClock(0, WALL)
    for second in range(1, 50):
        clock.look(second * S, WALL + second * S - 10 * S)
    clock.look(50 * S, WALL + 50 * S)
    for second in range(51, 100):
        assert clock.look(second * S, WALL + second * S - 10 * S) == 0
    assert clock.at(100 * S) == WALL + 100 * S


@given(st.lists(st.tuples(st.integers(1, 5 * S), st.integers(-S, S)), min_size=2, max_size=50))
def test_it_never_goes_back_while_the_wall_clock_stays_within_a_second(steps: list[tuple[int, int]]) -> None:
    clock, monotonic_ns, seen = ReceiveClock(0, WALL), 0, []
    for pause_ns, off_ns in steps:
        monotonic_ns += pause_ns
        seen.append(clock.at(monotonic_ns))
        wall_ns = seen[-1] + off_ns
        assert clock.look(monotonic_ns, wall_ns) == 0
        seen.append(clock.at(monotonic_ns))
    assert all(earlier <= later for earlier, later in pairwise(seen))
