"""Recordings made by others, of the formats that are met in the wild.

- `NAME.jsonl[.gz|.zst]`, a line being `<receive time, ns> <JSON>`: a combined-stream frame or, inline, the REST
  snapshot of the file's only symbol; or, without a time in front, one message of a collection, `{"stream",
  "received_at_ms","data"}` or `{"src","msg"}`.
- `NAME.ws` with `NAME.http` beside it: a line is `<receive time, s>: <JSON>`; the REST answers stand in the second
  file as `<url> -> <receive time, s>: <JSON>`.

A snapshot whose request is not known is taken to have asked for as many levels as its longer side has.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from connectors.binance.arrivals import NS_PER_MS, Arrival, Received, SnapshotArrived
from connectors.binance.frames import UNREADABLE
from connectors.recordings.compressed import BytesRead, lines_of
from connectors.recordings.lines import INLINE_SNAPSHOT, decode_line
from connectors.recordings.recorded import Place, Recorded, RecordedLine, UnreadableLine
from orderbook.errors import SettingsError, UnreadableMessage

_REST_DEPTH: Final = re.compile(r"/depth\?symbol=(\w+)(?:&limit=(\d+))?")
_FRAME_SYMBOL: Final = re.compile(rb'"s":"(\w+)"')
_SECONDS: Final = re.compile(rb"\d+(?:\.\d+)?")


class _Sides(msgspec.Struct):
    bids: list[msgspec.Raw]
    asks: list[msgspec.Raw]
    symbol: str | None = None


class _Stamped(msgspec.Struct):
    stream: str
    received_at_ms: int
    data: msgspec.Raw


class _Sample(msgspec.Struct):
    src: str
    msg: msgspec.Raw


class _Timed(msgspec.Struct):
    E: int | None = None


class _TimedFrame(msgspec.Struct):
    data: _Timed | None = None


_sides = msgspec.json.Decoder(_Sides)
_stamped = msgspec.json.Decoder(_Stamped)
_sample = msgspec.json.Decoder(_Sample)
_timed_frame = msgspec.json.Decoder(_TimedFrame)


def json_lines(file: Path, bytes_read: BytesRead | None = None) -> Iterator[RecordedLine]:
    """The lines of a `.jsonl` file. A snapshot that comes before any frame follows the first one that names a symbol.

    Raises SettingsError when the file cannot be opened.
    """
    return _read(file, _JsonLines().arrivals, bytes_read)


def websocket_and_rest(file: Path, bytes_read: BytesRead | None = None) -> Iterator[RecordedLine]:
    """The lines of a `.ws` file and of the `.http` file beside it, merged by receive time; raises SettingsError."""
    rest = file.with_suffix(".http")
    if not rest.is_file():
        raise SettingsError(f"recording {file} lacks its REST answers: {rest.name} is not beside it")
    return heapq.merge(
        _read(file, _websocket_line, bytes_read), _read(rest, _rest_line, bytes_read), key=_receive_time_ns
    )


def _read(
    file: Path, arrivals: Callable[[bytes], Iterable[Arrival]], bytes_read: BytesRead | None
) -> Iterator[RecordedLine]:
    reached_ns = number = 0
    try:
        for number, line in enumerate(lines_of(file, bytes_read), start=1):
            if not line.strip():
                continue
            place = Place(file, number)
            try:
                for arrival in arrivals(line):
                    reached_ns = arrival.receive_time_ns
                    yield Recorded(place, arrival)
            except (UnreadableMessage, *UNREADABLE) as unreadable:
                yield UnreadableLine(place, reached_ns, str(unreadable), line)
    except UnreadableMessage as damaged:
        yield UnreadableLine(Place(file, number + 1), reached_ns, str(damaged))


class _JsonLines:
    """Reads the lines of one file: what it knows of those before a line decides what the line is."""

    def __init__(self) -> None:
        self._reached_ns = 0
        self._symbol: str | None = None
        self._early: list[tuple[int, bytes]] = []

    def arrivals(self, line: bytes) -> Iterator[Arrival]:
        """What a line gives: one arrival, or none or several around a snapshot that waits for its symbol.

        Raises UnreadableMessage or msgspec.DecodeError.
        """
        arrival = self._sample_line(line) if line.startswith(b"{") else self._timed_line(line)
        self._reached_ns = arrival.receive_time_ns
        if isinstance(arrival, Received):
            if arrival.stream is None and arrival.payload.startswith(INLINE_SNAPSHOT):
                yield from self._inline_snapshot(arrival)
                return
            if self._symbol is None and (named := _FRAME_SYMBOL.search(arrival.payload)):
                self._symbol = named.group(1).decode()
                for receive_time_ns, payload in self._early:
                    yield _snapshot(receive_time_ns, self._symbol, payload)
                self._early.clear()
        yield arrival

    def _inline_snapshot(self, arrival: Received) -> Iterator[Arrival]:
        symbol = _named_by(arrival.payload) or self._symbol
        if symbol is None:
            self._early.append((arrival.receive_time_ns, arrival.payload))
        else:
            yield _snapshot(arrival.receive_time_ns, symbol, arrival.payload)

    def _timed_line(self, line: bytes) -> Arrival:
        decoded = decode_line(line)
        if isinstance(decoded, Arrival):
            return decoded
        raise UnreadableMessage(f"a line of a segment, out of its place: {line[:60]!r}")

    def _sample_line(self, line: bytes) -> Arrival:
        if line.startswith(b'{"src"'):
            payload = bytes(_sample.decode(line).msg)
            return Received(self._event_time_ns(payload), payload)
        stamped = _stamped.decode(line)
        stream = stamped.stream.rpartition("/")[2]
        return Received(stamped.received_at_ms * NS_PER_MS, bytes(stamped.data), stream)

    def _event_time_ns(self, payload: bytes) -> int:
        """The exchange's time of a sample, whose receive time nobody kept."""
        try:
            timed = _timed_frame.decode(payload).data
        except UNREADABLE:
            return self._reached_ns
        return self._reached_ns if timed is None or timed.E is None else timed.E * NS_PER_MS


