"""The lifecycle of an episode, transition by transition, against the table in `orderbook.alerts.episode`."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from orderbook.alerts import AlertRecord, Thresholds
from orderbook.messages import Alert
from tests.unit.alerts.records import IMBALANCE, book, heartbeat, rules, run, untrusted

Told = tuple[str, str, int]
Given = tuple[int, float | None] | AlertRecord


def told(alerts: list[Alert], rule: str = "extreme_imbalance") -> list[Told]:
    return [(alert.status, alert.severity, alert.event_time_ms) for alert in alerts if alert.rule == rule]


def records(given: list[Given], sign: int = 1) -> list[AlertRecord]:
    """A pair is (time, imbalance), with None a heartbeat."""
    return [
        one if isinstance(one, AlertRecord) else heartbeat(one[0]) if one[1] is None else book(one[0], sign * one[1])
        for one in given
    ]


FIRED: list[Given] = [(0, 0.5), (3000, 0.5)]
FIRING: Told = ("FIRING", "medium", 3000)


@pytest.mark.parametrize(
    ("given", "steps"),
    [
        pytest.param([(0, 0.5), (2999, 0.9)], [], id="a hold that is one millisecond short"),
        pytest.param([(0, 0.5), (3000, 0.5)], [FIRING], id="held exactly"),
        pytest.param([(0, 0.4999), (3000, 0.4999)], [], id="just below medium"),
        pytest.param([(0, 0.5), (3000, None)], [FIRING], id="fired by a heartbeat"),
        pytest.param([(0, 0.5), (1000, 0.49), (3000, 0.5)], [], id="a dip while pending begins anew"),
        pytest.param([(0, 0.5), (3000, 0.49)], [], id="hold over, but no longer medium"),
        pytest.param([(0, 0.7), (1000, 0.5), (3000, 0.5)], [("FIRING", "high", 3000)], id="high while pending"),
        pytest.param([(0, 0.5), (3000, 0.7)], [("FIRING", "high", 3000)], id="high at the record that fires"),
        pytest.param([*FIRED, (3100, 0.7), (3200, 0.9)], [FIRING, ("ESCALATED", "high", 3100)], id="escalated once"),
        pytest.param([*FIRED, (4000, 0.3)], [FIRING], id="release is not below"),
        pytest.param(
            [*FIRED, (4000, 0.29), (8999, 0.1), (9000, 0.49)],
            [FIRING, ("RECOVERING", "medium", 4000), ("RESOLVED", "medium", 9000)],
            id="resolved by the first record after the hold-off, also above release",
        ),
        pytest.param(
            [*FIRED, (4000, 0.2), (9500, None)],
            [FIRING, ("RECOVERING", "medium", 4000), ("RESOLVED", "medium", 9500)],
            id="resolved by a heartbeat",
        ),
        pytest.param(
            [*FIRED, (4000, 0.2), (9500, 0.8), (9600, 0.2)],
            [FIRING, ("RECOVERING", "medium", 4000), ("FIRING", "high", 9500), ("RECOVERING", "high", 9600)],
            id="back above medium is the same episode, however late",
        ),
        pytest.param(
            [*FIRED, (4000, 0.2), (6000, 0.4), (6100, 0.2), (9000, 0.2)],
            [FIRING, ("RECOVERING", "medium", 4000), ("RESOLVED", "medium", 9000)],
            id="the hold-off counts from the first fall",
        ),
        pytest.param([(0, None), (5000, None)], [], id="heartbeats alone"),
        pytest.param([(0, 0.5), untrusted(1000), (3000, 0.5)], [], id="untrusted while pending forgets the onset"),
        pytest.param(
            [*FIRED, untrusted(3500), untrusted(4500), (5000, 0.4)],
            [FIRING, ("SUPPRESSED", "medium", 3500), ("FIRING", "medium", 5000)],
            id="suppressed once, and on again at release or above",
        ),
        pytest.param(
            [*FIRED, untrusted(3500, cause="stale"), (4000, 0.9)],
            [FIRING, ("NODATA", "medium", 3500), ("FIRING", "high", 4000)],
            id="without data, and worse when it is back",
        ),
        pytest.param(
            [*FIRED, untrusted(3500), (5000, 0.2), (9999, 0.2), (10_000, 0.2)],
            [
                *(FIRING, ("SUPPRESSED", "medium", 3500), ("RECOVERING", "medium", 5000)),
                ("RESOLVED", "medium", 10_000),
            ],
            id="fallen while suppressed",
        ),
        pytest.param(
            [*FIRED, (4000, 0.2), untrusted(4500), (9500, 0.4), (14_499, 0.4), (14_500, 0.4)],
            [
                *(FIRING, ("RECOVERING", "medium", 4000), ("SUPPRESSED", "medium", 4500)),
                *(("RECOVERING", "medium", 9500), ("RESOLVED", "medium", 14_500)),
            ],
            id="suppressed while recovering: the hold-off begins again",
        ),
        pytest.param(
            [*FIRED, untrusted(3500), (3600, None), (9000, None)],
            [FIRING, ("SUPPRESSED", "medium", 3500)],
            id="a live heartbeat after a suppression has no value to go by",
        ),
        pytest.param(
            [*FIRED, untrusted(3500), untrusted(23_499), untrusted(23_500), (24_000, 0.9)],
            [FIRING, ("SUPPRESSED", "medium", 3500), ("RESOLVED", "medium", 23_500)],
            id="over after the limit, and what comes then begins anew",
        ),
        pytest.param(
            [*FIRED, untrusted(3500), (23_500, 0.9), (26_500, 0.9)],
            [
                *(FIRING, ("SUPPRESSED", "medium", 3500), ("RESOLVED", "medium", 23_500)),
                ("FIRING", "high", 26_500),
            ],
            id="over after the limit although no record said so in between",
        ),
        pytest.param(
            [*FIRED, untrusted(3500), (4000, 0.6), untrusted(5000), (5500, 0.1)],
            [
                *(FIRING, ("SUPPRESSED", "medium", 3500), ("FIRING", "medium", 4000)),
                *(("SUPPRESSED", "medium", 5000), ("RECOVERING", "medium", 5500)),
            ],
            id="each doubt is told",
        ),
    ],
)
def test_imbalance_of_either_side(given: list[Given], steps: list[Told]) -> None:
    assert told(run(records(given))) == steps
    assert told(run(records(given, sign=-1))) == steps


def test_an_episode_counts_its_steps_and_keeps_its_peak_and_its_id() -> None:
    given: list[Given] = [(100, 0.6), (200, 0.8), (3100, 0.5), (4000, -0.1), (5000, 0.55), (6000, 0.0), (11000, 0.1)]
    alerts = run(records(given))
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
    first = run([book(0, 0.6), book(3000, 0.6)])
    second = run([book(1, 0.6), book(3001, 0.6)])
    ask = run([book(0, -0.6), book(3000, -0.6)])
    assert len({steps[0].alert_id for steps in (first, second, ask)}) == 3
    # printf 'test|BTCUSDT|extreme_imbalance|bid|0' | b2sum -l 128. Stored alerts are found by it: it never changes.
    assert first[0].alert_id == "47208a51d2eb6458d949ad794177957a"


def test_a_doubt_and_its_limit_say_why() -> None:
    silent = [untrusted(time_ms, "sequence gap") for time_ms in (4000, 24_000)]
    alerts = run([book(0, 0.6), book(3000, 0.6), *silent])
    assert [(a.status, a.reason) for a in alerts if a.rule == "extreme_imbalance"] == [
        ("FIRING", None),
        ("SUPPRESSED", "sequence gap"),
        ("RESOLVED", "not trusted for 20 s: sequence gap"),
    ]


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
    between: list[Given] = [(4000, 0.0)] if ask_onset > 4000 else []
    given: list[Given] = [(0, 0.6), (3000, 0.6), *between, (ask_onset, -0.6), (ask_onset + 3000, -0.75)]
    alerts = run(records(given))
    matched = [alert for alert in alerts if alert.rule == "imbalance_flip"]
    assert [(a.status, a.side, a.severity, a.onset_time_ms, a.event_time_ms, a.step) for a in matched] == [
        ("MATCHED", "ask", "high", ask_onset, ask_onset + 3000, 0)
    ] * flips
    assert len([a for a in alerts if (a.side, a.status, a.rule) == ("ask", "FIRING", "extreme_imbalance")]) == 1


def test_pressure_that_does_not_hold_is_no_flip() -> None:
    alerts = run(records([(0, 0.6), (3000, 0.6), (4000, -0.9), (6999, -0.9), (7000, 0.0)]))
    assert [a for a in alerts if a.rule == "imbalance_flip"] == []


def test_a_flip_without_hold_is_told_at_the_onset() -> None:
    at_once = rules(Thresholds(0.5, 0.7, 0.3, hold_ms=0, hold_off_ms=5000))
    alerts = run(records([(0, 0.6), (1, -0.6)]), at_once)
    assert [(a.rule, a.side, a.status) for a in alerts] == [
        ("extreme_imbalance", "bid", "FIRING"),
        ("extreme_imbalance", "bid", "RECOVERING"),
        ("extreme_imbalance", "ask", "FIRING"),
        ("imbalance_flip", "ask", "MATCHED"),
    ]


def test_a_hold_off_of_zero_resolves_at_the_fall() -> None:
    at_once = rules(Thresholds(0.5, 0.7, 0.3, hold_ms=0, hold_off_ms=0))
    alerts = run(records([(0, 0.6), (1, 0.1)]), at_once)
    assert [(a.status, a.step) for a in alerts] == [("FIRING", 0), ("RECOVERING", 1), ("RESOLVED", 2)]


def test_a_limit_of_zero_ends_the_episode_with_its_trust() -> None:
    strict = rules(dataclasses.replace(IMBALANCE, suppression_limit_ms=0))
    alerts = run(records([*FIRED, untrusted(3500)]), strict)
    assert told(alerts) == [FIRING, ("SUPPRESSED", "medium", 3500), ("RESOLVED", "medium", 3500)]
    assert [a.step for a in alerts] == [0, 1, 2]


def test_spread_widening_has_no_side_and_its_own_thresholds() -> None:
    ratios = [(0, 2.0), (1000, 3.0), (1500, 4.0), (2000, 1.5), (2100, 1.4)]
    alerts = run(book(time_ms, spread_ratio=ratio) for time_ms, ratio in ratios)
    assert told(alerts, "spread_widening") == [
        ("FIRING", "medium", 1000),
        ("ESCALATED", "high", 1500),
        ("RECOVERING", "high", 2100),
    ]
    assert {(a.side, a.threshold) for a in alerts} == {(None, 2.0), (None, 4.0)}


def test_a_rule_on_small_values_tells_them_as_they_are() -> None:
    ratios = [(0, 0.25), (500, 0.2), (1000, 0.24), (1500, 0.1), (2000, 0.5), (2100, 0.51)]
    alerts = run(book(time_ms, depth_ratio=ratio) for time_ms, ratio in ratios)
    assert [(a.rule, a.side, a.status, a.value, a.peak, a.threshold) for a in alerts] == [
        ("liquidity_drop", None, "FIRING", 0.24, 0.2, 0.25),
        ("liquidity_drop", None, "ESCALATED", 0.1, 0.1, 0.1),
        ("liquidity_drop", None, "RECOVERING", 0.51, 0.1, 0.1),
    ]


def test_the_first_step_tells_the_book_at_the_onset_and_the_one_before() -> None:
    quotes = {"best_bid": 99.0, "best_ask": 101.0}
    moved = {"best_bid": 100.0, "best_ask": 102.0}
    alerts = run(
        [
            *(book(0, 0.1, **quotes), book(4000, 0.2, **quotes), book(5000, 0.3, **quotes)),
            *(book(9000, 0.6, **moved), book(12_000, 0.7), book(12_500, 0.1), book(17_500, 0.1)),
        ]
    )
    assert [a.status for a in alerts if a.context is not None] == ["FIRING"]
    context = msgspec.json.decode(alerts[0].context or "")
    assert (context["imbalance_ratio"], context["best_bid"], context["spread_ratio"]) == (0.6, 100.0, None)
    assert (context["before_ms"], context["before"]["imbalance_ratio"]) == (9000, 0.1)
    assert context["mid_move_bps"] == pytest.approx(100.0)


def test_each_episode_tells_its_own_onset_once() -> None:
    again = [book(0, 0.6), book(3000, 0.6), book(4000, 0.1), book(5000, 0.65), untrusted(6000)]
    alerts = run([*again, book(26_000, 0.8), book(29_000, 0.8)])
    assert [(a.status, msgspec.json.decode(a.context)["imbalance_ratio"] if a.context else None) for a in alerts] == [
        *(("FIRING", 0.6), ("RECOVERING", None), ("FIRING", None), ("SUPPRESSED", None)),
        *(("RESOLVED", None), ("FIRING", 0.8)),
    ]


def test_nothing_from_before_a_gap_is_told_as_what_led_to_an_alert() -> None:
    alerts = run([book(0, 0.1), untrusted(500), book(1000, 0.6), book(4000, 0.6)])
    assert "before" not in msgspec.json.decode(alerts[-1].context or "")


def test_a_flip_tells_its_onset_too() -> None:
    alerts = run([book(0, 0.6), book(3000, 0.6), book(4000, -0.6), book(7000, -0.6)])
    [flip] = [a for a in alerts if a.rule == "imbalance_flip"]
    assert msgspec.json.decode(flip.context or "")["imbalance_ratio"] == -0.6
