from __future__ import annotations

from connectors.simulator.faults import RestStatusFault, SlowRest
from connectors.simulator.outages import REASONS, Outages, RestOutage


def test_nothing_is_out_at_first() -> None:
    outages = Outages()
    assert not outages.refuses(0.0)
    assert not outages.keeps_pongs(0.0)
    assert outages.rest_delay_s(0.0) == 0.0
    assert outages.rest_outage("depth", 0.0) is None


def test_windows_end_when_they_should_and_the_longer_one_wins() -> None:
    outages = Outages()
    outages.refuse(10.0)
    outages.refuse(5.0)
    outages.keep_pongs(7.0)
    outages.slow(SlowRest(delay_s=1.5, duration_s=4.0), 2.0)
    assert [outages.refuses(at) for at in (9.9, 10.0)] == [True, False]
    assert [outages.keeps_pongs(at) for at in (6.9, 7.0)] == [True, False]
    assert [outages.rest_delay_s(at) for at in (5.9, 6.0)] == [1.5, 0.0]


def test_a_rest_failure_without_bounds_is_met_once() -> None:
    outages = Outages()
    outages.fail_rest(RestStatusFault(status=500), 0.0)
    assert outages.rest_outage("ping", 1000.0) == RestOutage(500, None)
    assert outages.rest_outage("ping", 1000.0) is None


def test_a_rest_failure_ends_by_count_or_time_whichever_is_first() -> None:
    outages = Outages()
    outages.fail_rest(RestStatusFault(status=429, count=2, duration_s=5.0, retry_after_s=9), 0.0)
    assert outages.rest_outage("ping", 1.0) == RestOutage(429, 9)
    assert outages.rest_outage("ping", 5.0) is None
    outages.fail_rest(RestStatusFault(status=503, duration_s=5.0), 10.0)
    assert [outages.rest_outage("ping", 10.0 + step) is not None for step in range(6)] == [True] * 5 + [False]


def test_a_rest_failure_of_one_path_leaves_the_others_alone_and_its_count_untouched() -> None:
    outages = Outages()
    outages.fail_rest(RestStatusFault(status=418, path="depth", count=1), 0.0)
    assert outages.rest_outage("ticker/24hr", 1.0) is None
    assert outages.rest_outage("depth", 1.0) == RestOutage(418, 2)
    assert outages.rest_outage("depth", 1.0) is None


def test_every_status_has_its_words() -> None:
    assert set(REASONS) == {403, 418, 429, 451, 500, 502, 503, 504}
