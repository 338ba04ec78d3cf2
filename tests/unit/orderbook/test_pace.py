from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from orderbook.pace import CEILING_MS, FIRST_MS, FLOOR_MS, KNOWN_PAUSES, ArrivalPace


def paced(pauses: list[int]) -> ArrivalPace:
    pace, now = ArrivalPace(), 0
    pace.arrived(now)
    for pause in pauses:
        now += pause
        pace.arrived(now)
    return pace


def test_a_busy_symbol_is_stale_after_one_and_a_half_seconds() -> None:
    assert paced([100, 99, 101, 100] * 20).limit_ms == FLOOR_MS


def test_nothing_is_concluded_from_a_few_pauses() -> None:
    assert paced([100] * (KNOWN_PAUSES - 1)).limit_ms == FIRST_MS


def test_a_quiet_symbol_may_pause_longer_than_it_usually_does() -> None:
    random = Random(3)  # noqa: S311 - a market, not a secret
    pauses = [int(random.expovariate(1 / 2000)) for _ in range(500)]
    pace = paced(pauses)
    assert max(pauses) < pace.limit_ms <= CEILING_MS


def test_a_market_that_bursts_is_measured_by_its_longest_pause_lately() -> None:
    pace = paced(([100] * 40 + [12_000]) * 3 + [100] * 40)
    assert 20_000 < pace.limit_ms <= 24_000
    assert paced([100] * 40 + [12_000] + [100] * 9000 * 4).limit_ms < 12_000


def test_an_interruption_says_nothing_about_the_market() -> None:
    pace = paced([100] * 50)
    pace.restarted(600_000)
    pace.arrived(600_100)
    assert pace.limit_ms == FLOOR_MS


@given(st.lists(st.integers(0, 100_000), min_size=KNOWN_PAUSES, max_size=200))
def test_the_limit_stays_between_floor_and_ceiling(pauses: list[int]) -> None:
    assert FLOOR_MS <= paced(pauses).limit_ms <= CEILING_MS
