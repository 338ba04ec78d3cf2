"""Reading recordings: segments of the recorder, and files of other formats (see `lines` and `foreign`).

A folder stands for all segments below it. Everything named together is one recording, merged by receive time.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Final

from connectors.binance.arrivals import NS_PER_MS, Received, SnapshotArrived
from connectors.recordings.compressed import BytesRead
from connectors.recordings.foreign import json_lines, websocket_and_rest
from connectors.recordings.recorded import Recorded, RecordedLine, UnreadableLine
from connectors.recordings.series import Series, series_of
from orderbook.errors import SettingsError
from orderbook.market import Market

LINES_LOOKED_AT: Final = 1000
HEAD_BYTES: Final = 200
JSON_LINES: Final = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".jsonl.zst.part")
FORMATS: Final = "name a folder of segments, a .jsonl, .jsonl.gz, .jsonl.zst or .ws file"

_DEPTH_STREAM: Final = re.compile(rb'"stream":"(?:[^"]*/)?(\w+)@depth')
_SYMBOL: Final = re.compile(rb'"s":"(\w+)"')
_EVENT_TIME: Final = re.compile(rb'"E":(\d+)')


@dataclass(frozen=True, slots=True)
class RecordedSession:
    """One connection's session in a recording: the series of its segments (empty for others) and its first symbols."""

    series: str
    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecordingSummary:
    """What a recording holds.

    `symbols` are all that are ever followed. `first_event_time_ms` is the exchange's time of the first depth frame, its
    receive time where the exchange gives none.
    """

    market: Market
    symbols: tuple[str, ...]
    first_event_time_ms: int
    sessions: tuple[RecordedSession, ...]


@dataclass(frozen=True, slots=True)
class _Depth:
    """What one file's or series' depth frames tell."""

    market: Market
    symbols: tuple[str, ...]
    first_event_time_ms: int


def summarise(files: Sequence[Path]) -> RecordingSummary:
    """Look through the files, which are one recording; those of other formats are read to their end for symbols.

    Raises SettingsError when there is no file, one cannot be read, nothing holds a depth frame, or when they mix
    markets, whose symbols would be taken for one another.
    """
    all_series, others = _sorted_out(files)
    told = [_depth(file.name, read_file(file)) for file in others]
    sessions = [RecordedSession("", _union(depth.symbols for depth in told))] if told else []
    for series in all_series:
        sessions.append(RecordedSession(series.name, series.symbols))
        beginning = islice(series.lines(), LINES_LOOKED_AT)
        depth = _depth(series.name, beginning, market=series.market, begun_ns=series.began_ns)
        told.append(_Depth(series.market, series.all_symbols, depth.first_event_time_ms))
    markets = sorted({depth.market for depth in told})
    if len(markets) > 1:
        raise SettingsError(
            f"the recordings {', '.join(file.name for file in files)} mix {' and '.join(markets)}: take one at a time"
        )
    return RecordingSummary(
        told[0].market,
        _union(depth.symbols for depth in told),
        min(depth.first_event_time_ms for depth in told),
        tuple(sessions),
    )


def read(files: Sequence[Path], bytes_read: BytesRead | None = None) -> Iterator[RecordedLine]:
    """Every line of the recording, merged by receive time; at equal times in the order of the files.

    Raises SettingsError when a file cannot be read.
    """
    all_series, others = _sorted_out(files)
    return heapq.merge(
        *(read_file(file, bytes_read) for file in others),
        *(series.lines(bytes_read) for series in all_series),
        key=_receive_time_ns,
    )


def read_file(file: Path, bytes_read: BytesRead | None = None) -> Iterator[RecordedLine]:
    """The lines of one file that is no segment, in their order; raises SettingsError when it cannot be read."""
    if file.suffix == ".ws":
        return websocket_and_rest(file, bytes_read)
    return json_lines(file, bytes_read)


