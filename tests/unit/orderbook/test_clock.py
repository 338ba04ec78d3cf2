from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orderbook.clock import BUCKET_MS, BUCKETS, LATENCY_BOUNDS_MS, ExchangeClock, count_latency, no_latencies

START = 1_700_000_000_000


def test_an_exchange_ahead_of_our_clock_gives_latencies_from_its_best_event() -> None:
    clock = ExchangeClock()
    seen = [clock.observe(START + at, START + at - 1300 + late) for at, late in ((0, 20), (100, 0), (200, 45))]
    assert seen == [(START, 0), (START + 100, 0), (START + 200, 45)]
    assert clock.offset_ms == -1300
    assert clock.believed(START) == START + 1300


def test_the_offset_follows_a_drift_within_five_minutes() -> None:
    clock = ExchangeClock()
    for second in range(900):
        now = START + second * 1000
        clock.observe(now, now + 40 + second // 10)  # our clock gains 100 ppm
    oldest = 899 - (BUCKETS * BUCKET_MS) // 1000
    assert clock.offset_ms is not None
    assert 40 + oldest // 10 <= clock.offset_ms <= 40 + 899 // 10


def test_an_exchange_clock_that_jumps_is_not_believed_and_then_believed_again() -> None:
    clock = ExchangeClock()
    for step in range(10):
        clock.observe(START + step * 100, START + step * 100 + 30)
    for shift_ms in (3_600_000, -3_600_000):
        now = START + 2000
        assert clock.observe(now + shift_ms, now + 30) == (now, 0)
    assert clock.jumps == 2
    assert clock.observe(START + 2100, START + 2150) == (START + 2100, 20)


def test_a_jump_that_stays_is_believed_after_five_minutes() -> None:
    clock = ExchangeClock()
    clock.observe(START, START + 30)
    shifted = [
        clock.observe(START + second * 1000 + 3_600_000, START + second * 1000 + 30)[0] - START - second * 1000
        for second in range(1, 400)
    ]
    assert shifted[0] == 0
    assert shifted[-1] == 3_600_000
    assert shifted.index(3_600_000) in range(BUCKETS * BUCKET_MS // 1000 - 31, BUCKETS * BUCKET_MS // 1000 + 31)


def test_a_step_of_our_own_clock_leaves_the_exchange_s_times_alone() -> None:
    clock = ExchangeClock()
    clock.observe(START, START + 30)
    assert clock.observe(START + 100, START + 100 + 30 + 7_200_000) == (START + 100, 0)
    assert clock.jumps == 0
    assert clock.offset_ms == 7_200_030


@given(st.lists(st.integers(-2_000, 700), min_size=1, max_size=50))
def test_latencies_are_never_negative_and_times_stay_the_exchange_s(lates: list[int]) -> None:
    clock = ExchangeClock()
    for step, late in enumerate(lates):
        event_time_ms, latency_ms = clock.observe(START + step * 100, START + step * 100 + late)
        assert event_time_ms == START + step * 100
        assert latency_ms == late - min(lates[: step + 1])


def test_the_histogram_counts_each_bound_in_its_own_bucket() -> None:
    counts = no_latencies()
    for latency_ms in (0, 1, 2, 3, 5000, 5001, 90_000):
        count_latency(counts, latency_ms)
    assert counts[0] == 2
    assert counts[1] == 1
    assert counts[2] == 1
    assert counts[-2:] == [1, 2]
    assert len(counts) == len(LATENCY_BOUNDS_MS) + 1
