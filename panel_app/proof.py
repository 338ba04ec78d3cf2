"""What proves a book, from its heartbeat: in words short enough to stand beside the numbers."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Final

import msgspec

from orderbook.clock import LATENCY_BOUNDS_MS
from panel_app import words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orderbook.messages import Heartbeat
    from panel_app.markets import Market

WITHOUT_A_BASE: Final = frozenset({"syncing", "resyncing"})
"""States in which the last snapshot says nothing of the book that is being built."""

WHOLE_BPS_FROM: Final = 100
"""Distances from here on are said in whole basis points."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a book's proof: what it is about, what is known, and whether that speaks against the book."""

    name: str
    words: str
    against: bool = False


def proof_of(market: Market, now_ms: int) -> list[Evidence]:
    """What the newest heartbeat says for and against the book; counts are since the ingest began to follow it.

    Empty without a heartbeat. One that is late says when it came first.
    """
    beat = market.heartbeat
    if beat is None:
        return []
    found = [_verified(beat), _snapshot(beat), _quotes(beat), Evidence(name="Gaps", words=f"{beat.gaps:,}")]
    breaks = [(beat.backwards, "backwards"), (beat.crossed, "crossed"), (beat.impossible, "impossible")]
    if any(count for count, _ in breaks):
        told = ", ".join(f"{count:,} {name}" for count, name in breaks if count)
        found.append(Evidence(name="Other breaks", words=told))
    found.append(Evidence(name="Latency p50 / p99", words=latency_words(beat.latency_counts)))
    if beat.stale_after_ms is not None:
        found.append(Evidence(name="Stale after", words=f"{beat.stale_after_ms / 1000:,.1f} s silence"))
    if beat.clock_offset_ms is not None:
        found.append(Evidence(name="Clock offset", words=f"{beat.clock_offset_ms:+,} ms"))
    if not market.heartbeat_is_fresh(now_ms):
        seen_ms = market.heartbeat_seen_ms
        as_of = "before this page" if seen_ms is None else f"{words.utc_time(seen_ms)} UTC"
        found.insert(0, Evidence(name="As of", words=as_of, against=True))
    return found


def latency_words(counts: Sequence[int]) -> str:
    """The bounds that half and 99 % of the events kept, in milliseconds, from a histogram over LATENCY_BOUNDS_MS."""
    total = sum(counts)
    if not total or len(counts) != len(LATENCY_BOUNDS_MS) + 1:
        return words.NOTHING
    return f"{_bound(counts, -(-total * 50 // 100))} / {_bound(counts, -(-total * 99 // 100))} ms"


def _bound(counts: Sequence[int], rank: int) -> str:
    """The bound of the bucket that holds the event of a rank, 1 being the fastest."""
    bucket = next(place for place, sum_so_far in enumerate(accumulate(counts)) if sum_so_far >= rank)
    if bucket == len(LATENCY_BOUNDS_MS):
        return f"> {LATENCY_BOUNDS_MS[-1]:,}"
    return f"≤ {LATENCY_BOUNDS_MS[bucket]:,}"


def _verified(beat: Heartbeat) -> Evidence:
    bid_bps, ask_bps = beat.bid_coverage_bps, beat.ask_coverage_bps
    if beat.snapshot_age_ms is None or beat.state in WITHOUT_A_BASE:
        return Evidence(name="Verified to", words=words.NOTHING, against=True)
    if bid_bps is None and ask_bps is None:
        return Evidence(name="Verified to", words="every level")
    bid = "all bids" if bid_bps is None else _distance(-bid_bps)
    ask = "all asks" if ask_bps is None else _distance(ask_bps)
    left = any(reach is not None and reach < 0 for reach in (bid_bps, ask_bps))
    return Evidence(name="Verified to", words=f"{bid} / {ask} bps", against=left)


def _distance(bps: float) -> str:
    return f"{bps:+,.0f}" if abs(bps) >= WHOLE_BPS_FROM else f"{bps:+.1f}"


def _snapshot(beat: Heartbeat) -> Evidence:
    if beat.snapshot_age_ms is None or beat.state in WITHOUT_A_BASE:
        return Evidence(name="Snapshot", words="none yet", against=True)
    return Evidence(name="Snapshot", words=f"{words.duration(beat.snapshot_age_ms)} old")


def _quotes(beat: Heartbeat) -> Evidence:
    if not beat.oracle_checks:
        return Evidence(name="Best quotes", words="none compared")
    differed = beat.oracle_mismatches
    return Evidence(
        name="Best quotes", words=f"{beat.oracle_checks:,} compared, {differed:,} differed", against=differed > 0
    )
