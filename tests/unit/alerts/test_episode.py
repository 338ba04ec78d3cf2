"""The lifecycle of an episode, transition by transition, against the table in `orderbook.alerts.episode`."""

from __future__ import annotations

import pytest

from orderbook.alerts import AlertRecord, AlertRules, SymbolAlerts, Thresholds, observe
from orderbook.messages import Alert

IMBALANCE = Thresholds(medium=0.5, high=0.7, release=0.3, hold_ms=3000, hold_off_ms=5000)
SPREAD = Thresholds(medium=2.0, high=4.0, release=1.5, hold_ms=1000, hold_off_ms=5000)
RULES = AlertRules(imbalance=IMBALANCE, spread=SPREAD)

Told = tuple[str, str, int]


def told(alerts: list[Alert], rule: str = "extreme_imbalance") -> list[Told]:
    return [(alert.status, alert.severity, alert.event_time_ms) for alert in alerts if alert.rule == rule]


def run(*records: tuple[int, float | None] | AlertRecord, rules: AlertRules = RULES) -> list[Alert]:
    """Every step of these records; a pair is (time, imbalance), with None a heartbeat."""
    standing = SymbolAlerts()
    steps: list[Alert] = []
    for given in records:
        record = given if isinstance(given, AlertRecord) else AlertRecord("test", "BTCUSDT", given[0], given[1])
        standing, alerts = observe(standing, record, rules)
        steps.extend(alerts)
    return steps


def untrusted(time_ms: int, why: str = "gap") -> AlertRecord:
    return AlertRecord("test", "BTCUSDT", time_ms, untrusted=why)


def spread(time_ms: int, ratio: float) -> AlertRecord:
    return AlertRecord("test", "BTCUSDT", time_ms, 0.0, ratio)


@pytest.mark.parametrize(
    ("records", "steps"),
    [
        pytest.param([(0, 0.5), (2999, 0.9)], [], id="a hold that is one millisecond short"),
        pytest.param([(0, 0.5), (3000, 0.5)], [("FIRING", "medium", 3000)], id="held exactly"),
        pytest.param([(0, 0.4999), (3000, 0.4999)], [], id="just below medium"),
        pytest.param([(0, 0.5), (3000, None)], [("FIRING", "medium", 3000)], id="fired by a heartbeat"),
        pytest.param([(0, 0.5), (1000, 0.49), (3000, 0.5)], [], id="a dip while pending begins anew"),
        pytest.param([(0, 0.5), (3000, 0.49)], [], id="hold over, but no longer medium"),
        pytest.param([(0, 0.7), (1000, 0.5), (3000, 0.5)], [("FIRING", "high", 3000)], id="high while pending"),
        pytest.param([(0, 0.5), (3000, 0.7)], [("FIRING", "high", 3000)], id="high at the record that fires"),
        pytest.param(
            [(0, 0.5), (3000, 0.6), (3100, 0.7), (3200, 0.9)],
            [("FIRING", "medium", 3000), ("ESCALATED", "high", 3100)],
            id="escalated once",
        ),
        pytest.param([(0, 0.5), (3000, 0.5), (4000, 0.3)], [("FIRING", "medium", 3000)], id="release is not below"),
        pytest.param(
            [(0, 0.5), (3000, 0.5), (4000, 0.29), (8999, 0.1), (9000, 0.49)],
            [("FIRING", "medium", 3000), ("RECOVERING", "medium", 4000), ("RESOLVED", "medium", 9000)],
            id="resolved by the first record after the hold-off, also above release",
        ),
        pytest.param(
            [(0, 0.5), (3000, 0.5), (4000, 0.2), (9500, None)],
            [("FIRING", "medium", 3000), ("RECOVERING", "medium", 4000), ("RESOLVED", "medium", 9500)],
            id="resolved by a heartbeat",
        ),
        pytest.param(
            [(0, 0.5), (3000, 0.5), (4000, 0.2), (9500, 0.8), (9600, 0.2)],
            [
                ("FIRING", "medium", 3000),
                ("RECOVERING", "medium", 4000),
                ("FIRING", "high", 9500),
                ("RECOVERING", "high", 9600),
            ],
            id="back above medium is the same episode, however late",
        ),
        pytest.param(
            [(0, 0.5), (3000, 0.5), (4000, 0.2), (6000, 0.4), (6100, 0.2), (9000, 0.2)],
            [("FIRING", "medium", 3000), ("RECOVERING", "medium", 4000), ("RESOLVED", "medium", 9000)],
            id="the hold-off counts from the first fall",
        ),
        pytest.param(
            [(0, 0.5), (3000, 0.5), untrusted(3500), (4000, 0.9)],
            [("FIRING", "medium", 3000), ("SUPPRESSED", "medium", 3500)],
            id="suppressed",
        ),
        pytest.param([(0, 0.5), untrusted(1000), (3000, 0.5)], [], id="untrusted while pending forgets the onset"),
        pytest.param(
            [(0, 0.9), (3000, 0.9), untrusted(3500), (3600, None), (9000, None)],
            [("FIRING", "high", 3000), ("SUPPRESSED", "high", 3500)],
            id="a heartbeat after a suppression carries no value",
        ),
        pytest.param([(0, None), (5000, None)], [], id="heartbeats alone"),
    ],
)
def test_imbalance_of_either_side(records: list[tuple[int, float | None] | AlertRecord], steps: list[Told]) -> None:
    assert told(run(*records)) == steps
    mirrored = [r if isinstance(r, AlertRecord) else (r[0], None if r[1] is None else -r[1]) for r in records]
    assert told(run(*mirrored)) == steps


