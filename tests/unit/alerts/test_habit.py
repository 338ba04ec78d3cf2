"""Thresholds that follow the symbol's own past: when they move, how far, and never inwards."""

from __future__ import annotations

import math
import random

import msgspec
import pytest

from orderbook.alerts import AlertRecord, AlertRules, Rule, SymbolAlerts, Terms, Thresholds, observe
from orderbook.alerts.rules import Direction
from orderbook.messages import Alert

HOUR_S = 3600
BEGIN_MS = 1_723_161_600_000  # a full hour


def rules(value: str, direction: Direction, medium: float, release: float, rarer_than: float = 0.01) -> AlertRules:
    high = 2 * medium if direction != "below" else medium / 2
    thresholds = Thresholds(medium, high, release, hold_ms=0, hold_off_ms=0)
    return AlertRules((Rule("r", value, direction, Terms(thresholds, rarer_than=rarer_than)),))


def told(under: AlertRules, values: list[float], *, every_ms: int = 1000) -> list[Alert]:
    """The steps of books with these values of the rule, at equal distances; holds and hold-offs are 0."""
    standing = SymbolAlerts()
    steps: list[Alert] = []
    watched = under.rules[0].value
    for number, value in enumerate(values):
        given = tuple(value if name == watched else None for name in under.values)
        record = AlertRecord("t", "BTCUSDT", BEGIN_MS + every_ms * number, given)
        if number % HOUR_S == 0:  # as a checkpoint holds it
            standing = msgspec.msgpack.decode(msgspec.msgpack.encode(standing), type=SymbolAlerts)
        standing, alerts = observe(standing, record, under)
        steps += alerts
    return steps


def thresholds_after(under: AlertRules, past: list[float], extreme: float) -> float:
    """The threshold that an extreme value passes after that past and one record that ends whatever fired."""
    calm = 0.0 if under.rules[0].direction != "below" else 1e9
    return told(under, [*past, calm, extreme])[-1].threshold


def lognormal(count: int) -> list[float]:
    dice = random.Random(11)  # noqa: S311 - a market, not a secret
    return [math.exp(dice.gauss(0, 1)) for _ in range(count)]


@pytest.mark.parametrize("share", [0.001, 0.01, 0.1])
def test_medium_becomes_the_past_s_own_quantile(share: float) -> None:
    past = lognormal(2 * HOUR_S)
    under = rules("spread_bps", "above", 1.0, 0.5, share)
    exact = sorted(past)[int((1 - share) * len(past))]
    # High is twice medium, and so is what a step that reaches it names.
    assert thresholds_after(under, past, 1e9) / 2 == pytest.approx(exact, rel=0.12)


def test_small_values_have_the_quantile_of_the_other_end() -> None:
    past = lognormal(2 * HOUR_S)
    exact = sorted(past)[int(0.01 * len(past))]
    assert thresholds_after(rules("depth_ratio", "below", 1.0, 2.0), past, 1e-9) * 2 == pytest.approx(exact, rel=0.12)


def test_both_sides_move_by_the_size_of_either() -> None:
    past = [value / 100 * sign for value, sign in zip(lognormal(2 * HOUR_S), (1, -1) * HOUR_S, strict=True)]
    exact = sorted(map(abs, past))[int(0.99 * len(past))]
    under = rules("weighted_imbalance", "both", 0.01, 0.005)
    for extreme in (1.0, -1.0):
        assert thresholds_after(under, past, extreme) / 2 == pytest.approx(exact, rel=0.12)


def test_thresholds_stand_still_until_an_hour_s_samples_are_there() -> None:
    under = rules("spread_bps", "above", 1.0, 0.5)
    assert thresholds_after(under, [50.0] * (HOUR_S - 2), 1e9) == 2.0
    assert thresholds_after(under, [50.0] * (HOUR_S - 1), 1e9) == pytest.approx(100, rel=0.05)


def test_they_never_move_inwards() -> None:
    assert thresholds_after(rules("spread_bps", "above", 1.0, 0.5), [0.01] * (2 * HOUR_S), 1e9) == 2.0
    assert thresholds_after(rules("depth_ratio", "below", 1.0, 2.0), [90.0] * (2 * HOUR_S), 1e-9) == 0.5


def test_a_past_full_of_zeros_leaves_a_threshold_that_zero_passes() -> None:
    past = [0.0, 3.0] * HOUR_S
    [*_, last] = told(rules("depth_ratio", "below", 1.0, 2.0), [*past, 0.0])
    assert (last.status, last.value) == ("FIRING", 0.0)
    assert 0 < last.threshold < 1e-6


def test_a_burst_within_a_second_is_one_sample() -> None:
    under = rules("spread_bps", "above", 1.0, 0.5)
    assert told(under, [*[50.0] * (5 * HOUR_S), 0.0, 1e9], every_ms=100)[-1].threshold == 2.0


def test_what_is_days_ago_is_forgotten() -> None:
    under = rules("spread_bps", "above", 1.0, 0.5)
    past = [*[50.0] * (20 * HOUR_S // 10), *[5.0] * (130 * HOUR_S // 10), 0.0, 1e9]
    assert told(under, past, every_ms=10_000)[-1].threshold == pytest.approx(10, rel=0.05)
