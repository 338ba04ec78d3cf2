"""The segments of one connection part as one recording: in order, with what is missing between them made plain.

A segment that continues the one before it is played on without a seam. Where one does not (the recorder was started
again, a segment was deleted or is damaged), the books are distrusted at the seam, as after a lost connection.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from connectors.binance.arrivals import Arrival, Closed, Opened, OverlapBegan, SymbolsChanged
from connectors.recordings.compressed import BytesRead, lines_of
from connectors.recordings.following import Followed
from connectors.recordings.lines import Began, Header, Lost, decode_line
from connectors.recordings.recorded import LostFrames, Place, Recorded, RecordedLine, UnreadableLine
from orderbook.errors import UnreadableMessage
from orderbook.market import Market

PART: Final = ".part"


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of a series; `began_ns` is the receive time of its header."""

    file: Path
    header: Header
    began_ns: int

    @property
    def name(self) -> str:
        """Its name when it is closed, which the next one gives as `previous`."""
        return self.file.name.removesuffix(PART)


@dataclass(frozen=True, slots=True)
class Series:
    """The segments of one part, at least one, in their order."""

    name: str
    segments: tuple[Segment, ...]

    @property
    def market(self) -> Market:
        """The market of all of them."""
        return self.segments[0].header.market

    @property
    def began_ns(self) -> int:
        """Receive time of the first header."""
        return self.segments[0].began_ns

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols followed where the first segment begins."""
        return self.segments[0].header.symbols

    @property
    def all_symbols(self) -> tuple[str, ...]:
        """The symbols that any segment begins with."""
        return tuple(dict.fromkeys(chain.from_iterable(segment.header.symbols for segment in self.segments)))

    def lines(self, bytes_read: BytesRead | None = None) -> Iterator[RecordedLine]:
        """Every line of the segments; where one does not continue the one before, what makes the seam plain."""
        followed = Followed(self.symbols)
        previous: Segment | None = None
        whole = True
        reached_ns = self.began_ns
        for segment in self.segments:
            place = Place(segment.file, 1, self.name)
            if not (whole and previous is not None and segment.header.previous == previous.name):
                for arrival in list(_seam(followed, previous, reached_ns, segment)):
                    followed.take(arrival)
                    yield Recorded(place, arrival)
            reached_ns, whole = yield from _followed_lines(followed, segment, self.name, bytes_read)
            previous = segment


def series_of(files: Sequence[Path]) -> tuple[list[Series], list[Path]]:
    """Sort files into series of segments, by the header that a segment begins with, and files of other formats."""
    segments: dict[tuple[str, str, str], list[Segment]] = {}
    others: list[Path] = []
    for file in dict.fromkeys(files):
        segment = _segment(file)
        if segment is None:
            others.append(file)
        else:
            key = (segment.header.venue, segment.header.market, segment.header.part)
            segments.setdefault(key, []).append(segment)
    return [
        Series(" ".join(key), tuple(sorted(found, key=lambda segment: segment.header.segment)))
        for key, found in segments.items()
    ], others


def _segment(file: Path) -> Segment | None:
    if file.suffix == ".ws":
        return None
    try:
        line = next(iter(lines_of(file)), b"")
        first = decode_line(line) if b'{"recording"' in line[:40] else None
    except UnreadableMessage:
        return None
    return Segment(file, first.header, first.receive_time_ns) if isinstance(first, Began) else None


def _followed_lines(
    followed: Followed, segment: Segment, series: str, bytes_read: BytesRead | None
) -> Generator[RecordedLine, None, tuple[int, bool]]:
    """The lines of one segment, and what `_lines` returns; `followed` moves on with them."""
    lines = _lines(segment, series, bytes_read)
    while True:
        try:
            line = next(lines)
        except StopIteration as end:
            reached_ns, whole = end.value
            return reached_ns, whole
        if isinstance(line, Recorded):
            followed.take(line.arrival)
        yield line


def _lines(
    segment: Segment, series: str, bytes_read: BytesRead | None
) -> Generator[RecordedLine, None, tuple[int, bool]]:
    """The lines of one segment after its header; returns the receive time reached, and whether it was read whole.

    The torn end of one that is still written is no damage.
    """
    reached_ns = segment.began_ns
    number = 1
    try:
        for number, line in enumerate(lines_of(segment.file, bytes_read), start=1):
            place = Place(segment.file, number, series)
            try:
                decoded = decode_line(line)
            except UnreadableMessage as unreadable:
                yield UnreadableLine(place, reached_ns, str(unreadable), line)
                continue
            reached_ns = decoded.receive_time_ns
            match decoded:
                case Began():
                    pass
                case Lost(_, count):
                    yield LostFrames(place, reached_ns, count)
                case arrival:
                    yield Recorded(place, arrival)
    except UnreadableMessage as damaged:
        if not segment.file.name.endswith(PART):
            yield UnreadableLine(Place(segment.file, number + 1, series), reached_ns, str(damaged))
        return reached_ns, False
    return reached_ns, True


def _seam(followed: Followed, previous: Segment | None, reached_ns: int, segment: Segment) -> Iterator[Arrival]:
    """What must be played before a segment that continues none, so that it begins as its header says.

    The connection counts as lost since the previous one's last line.
    """
    header, now_ns = segment.header, segment.began_ns
    if previous is not None:
        if followed.connections:
            yield Closed(reached_ns, _why_broken(header, previous))
        added = tuple(symbol for symbol in header.symbols if symbol not in followed.symbols)
        removed = tuple(symbol for symbol in followed.symbols if symbol not in header.symbols)
        if added or removed:
            yield SymbolsChanged(now_ns, added, removed)
    if header.connections:
        yield Opened(now_ns)
    if header.connections > 1:
        yield OverlapBegan(now_ns)


def _why_broken(header: Header, previous: Segment) -> str:
    if header.previous == previous.name:
        return f"the segment before this one is damaged: {previous.name}"
    if header.previous is None:
        return "the recorder was started again here: what arrived before is not recorded"
    return f"the segment before this one is missing: {header.previous}"
