"""Alerts of the feed itself: which stretches without a live book they tell, and how long those last."""

from __future__ import annotations

import typing

import pytest

from orderbook.alerts.values import FEED_VALUE_OF_CAUSE
from orderbook.messages import Alert, GapCause
from tests.unit.alerts.records import book, heartbeat, run, untrusted


def of_feed(alerts: list[Alert]) -> list[tuple[str, str, str, int, float]]:
    return [(a.rule, a.status, a.severity, a.event_time_ms, a.value) for a in alerts if a.rule.startswith("feed_")]


def test_a_gap_is_told_with_its_length_until_it_is_over() -> None:
    beats = [untrusted(time_ms, "gap: lost 3") for time_ms in range(1000, 12_000, 1000)]
    alerts = run([book(0), *beats, heartbeat(12_000), heartbeat(16_999), heartbeat(17_000)])
    assert of_feed(alerts) == [
        ("feed_gap", "FIRING", "medium", 2000, 1.001),
        ("feed_gap", "ESCALATED", "high", 11_000, 10.001),
        ("feed_gap", "RECOVERING", "high", 12_000, 0.0),
        ("feed_gap", "RESOLVED", "high", 17_000, 0.0),
    ]
    assert [a.reason for a in alerts] == ["gap: lost 3", "gap: lost 3", None, None]
    assert {a.context for a in alerts} == {None}


def test_a_stretch_keeps_what_it_began_with() -> None:
    alerts = run([book(0), untrusted(1000, cause="gap"), untrusted(5000, cause="silent"), untrusted(60_000)])
    assert {rule for rule, *_ in of_feed(alerts)} == {"feed_gap"}


@pytest.mark.parametrize("cause", ["start", "coverage", "partial"])
def test_a_start_and_a_book_that_reaches_too_far_are_no_alerts_of_the_feed(cause: str) -> None:
    assert run([untrusted(time_ms, cause=cause) for time_ms in range(0, 100_000, 1000)]) == []


def test_what_breaks_after_a_start_counts_from_there() -> None:
    alerts = run([untrusted(0, cause="start"), untrusted(50_000, cause="status"), untrusted(52_000, cause="status")])
    assert of_feed(alerts) == [("feed_stale", "FIRING", "medium", 52_000, 2.001)]


def test_a_feed_that_flaps_is_one_episode() -> None:
    alerts = run(
        [
            *(untrusted(0), untrusted(1000), heartbeat(2000)),
            *(untrusted(3000), untrusted(4000), heartbeat(5000), heartbeat(10_000)),
        ]
    )
    assert [status for _, status, *_ in of_feed(alerts)] == ["FIRING", "RECOVERING", "FIRING", "RECOVERING", "RESOLVED"]
    assert len({a.alert_id for a in alerts}) == 1


def test_causes_are_causes_of_gaps() -> None:
    assert FEED_VALUE_OF_CAUSE.keys() == set(typing.get_args(GapCause)) - {"start", "coverage", "partial"}