def test_an_episode_counts_its_steps_and_keeps_its_peak_and_its_id() -> None:
    alerts = run((100, 0.6), (200, 0.8), (3100, 0.5), (4000, -0.1), (5000, 0.55), (6000, 0.0), (11000, 0.1))
    assert [(a.step, a.status, a.value, a.peak, a.threshold) for a in alerts] == [
        (0, "FIRING", 0.5, 0.8, 0.7),
        (1, "RECOVERING", -0.1, 0.8, 0.7),
        (2, "FIRING", 0.55, 0.8, 0.7),
        (3, "RECOVERING", 0.0, 0.8, 0.7),
        (4, "RESOLVED", 0.1, 0.8, 0.7),
    ]
    assert {(a.side, a.onset_time_ms, a.venue, a.symbol) for a in alerts} == {("bid", 100, "test", "BTCUSDT")}
    assert len({a.alert_id for a in alerts}) == 1


def test_the_id_tells_episodes_apart_and_is_the_same_in_every_run() -> None:
    first, second = run((0, 0.6), (3000, 0.6)), run((1, 0.6), (3001, 0.6))
    ask = run((0, -0.6), (3000, -0.6))
    assert len({steps[0].alert_id for steps in (first, second, ask)}) == 3
    # printf 'test|BTCUSDT|extreme_imbalance|bid|0' | b2sum -l 128. Stored alerts are found by it: it never changes.
    assert first[0].alert_id == "47208a51d2eb6458d949ad794177957a"


def test_a_suppression_says_why() -> None:
    assert [a.reason for a in run((0, 0.6), (3000, 0.6), untrusted(4000, "sequence gap"))] == [None, "sequence gap"]


@pytest.mark.parametrize(
    ("ask_onset", "flips"),
    [
        pytest.param(4000, 1, id="the other side takes over at once"),
        pytest.param(8900, 1, id="while the first still recovers"),
        pytest.param(9000, 0, id="the first was over at that record"),
        pytest.param(30000, 0, id="long after"),
    ],
)
def test_a_flip_is_the_other_side_established_against_an_open_episode(ask_onset: int, flips: int) -> None:
    between = [(4000, 0.0)] if ask_onset > 4000 else []
    alerts = run((0, 0.6), (3000, 0.6), *between, (ask_onset, -0.6), (ask_onset + 3000, -0.75))
    matched = [alert for alert in alerts if alert.rule == "imbalance_flip"]
    assert [(a.status, a.side, a.severity, a.onset_time_ms, a.event_time_ms, a.step) for a in matched] == [
        ("MATCHED", "ask", "high", ask_onset, ask_onset + 3000, 0)
    ] * flips
    assert len([a for a in alerts if (a.side, a.status, a.rule) == ("ask", "FIRING", "extreme_imbalance")]) == 1


def test_pressure_that_does_not_hold_is_no_flip() -> None:
    alerts = run((0, 0.6), (3000, 0.6), (4000, -0.9), (6999, -0.9), (7000, 0.0))
    assert [a for a in alerts if a.rule == "imbalance_flip"] == []


def test_a_flip_without_hold_is_told_at_the_onset() -> None:
    at_once = AlertRules(Thresholds(0.5, 0.7, 0.3, hold_ms=0, hold_off_ms=5000), SPREAD)
    alerts = run((0, 0.6), (1, -0.6), rules=at_once)
    assert [(a.rule, a.side, a.status) for a in alerts] == [
        ("extreme_imbalance", "bid", "FIRING"),
        ("extreme_imbalance", "bid", "RECOVERING"),
        ("extreme_imbalance", "ask", "FIRING"),
        ("imbalance_flip", "ask", "MATCHED"),
    ]


def test_a_hold_off_of_zero_resolves_at_the_fall() -> None:
    at_once = AlertRules(Thresholds(0.5, 0.7, 0.3, hold_ms=0, hold_off_ms=0), SPREAD)
    alerts = run((0, 0.6), (1, 0.1), rules=at_once)
    assert [(a.status, a.step) for a in alerts] == [("FIRING", 0), ("RECOVERING", 1), ("RESOLVED", 2)]


def test_spread_widening_has_no_side_and_its_own_thresholds() -> None:
    alerts = run(spread(0, 2.0), spread(1000, 3.0), spread(1500, 4.0), spread(2000, 1.5), spread(2100, 1.4))
    assert told(alerts, "spread_widening") == [
        ("FIRING", "medium", 1000),
        ("ESCALATED", "high", 1500),
        ("RECOVERING", "high", 2100),
    ]
    assert {(a.side, a.threshold) for a in alerts} == {(None, 2.0), (None, 4.0)}
