"""Verifying a recording: the session's own code rebuilds its books, and every line and its messages are counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

from connectors.binance.arrivals import (
    NS_PER_MS,
    Arrival,
    Closed,
    Happening,
    Received,
    SnapshotArrived,
    SymbolsChanged,
)
from connectors.binance.frames import decode_frame
from connectors.recordings.compressed import BytesRead
from connectors.recordings.files import RecordedSession, RecordingSummary, read, summarise
from connectors.recordings.playing import Player
from connectors.recordings.recorded import LostFrames, Recorded, RecordedLine, UnreadableLine
from connectors.recordings.verified_symbol import SpanSeen, VerifiedSymbol
from orderbook.errors import SettingsError, UnreadableMessage
from orderbook.market import BestQuote, DepthDiff, Execution, PartialBook
from orderbook.messages import Book, DeadLetter, FeedGap, Heartbeat, IngestMessage
from orderbook.sequence import SequenceRules
from orderbook.verification import Finding, UnreadableAt, Verification

LISTED: Final = 1000
"""Findings and unreadable lines that a report lists one by one."""
LONGEST_NAME: Final = 100

_EVENT_NAME: Final = re.compile(r"(?<!^)(?=[A-Z])")
_KINDS: Final[dict[type, str]] = {
    DepthDiff: "diff",
    PartialBook: "partial book",
    BestQuote: "best quote",
    Execution: "trade",
}
_PARTIAL: Final = frozenset({"depth5", "depth10", "depth20"})


def verify(
    files: Sequence[Path],
    *,
    depth_levels: int,
    symbols: Sequence[str] = (),
    bytes_read: BytesRead | None = None,
) -> Verification:
    """Rebuild a recording and return the report; `symbols` are those to look at, all by default.

    Raises SettingsError when the recording cannot be used at all, or holds none of a symbol.
    """
    summary = _only(summarise(files), symbols)
    verifier = Verifier(summary, files=files, depth_levels=depth_levels, follow_added=not symbols)
    player = Player(summary, depth_levels=depth_levels)
    for line in read(files, bytes_read):
        verifier.take(line, player.play(line))
    verifier.end(player.close_windows(0, verifier.reached_ms))
    return verifier.report()


class Verifier:
    """Accounts for the lines of a recording and the messages they made, in their order. Pure.

    With `follow_added`, symbols that are followed only from some line on are accounted for as well.
    """

    def __init__(
        self, summary: RecordingSummary, *, files: Sequence[Path], depth_levels: int, follow_added: bool = True
    ) -> None:
        self.reached_ms = 0
        self._summary = summary
        self._files = [file.name for file in files]
        self._depth_levels = depth_levels
        self._follow_added = follow_added
        self._rules = SequenceRules(summary.market)
        self._symbols = {symbol: VerifiedSymbol(symbol) for symbol in summary.symbols}
        self._series_symbols = {session.series: list(session.symbols) for session in summary.sessions}
        self._frames: Counter[str] = Counter()
        self._first_ms: int | None = None
        self._lines = 0
        self._lost = 0
        self._unreadable_count = 0
        self._unreadable: list[UnreadableAt] = []
        self._offset_ms = SpanSeen()
        self._clock_jumps: dict[str, int] = {}
        self._findings_count = 0
        self._findings: list[Finding] = []

    def take(self, line: RecordedLine, messages: Iterable[IngestMessage]) -> None:
        """Take one line and what it made."""
        self._lines += 1
        now_ms = line.receive_time_ns // NS_PER_MS
        self.reached_ms = max(self.reached_ms, now_ms)
        if self._first_ms is None:
            self._first_ms = now_ms
        match line:
            case LostFrames(_, _, count):
                self._lost += count
            case UnreadableLine():
                self._frames["unreadable line"] += 1
            case recorded:
                self._arrived(recorded.arrival, recorded.place.series)
        for message in messages:
            self._message(line, message)

    def end(self, messages: Iterable[IngestMessage]) -> None:
        """Take what the end of the recording made: the last word on each symbol."""
        for message in messages:
            if isinstance(message, Heartbeat) and message.symbol in self._symbols:
                self._symbols[message.symbol].heartbeat(message)

    def report(self) -> Verification:
        """Return the report on everything so far."""
        return Verification(
            files=self._files,
            market=self._summary.market,
            depth_levels=self._depth_levels,
            first_receive_time_ms=self._first_ms,
            last_receive_time_ms=self.reached_ms if self._lines else None,
            lines=self._lines,
            frames=dict(sorted(self._frames.items())),
            lost_frames=self._lost,
            unreadable_count=self._unreadable_count,
            unreadable=self._unreadable,
            clock_offset_ms=self._offset_ms.span,
            clock_jumps=sum(self._clock_jumps.values()),
            findings_count=self._findings_count,
            findings=self._findings,
            symbols=[symbol.report(self.reached_ms) for symbol in self._symbols.values()],
        )

    def _arrived(self, arrival: Arrival, series: str) -> None:
        if isinstance(arrival, Received):
            self._frame(arrival)
        elif isinstance(arrival, SnapshotArrived):
            self._frames["snapshot"] += 1
        else:
            self._happened(arrival, series)

    def _happened(self, happening: Happening, series: str) -> None:
        self._frames[f"event {_EVENT_NAME.sub('_', type(happening).__name__).lower()}"] += 1
        if isinstance(happening, Closed):
            # The pause until the connection is up again is none of the market's.
            for name in self._series_symbols.get(series, ()):
                self._symbols[name].interrupted()
        elif isinstance(happening, SymbolsChanged) and self._follow_added:
            for name in happening.added:
                self._symbols.setdefault(name, VerifiedSymbol(name))
                self._series_symbols.setdefault(series, []).append(name)

    def _frame(self, frame: Received) -> None:
        kind, symbol = _kind(frame)
        self._frames[kind] += 1
        if kind in {"diff", "partial book"} and symbol in self._symbols:
            self._symbols[symbol].depth_frame(frame.receive_time_ns, sequenced=kind == "diff")

    def _message(self, line: RecordedLine, message: IngestMessage) -> None:
        if isinstance(message, DeadLetter):
            self._unreadable_count += 1
            if len(self._unreadable) < LISTED:
                place = line.place
                self._unreadable.append(UnreadableAt(file=place.file.name, line=place.line, reason=message.reason))
            return
        symbol = self._symbols.get(message.symbol)
        if symbol is None:
            return
        if isinstance(message, Book):
            symbol.book(message)
        elif isinstance(message, FeedGap):
            symbol.stretch(message)
        elif isinstance(message, Heartbeat):
            if message.clock_offset_ms is not None:
                self._offset_ms.take(message.clock_offset_ms)
            self._clock_jumps[line.place.series] = message.clock_jumps
            for kind, times in symbol.heartbeat(message):
                self._findings_count += times
                if len(self._findings) < LISTED:
                    finding = Finding(
                        kind=kind,
                        symbol=message.symbol,
                        file=line.place.file.name,
                        line=line.place.line,
                        receive_time_ms=message.receive_time_ms,
                        reason=message.reason or kind,
                    )
                    self._findings.append(self._with_ids(finding, line, message.update_id))

    def _with_ids(self, finding: Finding, line: RecordedLine, last_update_id: int | None) -> Finding:
        """The finding with the update ids of the diff that broke the book, where a single one did."""
        if not (isinstance(line, Recorded) and isinstance(line.arrival, Received)) or last_update_id is None:
            return finding
        diff = _decoded(line.arrival)
        if not isinstance(diff, DepthDiff) or diff.symbol != finding.symbol or finding.kind not in {"gap", "backwards"}:
            return finding
        missing = self._rules.follows_id(diff) - last_update_id
        if missing > 0:
            self._symbols[finding.symbol].missing_updates += missing
        return Finding(
            kind=finding.kind,
            symbol=finding.symbol,
            file=finding.file,
            line=finding.line,
            receive_time_ms=finding.receive_time_ms,
            reason=finding.reason,
            expected_update_id=last_update_id + (1 if self._summary.market == "spot" else 0),
            seen_first_update_id=diff.first_update_id,
            seen_final_update_id=diff.final_update_id,
            seen_previous_update_id=diff.previous_update_id,
            missing_updates=missing if missing > 0 else None,
        )


def _only(summary: RecordingSummary, symbols: Sequence[str]) -> RecordingSummary:
    if not symbols:
        return summary
    absent = [symbol for symbol in symbols if symbol not in summary.symbols]
    if absent:
        raise SettingsError(f"the recording holds no {', '.join(absent)}: its symbols are {', '.join(summary.symbols)}")
    sessions = tuple(
        RecordedSession(session.series, tuple(symbol for symbol in session.symbols if symbol in symbols))
        for session in summary.sessions
    )
    return RecordingSummary(summary.market, tuple(symbols), summary.first_event_time_ms, sessions)


def _kind(frame: Received) -> tuple[str, str | None]:
    """What a frame is, by its stream's name where it has one, and the symbol of a depth frame."""
    if frame.stream is not None:
        return _kind_of_stream(frame.stream.encode())
    if frame.payload.startswith(b'{"stream":"'):
        return _kind_of_stream(frame.payload[11 : frame.payload.find(b'"', 11, 11 + LONGEST_NAME)])
    decoded = _decoded(frame)
    symbol = decoded.symbol if isinstance(decoded, DepthDiff | PartialBook) else None
    kind = next((name for kind, name in _KINDS.items() if isinstance(decoded, kind)), "other")
    return kind, symbol


@lru_cache(maxsize=4096)
def _kind_of_stream(name: bytes) -> tuple[str, str | None]:
    symbol, _, kind = name.decode("utf-8", "replace").partition("@")
    kind = kind.partition("@")[0]
    if kind in _PARTIAL:
        return "partial book", symbol.upper()
    if kind == "depth":
        return "diff", symbol.upper()
    return {"bookTicker": "best quote", "trade": "trade"}.get(kind, "other"), None


def _decoded(frame: Received) -> object:
    try:
        return decode_frame(frame.payload, frame.stream)
    except UnreadableMessage:
        return None
