"""The recorder's line format: one arrival a line, `<receive time, ns> <JSON>`, and the header of a segment.

| JSON | what it is |
|---|---|
| `{"recording":1,…}` | the first line of a segment: `Header` |
| `{"snapshot":SYMBOL,"limit":N,"data":BODY}` | the body of a REST depth answer |
| `{"event":…}` | what happened to the connection, or `lost`: frames that the recorder could not keep |
| `{"raw":STREAM,"data":FRAME}` | a frame of a raw connection, which does not name its stream itself |
| `{"raw_base64":…}` | a frame or a body that is not one line of JSON, byte by byte |
| anything else | a frame as it arrived |

Every frame and body comes back as the bytes it was. One that is JSON but begins like a line of ours is kept in base64.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec

from connectors.binance.arrivals import (
    Arrival,
    Closed,
    Opened,
    OverlapBegan,
    OverlapEnded,
    Received,
    SnapshotArrived,
    StatusChanged,
    SymbolsChanged,
    Waited,
)
from connectors.binance.frames import UNREADABLE
from orderbook.errors import UnreadableMessage
from orderbook.market import Market

FORMAT: Final = 1
INLINE_SNAPSHOT: Final = b'{"lastUpdateId"'
_OURS: Final = (b'{"recording"', b'{"snapshot"', b'{"event"', b'{"raw"', b'{"raw_base64"')


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of a segment.

    `symbols` are those followed and `connections` those up (0, 1, or 2 while they overlap) where it begins. `previous`
    names the segment that it continues; null where a session begins.
    """

    recording: int = FORMAT
    venue: str
    market: Market
    symbols: tuple[str, ...]
    part: str
    segment: int
    previous: str | None = None
    connections: int = 0


@dataclass(frozen=True, slots=True)
class Began:
    """A segment began."""

    receive_time_ns: int
    header: Header


@dataclass(frozen=True, slots=True)
class Lost:
    """`count` frames arrived here that the recorder could not keep; events and snapshots it always keeps."""

    receive_time_ns: int
    count: int


Line: TypeAlias = Arrival | Began | Lost


class _Snapshot(msgspec.Struct):
    snapshot: str
    limit: int | None
    data: msgspec.Raw


class _SnapshotBase64(msgspec.Struct):
    snapshot: str
    limit: int | None
    raw_base64: str


class _AnySnapshot(msgspec.Struct):
    snapshot: str
    limit: int | None
    data: msgspec.Raw = msgspec.Raw()
    raw_base64: str | None = None


class _Raw(msgspec.Struct):
    raw: str
    data: msgspec.Raw


class _RawBase64(msgspec.Struct, omit_defaults=True):
    raw_base64: str
    stream: str | None = None


_EVENTS: Final[dict[str, type[Line]]] = {
    "opened": Opened,
    "overlap_began": OverlapBegan,
    "overlap_ended": OverlapEnded,
    "closed": Closed,
    "symbols_changed": SymbolsChanged,
    "status_changed": StatusChanged,
    "waited": Waited,
    "lost": Lost,
}
_EVENT_NAMES: Final = {kind: name for name, kind in _EVENTS.items()}

_header = msgspec.json.Decoder(Header)
_snapshot = msgspec.json.Decoder(_AnySnapshot)
_event = msgspec.json.Decoder(dict[str, object])
_raw = msgspec.json.Decoder(_Raw)
_raw_base64 = msgspec.json.Decoder(_RawBase64)
_json = msgspec.json.Decoder(msgspec.Raw)
_encode = msgspec.json.Encoder().encode


def encode_line(line: Line) -> bytes:
    """Return the line, its newline included."""
    return b"%d %s\n" % (line.receive_time_ns, _encoded(line))


def decode_line(line: bytes) -> Line:
    """Read a line, with or without its newline; raises UnreadableMessage."""
    stamp, _, text = line.removesuffix(b"\n").partition(b" ")
    if not stamp.isdigit():
        raise UnreadableMessage(f"{line[:60]!r} does not begin with a receive time in ns")
    if not text.startswith(b"{"):
        raise UnreadableMessage(f"{text[:60]!r} is no JSON object")
    receive_time_ns = int(stamp)
    if not text.startswith(_OURS):
        return Received(receive_time_ns, text)
    try:
        return _decoded(receive_time_ns, text)
    except (*UNREADABLE, ValueError) as unreadable:
        raise UnreadableMessage(f"{unreadable}: {text[:60]!r}") from None


def _encoded(line: Line) -> bytes:
    match line:
        case Received(_, payload, stream):
            return _encoded_frame(payload, stream)
        case SnapshotArrived(_, symbol, limit, payload):
            if _is_one_line(payload):
                return _encode(_Snapshot(symbol, limit, msgspec.Raw(payload)))
            return _encode(_SnapshotBase64(symbol, limit, _base64(payload)))
        case Began(_, header):
            return _encode(header)
        case event:
            fields = msgspec.to_builtins(event)
            del fields["receive_time_ns"]
            return _encode({"event": _EVENT_NAMES[type(event)], **fields})


def _encoded_frame(payload: bytes, stream: str | None) -> bytes:
    if not _is_one_line(payload) or (stream is None and payload.startswith((*_OURS, INLINE_SNAPSHOT))):
        return _encode(_RawBase64(_base64(payload), stream))
    return payload if stream is None else _encode(_Raw(stream, msgspec.Raw(payload)))


def _decoded(receive_time_ns: int, text: bytes) -> Line:
    if text.startswith(b'{"event"'):
        return _decoded_event(receive_time_ns, _event.decode(text))
    if text.startswith(b'{"snapshot"'):
        snapshot = _snapshot.decode(text)
        payload = bytes(snapshot.data) if snapshot.raw_base64 is None else _bytes(snapshot.raw_base64)
        if snapshot.raw_base64 is None and not payload:
            raise UnreadableMessage(f"a snapshot without its body: {text[:60]!r}")
        return SnapshotArrived(receive_time_ns, snapshot.snapshot, snapshot.limit, payload)
    if text.startswith(b'{"raw"'):
        raw = _raw.decode(text)
        return Received(receive_time_ns, bytes(raw.data), raw.raw)
    if text.startswith(b'{"raw_base64"'):
        kept = _raw_base64.decode(text)
        return Received(receive_time_ns, _bytes(kept.raw_base64), kept.stream)
    header = _header.decode(text)
    if header.recording != FORMAT:
        raise UnreadableMessage(f"format {header.recording} of recordings is not known: this reads format {FORMAT}")
    return Began(receive_time_ns, header)


def _decoded_event(receive_time_ns: int, fields: dict[str, object]) -> Line:
    name = fields.pop("event")
    kind = _EVENTS.get(str(name))
    if kind is None:
        raise UnreadableMessage(f"event {name!r} is not known: only {', '.join(_EVENTS)} are")
    return msgspec.convert({**fields, "receive_time_ns": receive_time_ns}, kind)


def _is_one_line(payload: bytes) -> bool:
    """True for a JSON object that stands on one line and loses nothing there."""
    if not payload.startswith(b"{") or not payload.endswith(b"}") or b"\n" in payload or b"\r" in payload:
        return False
    try:
        payload.decode()
        _json.decode(payload)
    except UNREADABLE:
        return False
    return True


def _base64(payload: bytes) -> str:
    return base64.b64encode(payload).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
