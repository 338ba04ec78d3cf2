"""Binance's wire format: WebSocket frames and REST snapshots, decoded into `orderbook.market` events.

Source: Binance public API documentation, Web Socket Streams, for Spot and for USD-M futures.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec
from msgspec import field

from orderbook.errors import UnreadableMessage
from orderbook.market import BestQuote, DepthDiff, Execution, Level, MarketEvent, Snapshot


class ServerShutdown(msgspec.Struct, frozen=True):
    """The exchange announces that it will close this connection."""


class Acknowledgement(msgspec.Struct, frozen=True):
    """The exchange's answer to a command, or a stream that is not followed; nothing to do."""


Frame: TypeAlias = MarketEvent | ServerShutdown | Acknowledgement


class _Diff(DepthDiff, frozen=True, kw_only=True):
    event_time_ms: int = field(name="E")
    symbol: str = field(name="s")
    first_update_id: int = field(name="U")
    final_update_id: int = field(name="u")
    bids: list[Level] = field(name="b")
    asks: list[Level] = field(name="a")
    previous_update_id: int | None = field(name="pu", default=None)


class _Quote(BestQuote, frozen=True, kw_only=True):
    update_id: int = field(name="u")
    symbol: str = field(name="s")
    bid_price: float = field(name="b")
    bid_qty: float = field(name="B")
    ask_price: float = field(name="a")
    ask_qty: float = field(name="A")


class _Execution(Execution, frozen=True, kw_only=True):
    event_time_ms: int = field(name="E")
    symbol: str = field(name="s")
    trade_id: int = field(name="t")
    trade_time_ms: int = field(name="T")
    price: float = field(name="p")
    quantity: float = field(name="q")
    buyer_is_maker: bool = field(name="m")


class _Snapshot(Snapshot, frozen=True, kw_only=True):
    last_update_id: int = field(name="lastUpdateId")


class _Wrapped(msgspec.Struct, frozen=True):
    """A frame of a combined stream."""

    stream: str
    data: msgspec.Raw


class _Kind(msgspec.Struct, frozen=True):
    """The event type of a frame of a raw stream; a spot bookTicker has none, only its `u` and `B`."""

    e: str | None = None
    u: int | None = None
    B: str | None = None


# strict=False turns decimal strings into floats inside msgspec's own decoder.
_wrapped = msgspec.json.Decoder(_Wrapped)
_kind = msgspec.json.Decoder(_Kind)
_diff = msgspec.json.Decoder(_Diff, strict=False)
_quote = msgspec.json.Decoder(_Quote, strict=False)
_execution = msgspec.json.Decoder(_Execution, strict=False)
_snapshot = msgspec.json.Decoder(_Snapshot, strict=False)

_COMBINED_START: Final = b'{"stream"'


def decode_frame(payload: bytes) -> Frame:
    """Read one WebSocket frame, of a combined or a raw stream; raises UnreadableMessage."""
    try:
        if payload.startswith(_COMBINED_START):
            wrapped = _wrapped.decode(payload)
            return _decode(wrapped.stream.partition("@")[2] or wrapped.stream, bytes(wrapped.data))
        kind = _kind.decode(payload)
        if kind.e is None and kind.u is not None and kind.B is not None:
            return _quote.decode(payload)
        return _decode(kind.e or "", payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as unreadable:
        raise UnreadableMessage(str(unreadable)) from None


def decode_snapshot(payload: bytes) -> Snapshot:
    """Read a REST depth snapshot; raises UnreadableMessage."""
    try:
        return _snapshot.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as unreadable:
        raise UnreadableMessage(str(unreadable)) from None


def _decode(kind: str, payload: bytes) -> Frame:
    """`kind` is what a stream's name says behind the @, its whole name without one, or a raw frame's event type."""
    if kind in {"depth", "depthUpdate"} or kind.startswith("depth@"):
        return _diff.decode(payload)
    if kind == "bookTicker":
        return _quote.decode(payload)
    if kind == "trade":
        return _execution.decode(payload)
    if kind in {"serverShutdown", "!serverShutdown"}:
        return ServerShutdown()
    return Acknowledgement()