def size_bytes(files: Sequence[Path]) -> int:
    """The size of all files together, what `bytes_read` adds up to; raises SettingsError."""
    all_series, others = _sorted_out(files)
    rest = [file.with_suffix(".http") for file in others if file.suffix == ".ws"]
    segments = [segment.file for series in all_series for segment in series.segments]
    return sum(file.stat().st_size for file in (*others, *rest, *segments) if file.is_file())


def _sorted_out(files: Sequence[Path]) -> tuple[list[Series], list[Path]]:
    """The series of segments, and the files of other formats, each checked to exist and to be of a known format."""
    if not files:
        raise SettingsError("no recording was named: set RECORDING to one or more files, comma-separated")
    named: list[Path] = []
    for file in files:
        if file.is_dir():
            below = sorted(inner for inner in file.rglob("*.jsonl.zst*") if inner.name.endswith(JSON_LINES))
            if not below:
                raise SettingsError(f"recording {file} is a folder without segments: no .jsonl.zst file is below it")
            named += below
        elif not file.is_file():
            raise SettingsError(f"recording {file} does not exist: {FORMATS}")
        elif not file.name.endswith((*JSON_LINES, ".ws")):
            raise SettingsError(f"recording {file} has an unknown format: {FORMATS}")
        elif not file.stat().st_size:
            raise SettingsError(f"recording {file} is empty: nothing was recorded, or its copying failed")
        else:
            named.append(file)
    return series_of(named)


def _depth(name: str, lines: Iterable[RecordedLine], market: Market | None = None, begun_ns: int = 0) -> _Depth:
    """Market, symbols and first time of the depth frames and snapshots among the lines.

    A known `market` says that there need be none yet; `begun_ns` is the time then.
    """
    symbols: dict[str, None] = {}
    first_ms: int | None = None
    markets: dict[Market, None] = {} if market is None else {market: None}
    refused: UnreadableLine | None = None
    for line in lines:
        if isinstance(line, UnreadableLine):
            refused = refused or line
        if not isinstance(line, Recorded):
            continue
        arrival = line.arrival
        if isinstance(arrival, SnapshotArrived):
            symbols[arrival.symbol] = None
        if not isinstance(arrival, Received) or (symbol := _depth_symbol(arrival)) is None:
            continue
        symbols[symbol] = None
        markets[_market(arrival.payload)] = None
        if first_ms is None:
            stated = _EVENT_TIME.search(arrival.payload)
            first_ms = int(stated.group(1)) if stated else arrival.receive_time_ns // NS_PER_MS
    if market is not None:
        return _Depth(market, tuple(symbols), begun_ns // NS_PER_MS if first_ms is None else first_ms)
    if first_ms is None:
        why = f"; {refused.place}: {refused.reason}" if refused is not None else ""
        raise SettingsError(f"recording {name} holds no depth frame, so there is no book in it{why}")
    if len(markets) > 1:
        raise SettingsError(f"recording {name} mixes {' and '.join(sorted(markets))}: one file is one market")
    return _Depth(next(iter(markets)), tuple(symbols), first_ms)


def _depth_symbol(frame: Received) -> str | None:
    """The symbol of a diff or partial book, None for any other frame."""
    head = frame.payload[:HEAD_BYTES]
    if frame.stream is not None:
        symbol, _, kind = frame.stream.partition("@")
        return symbol.upper() if kind.startswith("depth") else None
    if streamed := _DEPTH_STREAM.search(head):
        return streamed.group(1).decode().upper()
    if b'"depthUpdate"' in head and (named := _SYMBOL.search(head)):
        return named.group(1).decode()
    return None


def _market(payload: bytes) -> Market:
    """Spot gives no id of the diff before; COIN-M names the pair as well."""
    if b'"pu":' not in payload:
        return "spot"
    return "coinm" if b'"ps":' in payload else "usdm"


def _union(names: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(chain.from_iterable(names)))


def _receive_time_ns(line: RecordedLine) -> int:
    return line.receive_time_ns
