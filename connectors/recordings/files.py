"""Reading recordings, of two formats that are told apart by the file's name.

- `NAME.jsonl[.gz]`: a line is `<receive time, ns> <JSON>`, the JSON a combined-stream frame or, inline, the REST
  snapshot of the file's only symbol.
- `NAME.ws` with `NAME.http` beside it: a line is `<receive time, s>: <JSON>`; the REST answers stand in the second
  file as `<url> -> <receive time, s>: <JSON>`.
"""

from __future__ import annotations

import gzip
import heapq
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Final, TypeAlias, cast

from connectors.binance.frames import decode_frame, decode_snapshot
from orderbook.errors import SettingsError, UnreadableMessage
from orderbook.market import DepthDiff, Market, Snapshot

NS_PER_MS: Final = 1_000_000
FRAMES_LOOKED_AT: Final = 1000
_REST_DEPTH = re.compile(r"/depth\?symbol=(\w+)&")
_FRAME_SYMBOL = re.compile(rb'"s":"(\w+)"')


@dataclass(frozen=True, slots=True)
class RecordedFrame:
    """A WebSocket frame as it was received."""

    receive_time_ms: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class RecordedSnapshot:
    """A REST snapshot as it was received."""

    receive_time_ms: int
    symbol: str
    snapshot: Snapshot


Recorded: TypeAlias = RecordedFrame | RecordedSnapshot


@dataclass(frozen=True, slots=True)
class RecordingSummary:
    """What the beginning of a recording's files tells.

    `first_event_time_ms` is the exchange's time of the first depth diff.
    """

    market: Market
    symbols: tuple[str, ...]
    first_event_time_ms: int


def summarise(files: Sequence[Path]) -> RecordingSummary:
    """Look at the beginning of the files, which are one recording.

    Raises SettingsError when there is no file, one cannot be read, holds no depth diff, or when the files mix spot
    and futures, whose symbols would be taken for one another.
    """
    if not files:
        raise SettingsError("no recording was named: set RECORDING to one or more files, comma-separated")
    beginnings = [_beginning(file) for file in files]
    markets = {beginning.market for beginning in beginnings}
    if len(markets) > 1:
        raise SettingsError(
            f"the recordings {', '.join(file.name for file in files)} mix spot and futures: replay them separately"
        )
    return RecordingSummary(
        beginnings[0].market,
        tuple(dict.fromkeys(symbol for beginning in beginnings for symbol in beginning.symbols)),
        min(beginning.first_event_time_ms for beginning in beginnings),
    )


def _beginning(file: Path) -> RecordingSummary:
    """What the first lines of one file tell."""
    symbols: dict[str, None] = {}
    first: DepthDiff | None = None
    for recorded in islice(read_file(file), FRAMES_LOOKED_AT):
        if isinstance(recorded, RecordedSnapshot):
            symbols[recorded.symbol] = None
            continue
        try:
            frame = decode_frame(recorded.payload)
        except UnreadableMessage:
            continue
        if isinstance(frame, DepthDiff):
            symbols[frame.symbol] = None
            first = first or frame
    if first is None:
        raise SettingsError(f"recording {file} holds no depth diff in its first {FRAMES_LOOKED_AT} lines")
    market: Market = "spot" if first.previous_update_id is None else "usdm"
    return RecordingSummary(market, tuple(symbols), first.event_time_ms)


def read(files: Sequence[Path]) -> Iterator[Recorded]:
    """Every recorded line of the files, merged by receive time; at equal times in the order of the files."""
    return heapq.merge(*(read_file(file) for file in files), key=_receive_time)


def read_file(file: Path) -> Iterator[Recorded]:
    """One file's lines in the order in which they were received; raises SettingsError when it cannot be read."""
    if not file.is_file():
        raise SettingsError(f"recording {file} does not exist: name a .jsonl, .jsonl.gz or .ws file")
    if file.suffix == ".ws":
        return heapq.merge(_websocket_lines(file), _rest_lines(file.with_suffix(".http")), key=_receive_time)
    if file.name.endswith((".jsonl", ".jsonl.gz")):
        return _json_lines(file)
    raise SettingsError(f"recording {file} has an unknown format: name a .jsonl, .jsonl.gz or .ws file")


def _receive_time(recorded: Recorded) -> int:
    return recorded.receive_time_ms


def _json_lines(file: Path) -> Iterator[Recorded]:
    symbol: str | None = None
    early: list[tuple[int, Snapshot]] = []
    with _open(file) as lines:
        for number, line in enumerate(lines, start=1):
            stamp, _, payload = line.rstrip(b"\n").partition(b" ")
            if not stamp.isdigit():
                raise SettingsError(f"recording {file}, line {number}: {line[:60]!r} does not begin with a time in ns")
            receive_time_ms = int(stamp) // NS_PER_MS
            if payload.startswith(b'{"lastUpdateId"'):
                snapshot = decode_snapshot(payload)
                if symbol is None:
                    early.append((receive_time_ms, snapshot))
                else:
                    yield RecordedSnapshot(receive_time_ms, symbol, snapshot)
                continue
            if symbol is None and (named := _FRAME_SYMBOL.search(payload)):
                symbol = named.group(1).decode()
                for _, snapshot in early:
                    yield RecordedSnapshot(receive_time_ms, symbol, snapshot)
            yield RecordedFrame(receive_time_ms, payload)


def _websocket_lines(file: Path) -> Iterator[Recorded]:
    with _open(file) as lines:
        for line in lines:
            stamp, colon, payload = line.rstrip(b"\n").partition(b": ")
            if colon and payload.startswith(b"{"):
                yield RecordedFrame(_seconds_to_ms(stamp), payload)


def _rest_lines(file: Path) -> Iterator[Recorded]:
    if not file.is_file():
        raise SettingsError(f"recording {file.with_suffix('.ws')} lacks its REST answers: {file.name} is not beside it")
    with _open(file) as lines:
        for line in lines:
            url, _, answer = line.rstrip(b"\n").partition(b" -> ")
            stamp, _, payload = answer.partition(b": ")
            if asked := _REST_DEPTH.search(url.decode()):
                yield RecordedSnapshot(_seconds_to_ms(stamp), asked.group(1), decode_snapshot(payload))


def _seconds_to_ms(stamp: bytes) -> int:
    whole, _, fraction = stamp.partition(b".")
    return int(whole) * 1000 + int((fraction + b"000")[:3])


def _open(file: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(file, "rb")) if file.suffix == ".gz" else file.open("rb")
