from __future__ import annotations

from connectors.simulator.limits import ConnectionAttempts, MessageRate, RequestWeight

MINUTE = 1_700_000_040.0
"""The start of a minute, in epoch seconds."""


def test_weight_is_counted_for_each_address_and_each_minute() -> None:
    weights = RequestWeight(limit=100)
    assert weights.spend("a", 60, MINUTE).used == 60
    assert weights.spend("a", 40, MINUTE + 1).status == 200
    assert weights.spend("b", 5, MINUTE + 1).used == 5
    refused = weights.spend("a", 1, MINUTE + 10.5)
    assert (refused.status, refused.used, refused.retry_after_s) == (429, 101, 50)
    assert weights.spend("b", 5, MINUTE + 11).status == 200
    again = weights.spend("a", 7, MINUTE + 60)
    assert (again.status, again.used) == (200, 7)


def test_who_goes_on_after_429_is_banned_for_a_time() -> None:
    weights = RequestWeight(limit=10, patience=3, ban_s=120.0)
    statuses = [weights.spend("a", 6, MINUTE + second).status for second in range(6)]
    assert statuses == [200, 429, 429, 429, 418, 418]
    banned = weights.spend("a", 1, MINUTE + 60)
    assert banned.status == 418
    assert banned.until_s == MINUTE + 4 + 120
    assert banned.retry_after_s == 64
    assert weights.spend("a", 1, MINUTE + 125).status == 200


def test_the_sixth_message_within_a_second_is_too_many() -> None:
    rate = MessageRate(limit=5)
    assert all(rate.allows(10.0 + step / 10) for step in range(5))
    assert not rate.allows(10.9)
    calm = MessageRate(limit=5)
    assert all(calm.allows(10.0 + step * 0.25) for step in range(50))


def test_an_attempt_too_many_is_refused_until_older_ones_have_left_the_window() -> None:
    attempts = ConnectionAttempts(limit=3, window_s=300.0)
    assert [attempts.allows("a", at) for at in (0.0, 1.0, 2.0, 3.0)] == [True, True, True, False]
    assert attempts.allows("b", 3.0)
    assert not attempts.allows("a", 300.0)
    assert attempts.allows("a", 303.5)


def test_who_never_stops_trying_is_never_let_in() -> None:
    attempts = ConnectionAttempts(limit=300, window_s=300.0)
    allowed = [attempts.allows("a", at / 2) for at in range(2000)]
    assert allowed == [True] * 300 + [False] * 1700
