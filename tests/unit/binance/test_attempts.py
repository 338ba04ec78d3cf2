from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from connectors.binance.attempts import AttemptLimiter, backoff_ms


def test_attempts_beyond_the_limit_wait_for_the_oldest_to_be_five_minutes_old() -> None:
    limiter = AttemptLimiter()
    assert all(limiter.take(1_000 + number) for number in range(250))
    assert not limiter.take(300_999)
    assert limiter.take(301_000)
    assert not limiter.take(301_000)
    assert limiter.take(301_001)


@given(st.lists(st.integers(0, 400), max_size=200))
def test_no_stretch_holds_more_attempts_than_allowed(pauses_ms: list[int]) -> None:
    limiter = AttemptLimiter(most=5, within_ms=1_000)
    now_ms, made = 0, []
    for pause_ms in pauses_ms:
        now_ms += pause_ms
        if limiter.take(now_ms):
            made.append(now_ms)
    assert all(later - earlier >= 1_000 for earlier, later in zip(made, made[5:], strict=False))


def test_the_bound_of_the_back_off_doubles_from_half_a_second_to_half_a_minute() -> None:
    assert [backoff_ms(failures, lambda: 1.0) for failures in range(9)] == [
        0, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000,
    ]  # fmt: skip
    assert backoff_ms(10_000, lambda: 1.0) == 30_000
    assert backoff_ms(4, lambda: 0.0) == 0
    assert backoff_ms(4, lambda: 0.25) == 1_000