def _websocket_line(line: bytes) -> Iterable[Arrival]:
    if line.startswith(b"ws") and b" <-> " in line:
        return ()
    return (Received(*_timed(line)),)


def _rest_line(line: bytes) -> Iterable[Arrival]:
    url, _, answer = line.partition(b" -> ")
    asked = _REST_DEPTH.search(url.decode())
    if asked is None:
        return ()
    limit = int(asked.group(2)) if asked.group(2) else None
    receive_time_ns, payload = _timed(answer)
    return (_snapshot(receive_time_ns, asked.group(1), payload, limit),)


def _timed(line: bytes) -> tuple[int, bytes]:
    """Take `<s>: <JSON>` apart."""
    stamp, _, payload = line.partition(b": ")
    if not _SECONDS.fullmatch(stamp) or not payload.startswith(b"{"):
        raise UnreadableMessage(f"{line[:60]!r} is not a receive time in seconds and JSON")
    return _seconds_to_ns(stamp), payload


def _snapshot(receive_time_ns: int, symbol: str, payload: bytes, limit: int | None = None) -> SnapshotArrived:
    return SnapshotArrived(receive_time_ns, symbol, _levels(payload) if limit is None else limit, payload)


def _levels(payload: bytes) -> int | None:
    try:
        sides = _sides.decode(payload)
    except UNREADABLE:
        return None
    return max(len(sides.bids), len(sides.asks)) or None


def _named_by(payload: bytes) -> str | None:
    try:
        return _sides.decode(payload).symbol
    except UNREADABLE:
        return None


def _seconds_to_ns(stamp: bytes) -> int:
    whole, _, fraction = stamp.partition(b".")
    return int(whole) * 1_000_000_000 + int((fraction + b"000000000")[:9])


def _receive_time_ns(line: RecordedLine) -> int:
    return line.receive_time_ns
