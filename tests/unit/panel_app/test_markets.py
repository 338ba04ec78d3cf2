"""Whether a symbol's numbers may be believed, at the moments at which that changes."""

from __future__ import annotations

import pytest

from orderbook.messages import BookState
from panel_app.markets import LATE_MS, Market, MarketTracker
from tests.unit.panel_app.records import NOW, THRESHOLDS, heartbeat, metrics


def tracker() -> MarketTracker:
    return MarketTracker("BTCUSDT", THRESHOLDS)


def test_fresh_records_of_a_live_book_are_current() -> None:
    market = tracker().observe(metrics(at_ms=NOW - 200), heartbeat(at_ms=NOW - 900, update_id=9), NOW)
    assert (market.trust, market.current, market.quiet, market.behind) == ("LIVE", True, False, False)
    assert market.seen_ms == NOW - 200
    assert market.current_until_ms == NOW - 900 + LATE_MS


@pytest.mark.parametrize(("age_ms", "current"), [(LATE_MS, True), (LATE_MS + 1, False)])
def test_metrics_that_the_book_has_left_behind_are_current_only_for_a_while(age_ms: int, *, current: bool) -> None:
    market = tracker().observe(metrics(at_ms=NOW - age_ms, update_id=10), heartbeat(at_ms=NOW, update_id=11), NOW)
    assert market.current is current
    assert market.behind is not current


def test_a_quiet_market_stays_current_while_heartbeats_confirm_its_book() -> None:
    market = tracker().observe(metrics(at_ms=NOW - 40_000), heartbeat(at_ms=NOW), NOW)
    assert (market.current, market.quiet, market.behind) == (True, True, False)
    assert market.current_until_ms == NOW + LATE_MS


def test_a_row_that_expired_in_a_quiet_market_is_kept_until_the_book_moves() -> None:
    followed = tracker()
    followed.observe(metrics(mid=123.0), heartbeat(), NOW)
    quiet = followed.observe(None, heartbeat(at_ms=NOW + 70_000), NOW + 70_000)
    assert quiet.metrics is not None
    assert quiet.metrics.mid == 123.0
    assert quiet.current
    moved = followed.observe(None, heartbeat(at_ms=NOW + 71_000, update_id=11), NOW + 71_000)
    assert moved.metrics is None
    assert (moved.current, moved.behind) == (False, True)
    assert moved.seen_ms == NOW


@pytest.mark.parametrize(
    ("state", "trust"),
    [("syncing", "SYNCING"), ("resyncing", "RESYNCING"), ("stale", "STALE"), ("unverified", "UNVERIFIED")],
)
def test_a_book_that_is_not_live_is_never_current(state: BookState, trust: str) -> None:
    market = tracker().observe(metrics(), heartbeat(state=state, reason="gap"), NOW)
    assert (market.trust, market.reason, market.current) == (trust, "gap", False)


def test_a_late_heartbeat_takes_the_trust_away_and_says_since_when() -> None:
    market = tracker().observe(metrics(at_ms=NOW), heartbeat(at_ms=NOW - LATE_MS - 1), NOW)
    assert (market.trust, market.current) == ("STALE", False)
    assert market.reason == "no heartbeat since 22:13:14"


def test_without_a_heartbeat_nothing_is_believed() -> None:
    market = tracker().observe(metrics(), None, NOW)
    assert (market.trust, market.current) == ("NO DATA", False)


def test_a_receive_time_ahead_of_the_clock_counts_as_now() -> None:
    assert tracker().observe(metrics(at_ms=NOW + 900), heartbeat(), NOW).seen_ms == NOW


class TestRecording:
    """Its own times are of another day, so the age comes from when a record was first seen here."""

    def look(self, followed: MarketTracker, at_ms: int, recorded_ms: int, update_id: int) -> Market:
        return followed.observe(
            metrics(venue="recording", at_ms=recorded_ms, update_id=update_id),
            heartbeat(venue="recording", at_ms=recorded_ms, update_id=update_id),
            at_ms,
        )

    def test_what_was_there_at_the_start_is_not_believed_until_it_moves(self) -> None:
        followed = tracker()
        assert not self.look(followed, NOW, 5_000, 1).current
        assert self.look(followed, NOW + 250, 5_000, 1).seen_ms is None
        moved = self.look(followed, NOW + 500, 5_100, 2)
        assert moved.current
        assert moved.seen_ms == NOW + 500

    def test_its_event_times_are_shifted_to_the_clock(self) -> None:
        followed = tracker()
        self.look(followed, NOW, 5_000, 1)
        assert self.look(followed, NOW + 500, 6_000, 2).clock_offset_ms == round(NOW + 500 - 6_000, -3)

    def test_one_that_stops_grows_old(self) -> None:
        followed = tracker()
        self.look(followed, NOW, 5_000, 1)
        self.look(followed, NOW + 500, 5_100, 2)
        assert not self.look(followed, NOW + 501 + LATE_MS, 5_100, 2).current


def test_a_live_venue_is_not_shifted() -> None:
    assert tracker().observe(metrics(at_ms=NOW - 800), heartbeat(), NOW).clock_offset_ms == 0
