"""What a verification has seen of one symbol so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from connectors.binance.arrivals import NS_PER_MS
from orderbook.messages import Book, FeedGap, GapCause, Heartbeat
from orderbook.verification import Kind, Span, SymbolReport, Untrusted, percentiles

COUNTED: Final[tuple[tuple[Kind, str], ...]] = (
    ("gap", "gaps"),
    ("backwards", "backwards"),
    ("crossed", "crossed"),
    ("impossible", "impossible"),
    ("oracle", "oracle_mismatches"),
)
"""What breaks a book, and the heartbeat's counter of it."""
SUMMED: Final = ("books", "resyncs", "refreshes", "repeated", "held_back", "oracle_checks")


class SpanSeen:
    """The least, greatest and last of the values taken."""

    def __init__(self) -> None:
        self.span: Span | None = None

    def take(self, value: float) -> None:
        """Take a value."""
        if self.span is None:
            self.span = Span(least=value, greatest=value, last=value)
        elif value != self.span.last or not self.span.least <= value <= self.span.greatest:
            self.span = Span(least=min(value, self.span.least), greatest=max(value, self.span.greatest), last=value)


@dataclass(slots=True)
class _Stretches:
    stretches: int = 0
    total_ms: int = 0
    longest_ms: int = 0

    def add(self, duration_ms: int) -> None:
        self.stretches += 1
        self.total_ms += duration_ms
        self.longest_ms = max(self.longest_ms, duration_ms)


class VerifiedSymbol:
    """Counts one symbol's frames, books, stretches and what its heartbeats say.

    A symbol that is removed and followed again begins its counters anew; what they were is added up.
    """

    def __init__(self, symbol: str) -> None:
        self.missing_updates = 0
        self._symbol = symbol
        self._sequenced = False
        self._depth_frames = 0
        self._last_frame_ns: int | None = None
        self._pauses_ms: Counter[int] = Counter()
        self._latencies_ms: Counter[int] = Counter()
        self._live_books = 0
        self._crossed_books = 0
        self._bid_bps = SpanSeen()
        self._ask_bps = SpanSeen()
        self._newest: Heartbeat | None = None
        self._before: Counter[str] = Counter()
        self._open: FeedGap | None = None
        self._stretches: dict[GapCause, _Stretches] = {}

    def depth_frame(self, receive_time_ns: int, *, sequenced: bool) -> None:
        """Take the arrival of a diff (`sequenced`) or a partial book."""
        self._depth_frames += 1
        self._sequenced |= sequenced
        if self._last_frame_ns is not None:
            self._pauses_ms[max(0, receive_time_ns - self._last_frame_ns) // NS_PER_MS] += 1
        self._last_frame_ns = receive_time_ns

    def interrupted(self) -> None:
        """The next frame follows an interruption."""
        self._last_frame_ns = None

    def book(self, book: Book) -> None:
        """Take a published book."""
        self._live_books += book.state == "live"
        if book.bid_price and book.ask_price and book.bid_price[0] >= book.ask_price[0]:
            self._crossed_books += 1
        if book.latency_ms is not None:
            self._latencies_ms[book.latency_ms] += 1
        if book.bid_coverage_bps is not None:
            self._bid_bps.take(book.bid_coverage_bps)
        if book.ask_coverage_bps is not None:
            self._ask_bps.take(book.ask_coverage_bps)

    def stretch(self, gap: FeedGap) -> None:
        """Take the opening or the closing of an untrusted stretch."""
        if gap.end_receive_time_ms is None:
            self._open = gap
            return
        self._open = None
        self._stretches.setdefault(gap.cause, _Stretches()).add(gap.end_receive_time_ms - gap.start_receive_time_ms)

    def heartbeat(self, heartbeat: Heartbeat) -> Iterator[tuple[Kind, int]]:
        """Take a heartbeat and return what broke the book since the last one, and how often each."""
        previous, self._newest = self._newest, heartbeat
        if previous is not None and heartbeat.books < previous.books:
            for name in (*SUMMED, *(name for _, name in COUNTED)):
                self._before[name] += getattr(previous, name)
            previous = None
        grown = [
            (kind, getattr(heartbeat, name) - (0 if previous is None else getattr(previous, name)))
            for kind, name in COUNTED
        ]
        return ((kind, times) for kind, times in grown if times > 0)

    def report(self, reached_ms: int) -> SymbolReport:
        """Return the report as of the receive time reached."""
        newest = self._newest
        return SymbolReport(
            symbol=self._symbol,
            sequenced=self._sequenced,
            state=None if newest is None else newest.state,
            cause=None if newest is None else newest.cause,
            reason=None if newest is None else newest.reason,
            depth_frames=self._depth_frames,
            books=self._total("books"),
            live_books=self._live_books,
            gaps=self._total("gaps"),
            backwards=self._total("backwards"),
            missing_updates=self.missing_updates,
            resyncs=self._total("resyncs"),
            refreshes=self._total("refreshes"),
            repeated=self._total("repeated"),
            held_back=self._total("held_back"),
            oracle_checks=self._total("oracle_checks"),
            oracle_mismatches=self._total("oracle_mismatches"),
            crossed=self._total("crossed") + self._crossed_books,
            impossible=self._total("impossible"),
            bid_coverage_bps=self._bid_bps.span,
            ask_coverage_bps=self._ask_bps.span,
            latency=percentiles(self._latencies_ms),
            inter_arrival=percentiles(self._pauses_ms),
            untrusted=self._untrusted(reached_ms),
        )

    def _total(self, name: str) -> int:
        now: int = 0 if self._newest is None else getattr(self._newest, name)
        return self._before[name] + now

    def _untrusted(self, reached_ms: int) -> list[Untrusted]:
        found = {
            cause: _Stretches(seen.stretches, seen.total_ms, seen.longest_ms) for cause, seen in self._stretches.items()
        }
        if self._open is not None:
            found.setdefault(self._open.cause, _Stretches()).add(max(0, reached_ms - self._open.start_receive_time_ms))
        return [
            Untrusted(
                cause=cause,
                stretches=seen.stretches,
                total_ms=seen.total_ms,
                longest_ms=seen.longest_ms,
                open=self._open is not None and self._open.cause == cause,
            )
            for cause, seen in found.items()
        ]
