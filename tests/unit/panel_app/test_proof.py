"""What is said for and against a book."""

from __future__ import annotations

import pytest

from orderbook.clock import LATENCY_BOUNDS_MS, count_latency, no_latencies
from orderbook.messages import BookState, Heartbeat
from panel_app.markets import LATE_MS, MarketTracker
from panel_app.proof import latency_words, proof_of
from tests.unit.panel_app.records import NOW, THRESHOLDS, heartbeat, metrics


def told(beat: Heartbeat | None, now_ms: int = NOW) -> dict[str, tuple[str, bool]]:
    market = MarketTracker("BTCUSDT", THRESHOLDS).observe(metrics(), beat, now_ms)
    return {line.name: (line.words, line.against) for line in proof_of(market, now_ms)}


def test_a_live_book_s_proof_is_told_whole() -> None:
    counts = no_latencies()
    for latency_ms in (3, 12, 12, 70):
        count_latency(counts, latency_ms)
    beat = heartbeat(
        coverage_bps=(38.25, 104.6),
        snapshot_age_ms=252_000,
        checks=12_345,
        gaps=2,
        stale_after_ms=3_200,
        clock_offset_ms=-1_320,
        latency_counts=counts,
    )
    assert told(beat) == {
        "Verified to": ("-38.2 / +105 bps", False),
        "Snapshot": ("4 min 12 s old", False),
        "Best quotes": ("12,345 compared, 0 differed", False),
        "Gaps": ("2", False),
        "Latency p50 / p99": ("≤ 20 / ≤ 100 ms", False),
        "Stale after": ("3.2 s silence", False),
        "Clock offset": ("-1,320 ms", False),
    }


@pytest.mark.parametrize(
    ("coverage_bps", "words", "against"),
    [
        ((None, None), "every level", False),
        ((None, 12.0), "all bids / +12.0 bps", False),
        ((99.96, None), "-100.0 / all asks bps", False),
        ((-3.0, 40.0), "+3.0 / +40.0 bps", True),
        ((9_985.4, 1_234_567.0), "-9,985 / +1,234,567 bps", False),
    ],
)
def test_how_far_each_side_is_verified(
    coverage_bps: tuple[float | None, float | None], words: str, *, against: bool
) -> None:
    assert told(heartbeat(coverage_bps=coverage_bps, snapshot_age_ms=0))["Verified to"] == (words, against)


@pytest.mark.parametrize(("state", "age_ms"), [("syncing", None), ("resyncing", 90_000), ("unverified", None)])
def test_a_book_without_a_snapshot_under_it_is_not_called_verified(state: BookState, age_ms: int | None) -> None:
    proof = told(heartbeat(state=state, snapshot_age_ms=age_ms, coverage_bps=(20.0, 20.0)))
    assert proof["Verified to"][1]
    assert proof["Snapshot"] == ("none yet", True)


def test_a_stale_book_still_has_its_snapshot() -> None:
    proof = told(heartbeat(state="stale", snapshot_age_ms=90_000, coverage_bps=(20.0, 20.0)))
    assert proof["Verified to"] == ("-20.0 / +20.0 bps", False)


def test_a_quote_that_differed_and_broken_updates_speak_against_it() -> None:
    proof = told(heartbeat(checks=10, mismatches=1, crossed=3, backwards=1))
    assert proof["Best quotes"] == ("10 compared, 1 differed", True)
    assert proof["Other breaks"] == ("1 backwards, 3 crossed", False)
    assert told(heartbeat())["Best quotes"] == ("none compared", False)


def test_a_late_heartbeat_says_when_it_came() -> None:
    proof = told(heartbeat(at_ms=NOW - LATE_MS - 1))
    assert next(iter(proof.items())) == ("As of", ("22:13:14 UTC", True))
    assert "As of" not in told(heartbeat(at_ms=NOW - LATE_MS))
    assert told(heartbeat(venue="recording"))["As of"] == ("before this page", True)


def test_without_a_heartbeat_nothing_is_told() -> None:
    assert told(None) == {}


@pytest.mark.parametrize(
    ("latencies_ms", "words"),
    [
        ((1,), "≤ 1 / ≤ 1 ms"),
        ((0, 2), "≤ 1 / ≤ 2 ms"),
        ((5,) * 99 + (6,), "≤ 5 / ≤ 5 ms"),
        ((5,) * 98 + (6, 6), "≤ 5 / ≤ 10 ms"),
        ((1, 5_001), "≤ 1 / > 5,000 ms"),
    ],
)
def test_latencies_are_told_as_the_bounds_they_kept(latencies_ms: tuple[int, ...], words: str) -> None:
    counts = no_latencies()
    for latency_ms in latencies_ms:
        count_latency(counts, latency_ms)
    assert latency_words(counts) == words


@pytest.mark.parametrize("counts", [[], [0] * (len(LATENCY_BOUNDS_MS) + 1), [4, 4]])
def test_latencies_that_were_not_counted_are_a_dash(counts: list[int]) -> None:
    assert latency_words(counts) == "–"  # noqa: RUF001 - a table's dash


def test_a_heartbeat_without_a_reason_names_its_cause() -> None:
    market = MarketTracker("BTCUSDT", THRESHOLDS).observe(metrics(), heartbeat(state="resyncing", cause="gap"), NOW)
    assert market.reason == "gap"
