from __future__ import annotations

import pytest

from panel_app.pressure import Pressing, PressureClock, pressure_of
from tests.unit.panel_app.records import THRESHOLDS


@pytest.mark.parametrize(
    ("imbalance", "words"),
    [
        (0.0, "balanced"),
        (0.29, "balanced"),
        (-0.29, "balanced"),
        (0.3, "bids lean"),
        (-0.3, "asks lean"),
        (0.5, "bids press"),
        (-0.69, "asks press"),
        (0.7, "bids press hard"),
        (-1.0, "asks press hard"),
    ],
)
def test_an_imbalance_is_named_by_the_thresholds_of_the_alerts(imbalance: float, words: str) -> None:
    assert pressure_of(imbalance, THRESHOLDS).words == words


def test_pressing_begins_at_medium_and_lasts_until_below_release() -> None:
    clock = PressureClock(THRESHOLDS)
    assert clock.observe(1000, 0.1) is None
    assert clock.observe(2000, 0.5) == Pressing("bid", 2000, start_seen=True)
    assert clock.observe(3000, 0.3) == Pressing("bid", 2000, start_seen=True)
    assert clock.observe(4000, 0.29) is None
    assert clock.observe(5000, 0.45) is None


def test_a_change_of_side_begins_anew() -> None:
    clock = PressureClock(THRESHOLDS)
    clock.observe(1000, 0.0)
    clock.observe(2000, 0.9)
    assert clock.observe(3000, -0.6) == Pressing("ask", 3000, start_seen=True)
    assert clock.observe(4000, 0.4) is None


def test_pressure_found_at_the_first_record_began_at_an_unknown_time() -> None:
    assert PressureClock(THRESHOLDS).observe(1000, -0.8) == Pressing("ask", 1000, start_seen=False)


def test_an_undefined_imbalance_ends_it() -> None:
    clock = PressureClock(THRESHOLDS)
    clock.observe(1000, 0.8)
    assert clock.observe(2000, None) is None


def test_a_recording_that_starts_over_starts_the_clock_over() -> None:
    clock = PressureClock(THRESHOLDS)
    clock.observe(9000, 0.8)
    assert clock.observe(1000, 0.8) == Pressing("bid", 1000, start_seen=False)
