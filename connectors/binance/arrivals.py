"""What arrives at a connection's books, in the order of arrival: all that a session needs to make its messages.

Live connections make them, a recorder keeps them, a recording gives them back; `drive` hands each to the session. The
same arrivals make the same messages, whenever they are played.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from connectors.binance.frames import Acknowledgement, ServerShutdown, decode_frame, decode_snapshot, stream_symbol
from orderbook.errors import UnreadableMessage
from orderbook.messages import IngestMessage
from orderbook.session import IngestSession

NS_PER_MS: Final = 1_000_000
NO_EVENTS: Final = (Acknowledgement, ServerShutdown)
_NAME_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class Received:
    """A WebSocket frame as it arrived. `stream` names the stream of a raw connection, whose frames do not."""

    receive_time_ns: int
    payload: bytes
    stream: str | None = None


@dataclass(frozen=True, slots=True)
class SnapshotArrived:
    """The body of a REST depth answer, `limit` levels a side asked for; None where that is not known."""

    receive_time_ns: int
    symbol: str
    limit: int | None
    payload: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection is up where there was none; its streams flow from now on."""

    receive_time_ns: int


@dataclass(frozen=True, slots=True)
class OverlapBegan:
    """A second connection with the same streams is up beside the first: what both deliver arrives twice."""

    receive_time_ns: int


@dataclass(frozen=True, slots=True)
class OverlapEnded:
    """One of two connections has ended; the other goes on."""

    receive_time_ns: int


@dataclass(frozen=True, slots=True)
class Closed:
    """The last connection ended; updates are missed until one is up again."""

    receive_time_ns: int
    reason: str


@dataclass(frozen=True, slots=True)
class SymbolsChanged:
    """From now on `added` are followed as well, and `removed` no more."""

    receive_time_ns: int
    added: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """The exchange lists the symbol with another trading status, such as TRADING or BREAK."""

    receive_time_ns: int
    symbol: str
    status: str


@dataclass(frozen=True, slots=True)
class Waited:
    """Nothing else has arrived for a while. Without it a long silence could not be told from a clock that jumps."""

    receive_time_ns: int


Happening: TypeAlias = Opened | OverlapBegan | OverlapEnded | Closed | SymbolsChanged | StatusChanged | Waited
Arrival: TypeAlias = Received | SnapshotArrived | Happening


def drive(session: IngestSession, arrival: Arrival, origin: str) -> list[IngestMessage]:
    """Hand an arrival to the session and return what it makes; `origin` names where frames came from in dead letters.

    What cannot be read becomes a dead letter; nothing is raised.
    """
    now_ms = arrival.receive_time_ns // NS_PER_MS
    if isinstance(arrival, Received):
        try:
            frame = decode_frame(arrival.payload, arrival.stream)
        except UnreadableMessage as unreadable:
            depth_of = _depth_symbol(arrival.payload, arrival.stream)
            return session.unreadable(arrival.payload, str(unreadable), origin, now_ms, depth_of)
        if isinstance(frame, NO_EVENTS):
            return session.advance(now_ms)
        return session.event(frame, now_ms)
    if isinstance(arrival, SnapshotArrived):
        try:
            snapshot = decode_snapshot(arrival.payload, arrival.limit)
        except UnreadableMessage as unreadable:
            return session.unreadable(arrival.payload, str(unreadable), "depth snapshot", now_ms, streamed=False)
        return session.snapshot(arrival.symbol, snapshot, now_ms)
    return _happened(session, arrival, now_ms)


def _happened(session: IngestSession, arrival: Happening, now_ms: int) -> list[IngestMessage]:
    match arrival:
        case Opened():
            messages = session.connected(now_ms)
        case OverlapBegan():
            messages = session.overlap_began(now_ms)
        case OverlapEnded():
            messages = session.overlap_ended(now_ms)
        case Closed(_, reason):
            messages = session.disconnected(reason, now_ms)
        case SymbolsChanged(_, added, removed):
            messages = session.symbols_changed(added, removed, now_ms)
        case StatusChanged(_, symbol, status):
            messages = session.status_changed(symbol, status, now_ms)
        case Waited():
            messages = session.advance(now_ms)
    return messages


def _depth_symbol(payload: bytes, stream: str | None) -> str | None:
    """The symbol whose depth stream an unreadable frame belongs to, as far as its beginning or its connection tells."""
    if stream is not None:
        symbol, _, kind = stream.partition("@")
        return symbol.upper() if kind.startswith("depth") else None
    return stream_symbol(payload) if b"@depth" in payload[:_NAME_BYTES] else None
