"""The report of a verification: what a recording holds, and whether its books are what the exchange says they were.

Receive times are ms since the Unix epoch, durations ms. None stands for what did not occur or cannot be known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import msgspec

from orderbook.market import Market
from orderbook.messages import BookState, GapCause

Kind = Literal["gap", "backwards", "crossed", "impossible", "oracle"]
"""What broke a book: updates are missing, or go back; or what cannot be: levels, or the exchange says otherwise."""

MISMATCHES: frozenset[Kind] = frozenset({"crossed", "impossible", "oracle"})


class Percentiles(msgspec.Struct, frozen=True, kw_only=True):
    """A distribution of whole ms, by nearest rank."""

    count: int
    p50_ms: int
    p90_ms: int
    p99_ms: int
    max_ms: int


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A quantity over the recording: its least, its greatest and its last value."""

    least: float
    greatest: float
    last: float


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One place where a book broke.

    `expected_update_id` is the first update that the next diff should have held (futures: that it should have come
    after), `seen_first_update_id` to `seen_final_update_id` those it held; null where no single diff broke it.
    """

    kind: Kind
    symbol: str
    file: str
    line: int
    receive_time_ms: int
    reason: str
    expected_update_id: int | None = None
    seen_first_update_id: int | None = None
    seen_final_update_id: int | None = None
    seen_previous_update_id: int | None = None
    missing_updates: int | None = None


class Untrusted(msgspec.Struct, frozen=True, kw_only=True):
    """The stretches of one cause during which a symbol was not live; `open` says that the last one never ended."""

    cause: GapCause
    stretches: int
    total_ms: int
    longest_ms: int
    open: bool


class UnreadableAt(msgspec.Struct, frozen=True, kw_only=True):
    """A line, or the frame in it, that could not be read."""

    file: str
    line: int
    reason: str


class SymbolReport(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol. `sequenced` is false where only partial books were recorded: a lost one cannot be noticed.

    Coverage is how far from the mid each side is verified, in basis points; null where all of it is.
    """

    symbol: str
    sequenced: bool
    state: BookState | None
    cause: GapCause | None
    reason: str | None
    depth_frames: int
    books: int
    live_books: int
    gaps: int
    backwards: int
    missing_updates: int
    resyncs: int
    refreshes: int
    repeated: int
    held_back: int
    oracle_checks: int
    oracle_mismatches: int
    crossed: int
    impossible: int
    bid_coverage_bps: Span | None
    ask_coverage_bps: Span | None
    latency: Percentiles | None
    inter_arrival: Percentiles | None
    untrusted: list[Untrusted]


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """The whole report. `findings` and `unreadable` hold the first ones only, their counts all.

    `clock_offset_ms` is the receive clock minus the exchange's, the shortest way between them included.
    """

    files: list[str]
    market: Market
    depth_levels: int
    first_receive_time_ms: int | None
    last_receive_time_ms: int | None
    lines: int
    frames: dict[str, int]
    lost_frames: int
    unreadable_count: int
    unreadable: list[UnreadableAt]
    clock_offset_ms: Span | None
    clock_jumps: int
    findings_count: int
    findings: list[Finding]
    symbols: list[SymbolReport]

    @property
    def oracle_checks(self) -> int:
        """Comparisons with the exchange's best quotes over all symbols."""
        return sum(symbol.oracle_checks for symbol in self.symbols)

    @property
    def mismatches(self) -> int:
        """What cannot be, over all symbols: best quotes that differ, crossed books, impossible levels."""
        return sum(symbol.oracle_mismatches + symbol.crossed + symbol.impossible for symbol in self.symbols)

    @property
    def incomplete(self) -> int:
        """What is missing or cannot be read: gaps, steps back, lost frames, unreadable lines."""
        breaks = sum(symbol.gaps + symbol.backwards for symbol in self.symbols)
        return breaks + self.lost_frames + self.unreadable_count


def encode_verification(report: Verification) -> bytes:
    """Return the report's JSON."""
    return msgspec.json.encode(report)


def percentiles(counts: Mapping[int, int]) -> Percentiles | None:
    """Return the distribution of values in whole ms, given as value and count; None when there are none."""
    total = sum(counts.values())
    if not total:
        return None
    ordered = sorted(counts.items())
    return Percentiles(
        count=total,
        p50_ms=_nearest_rank(ordered, math.ceil(total * 0.5)),
        p90_ms=_nearest_rank(ordered, math.ceil(total * 0.9)),
        p99_ms=_nearest_rank(ordered, math.ceil(total * 0.99)),
        max_ms=ordered[-1][0],
    )


def _nearest_rank(ordered: list[tuple[int, int]], rank: int) -> int:
    passed = 0
    for value, count in ordered:
        passed += count
        if passed >= rank:
            return value
    return ordered[-1][0]
