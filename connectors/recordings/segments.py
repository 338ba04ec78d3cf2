"""Writing one connection part's arrivals into segments: zstd files of lines, by hour and size.

A segment is `.part` while it is written and gets its name when it is closed, whole and synced. Each flush ends a zstd
frame, so a file that was torn by a crash is readable up to its last flush.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

import zstandard

from connectors.recordings.compressed import whole_frames
from connectors.recordings.following import Followed
from connectors.recordings.lines import Began, Header, Line, Lost, encode_line
from connectors.recordings.series import PART
from orderbook.market import Market

LEVEL: Final = 1
"""Of zstd: a frame is one second, in which higher levels find little more."""

NS_PER_S: Final = 1_000_000_000
SECONDS_PER_HOUR: Final = 3600
SUFFIX: Final = ".jsonl.zst"


def series_folder(folder: Path, venue: str, market: Market, part: str) -> Path:
    """Where the segments of a part stand within the recorder's folder."""
    return folder / f"{venue}-{market}-{part}"


class SegmentSeries:
    """The segments of one part, written by one thread of one process. Time is that of the lines.

    What an earlier process left open is salvaged first; the series then goes on with the next number, and the first
    segment says that a session begins. Methods raise OSError when the disk does.
    """

    def __init__(
        self, folder: Path, *, venue: str, market: Market, part: str, symbols: tuple[str, ...], segment_bytes: int
    ) -> None:
        self._folder = series_folder(folder, venue, market, part)
        self._venue = venue
        self._market: Market = market
        self._part = part
        self._segment_bytes = segment_bytes
        self._followed = Followed(symbols)
        self._open: _OpenSegment | None = None
        self._previous: str | None = None
        self._folder.mkdir(parents=True, exist_ok=True)
        self.salvaged: Final = salvage(self._folder)
        numbers = [_number(file) for file in self._folder.glob(f"*{SUFFIX}")]
        self._next_number = max(numbers, default=0) + 1

    def write(self, line: Line) -> None:
        """Add a line, in a new segment when the hour (UTC) of the open one is over or it has its size."""
        hour = line.receive_time_ns // NS_PER_S // SECONDS_PER_HOUR
        if self._open is not None and (hour > self._open.hour or self._open.size_bytes >= self._segment_bytes):
            self.close()
        if self._open is None:
            self._open = self._begin(line.receive_time_ns, hour)
        self._open.write(encode_line(line))
        if not isinstance(line, Began | Lost):
            self._followed.take(line)

    def flush(self) -> None:
        """Hand everything written so far to the operating system: a crash of this process keeps it."""
        if self._open is not None:
            self._open.flush()

    def close(self) -> None:
        """Close the open segment and give it its name; the next line begins another one."""
        if self._open is not None:
            self._previous = self._open.close().name
            self._open = None

    def _begin(self, began_ns: int, hour: int) -> _OpenSegment:
        header = Header(
            venue=self._venue,
            market=self._market,
            symbols=self._followed.symbols,
            part=self._part,
            segment=self._next_number,
            previous=self._previous,
            connections=self._followed.connections,
        )
        began = datetime.fromtimestamp(began_ns // NS_PER_S, UTC)
        segment = _OpenSegment(self._folder / f"{began:%Y%m%dT%H%M%SZ}-{self._next_number:06}{SUFFIX}", hour)
        self._next_number += 1
        segment.write(encode_line(Began(began_ns, header)))
        return segment


class _OpenSegment:
    """A segment that is being written; `size_bytes` is what the file holds so far."""

    def __init__(self, file: Path, hour: int) -> None:
        self.hour: Final = hour
        self.size_bytes = 0
        self._file = file
        self._part = _part_of(file)
        self._opened: BinaryIO = self._part.open("xb")
        self._compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
        self._frame: zstandard.ZstdCompressionObj | None = None

    def write(self, text: bytes) -> None:
        if self._frame is None:
            self._frame = self._compressor.compressobj()
        self._keep(self._frame.compress(text))

    def flush(self) -> None:
        if self._frame is not None:
            self._keep(self._frame.flush())
            self._frame = None
        self._opened.flush()

    def close(self) -> Path:
        self.flush()
        os.fsync(self._opened.fileno())
        self._opened.close()
        self._part.rename(self._file)
        return self._file

    def _keep(self, packed: bytes) -> None:
        self._opened.write(packed)
        self.size_bytes += len(packed)


def salvage(folder: Path) -> list[Path]:
    """Close what a crash left open: keep its whole frames, drop the torn end. Returns the segments that came of it.

    A file without any line but its header is removed.
    """
    closed: list[Path] = []
    for part in sorted(folder.glob(f"*{SUFFIX}{PART}")):
        whole, lines = whole_frames(part)
        if lines <= 1:
            part.unlink()
            continue
        with part.open("r+b") as opened:
            opened.truncate(whole)
            os.fsync(opened.fileno())
        file = part.with_name(part.name.removesuffix(PART))
        part.rename(file)
        closed.append(file)
    return closed


def _part_of(file: Path) -> Path:
    return file.with_name(file.name + PART)


def _number(file: Path) -> int:
    number = file.name.removesuffix(SUFFIX).rpartition("-")[2]
    return int(number) if number.isdigit() else 0
