"""Binance's wire format: WebSocket frames and REST snapshots, decoded into `orderbook.market` events.

A frame of a combined stream begins with its stream's name, which says how to read the rest: the whole frame is then
decoded at once. Frames that are written differently (spaces, another order of keys, escapes) and frames of raw
streams are read by their content, with the same result.

Source: Binance public API documentation, Web Socket Streams, for Spot, USD-M and COIN-M futures.
"""

from __future__ import annotations

import re
import sys
from functools import lru_cache
from typing import Annotated, Final, Generic, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, field

from orderbook.errors import UnreadableMessage
from orderbook.market import BestQuote, DepthDiff, Execution, Level, MarketEvent, PartialBook, Snapshot

T = TypeVar("T")


class ServerShutdown(msgspec.Struct, frozen=True):
    """The exchange announces that it will close this connection."""


class Acknowledgement(msgspec.Struct, frozen=True):
    """The exchange's answer to a command, or a stream that is not followed; nothing to do."""


Frame: TypeAlias = MarketEvent | ServerShutdown | Acknowledgement

# msgspec reads "nan" and "inf" as floats. The levels of diffs and snapshots are checked where they are applied, by
# LocalBook; everything else is checked by these bounds, which NaN does not meet either.
_Price: TypeAlias = Annotated[float, Meta(gt=0, le=sys.float_info.max)]
_Quantity: TypeAlias = Annotated[float, Meta(ge=0, le=sys.float_info.max)]
_PartialLevel: TypeAlias = tuple[_Price, _Quantity]


class _Diff(DepthDiff, frozen=True, kw_only=True, gc=False):
    """An event of another type on a depth stream is none that we know how to apply."""

    event_type: Literal["depthUpdate"] = field(name="e", default="depthUpdate")
    event_time_ms: int = field(name="E")
    symbol: str = field(name="s")
    first_update_id: int = field(name="U")
    final_update_id: int = field(name="u")
    bids: list[Level] = field(name="b")
    asks: list[Level] = field(name="a")
    previous_update_id: int | None = field(name="pu", default=None)


class _SpotPartial(msgspec.Struct, frozen=True, gc=False):
    """Spot states neither symbol nor time."""

    last_update_id: int = field(name="lastUpdateId")
    bids: list[_PartialLevel]
    asks: list[_PartialLevel]


class _FuturesPartial(PartialBook, frozen=True, kw_only=True, gc=False):
    """Futures state the best levels in the shape of a diff."""

    symbol: str = field(name="s")
    last_update_id: int = field(name="u")
    event_time_ms: int | None = field(name="E")
    bids: list[_PartialLevel] = field(name="b")
    asks: list[_PartialLevel] = field(name="a")


class _Quote(BestQuote, frozen=True, kw_only=True, gc=False):
    update_id: int = field(name="u")
    symbol: str = field(name="s")
    bid_price: _Price = field(name="b")
    bid_qty: _Quantity = field(name="B")
    ask_price: _Price = field(name="a")
    ask_qty: _Quantity = field(name="A")


class _Execution(Execution, frozen=True, kw_only=True, gc=False):
    event_time_ms: int = field(name="E")
    symbol: str = field(name="s")
    trade_id: int = field(name="t")
    trade_time_ms: int = field(name="T")
    price: _Price = field(name="p")
    quantity: _Quantity = field(name="q")
    buyer_is_maker: bool = field(name="m")


class _Snapshot(Snapshot, frozen=True, kw_only=True):
    last_update_id: int = field(name="lastUpdateId")


class _Wrapped(msgspec.Struct, frozen=True):
    """A frame of a combined stream."""

    stream: str
    data: msgspec.Raw


class _Combined(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """A frame of a combined stream whose name is known already."""

    data: T


class _Shape(msgspec.Struct, frozen=True):
    """What tells the frames of raw streams apart, and the markets of diffs.

    Every event has a type `e` but the bookTicker of spot, which has `u` and `B`, and its partial books.
    """

    e: str | None = None
    u: int | None = None
    B: str | None = None
    pu: int | None = None
    ps: str | None = None
    last_update_id: int | None = field(name="lastUpdateId", default=None)
    stream: str | None = None


# strict=False turns decimal strings into floats inside msgspec's own decoder.
_diff = msgspec.json.Decoder(_Diff, strict=False)
_quote = msgspec.json.Decoder(_Quote, strict=False)
_execution = msgspec.json.Decoder(_Execution, strict=False)
_combined_diff = msgspec.json.Decoder(_Combined[_Diff], strict=False)
_combined_quote = msgspec.json.Decoder(_Combined[_Quote], strict=False)
_combined_execution = msgspec.json.Decoder(_Combined[_Execution], strict=False)
_spot_partial = msgspec.json.Decoder(_SpotPartial, strict=False)
_futures_partial = msgspec.json.Decoder(_FuturesPartial, strict=False)
_snapshot = msgspec.json.Decoder(_Snapshot, strict=False)
_wrapped = msgspec.json.Decoder(_Wrapped)
_shape = msgspec.json.Decoder(_Shape)

_CombinedDecoder: TypeAlias = (
    msgspec.json.Decoder[_Combined[_Diff]]
    | msgspec.json.Decoder[_Combined[_Quote]]
    | msgspec.json.Decoder[_Combined[_Execution]]
)

UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are not the JSON that was expected, those of a text nested too deeply included."""
_NAME_START: Final = b'{"stream":"'
_LONGEST_NAME: Final = 100
_NAMES_REMEMBERED: Final = 4096
_STREAM_SYMBOL: Final = re.compile(rb'\s*\{\s*"stream"\s*:\s*"([^"\\@!]+)@')
_PARTIAL_DEPTHS: Final = frozenset({"depth5", "depth10", "depth20"})


def decode_frame(payload: bytes, stream: str | None = None) -> Frame:
    """Read one WebSocket frame, of a combined or a raw stream; raises UnreadableMessage and nothing else.

    `stream` names the stream of a raw connection that has only one. Raw partial books need it: spot's do not say what
    symbol they are of (without it they are acknowledged), and futures' look like diffs.
    """
    try:
        if payload.startswith(_NAME_START):
            end = payload.find(b'"', len(_NAME_START), len(_NAME_START) + _LONGEST_NAME)
            decoder = _combined_decoder(payload[len(_NAME_START) : end])
            if decoder is not None:
                return decoder.decode(payload).data
        return _decode_by_content(payload, stream)
    except UNREADABLE as unreadable:
        raise UnreadableMessage(str(unreadable)) from None


def decode_snapshot(payload: bytes, limit: int | None = None) -> Snapshot:
    """Read a REST depth snapshot of `limit` levels a side; raises UnreadableMessage."""
    try:
        read = _snapshot.decode(payload)
    except UNREADABLE as unreadable:
        raise UnreadableMessage(str(unreadable)) from None
    return Snapshot(last_update_id=read.last_update_id, bids=read.bids, asks=read.asks, limit=limit)


def stream_symbol(payload: bytes) -> str | None:
    """The symbol, in capitals, that a combined frame belongs to, also when its data cannot be read.

    It is the stream's name up to the @; None where the frame does not begin with a name that has a symbol.
    """
    named = _STREAM_SYMBOL.match(payload)
    try:
        return named.group(1).decode().upper() if named else None
    except UnicodeDecodeError:
        return None


def market_of_frame(payload: bytes) -> Literal["spot", "usdm", "coinm"] | None:
    """The market whose diffs look like this frame; None for every other frame, also for one that cannot be read."""
    try:
        shape = _shape.decode(payload)
        if shape.stream is not None:
            shape = _shape.decode(_wrapped.decode(payload).data)
    except UNREADABLE:
        return None
    if shape.e != "depthUpdate":
        return None
    if shape.ps is not None:
        return "coinm"
    return "spot" if shape.pu is None else "usdm"


@lru_cache(maxsize=_NAMES_REMEMBERED)
def _combined_decoder(name: bytes) -> _CombinedDecoder | None:
    """What reads a whole frame of the stream; None where that takes a look at the frame's content."""
    _, _, kind = name.partition(b"@")
    if kind == b"depth" or kind.startswith(b"depth@"):
        return _combined_diff
    if kind == b"bookTicker":
        return _combined_quote
    if kind == b"trade":
        return _combined_execution
    return None


def _decode_by_content(payload: bytes, stream: str | None) -> Frame:
    shape = _shape.decode(payload)
    if shape.stream is not None:
        return _decode_stream(shape.stream, _wrapped.decode(payload).data)
    if stream is not None and _is_partial(stream) and (shape.e == "depthUpdate" or shape.last_update_id is not None):
        return _decode_partial(stream, payload)
    if shape.e is None and shape.u is not None and shape.B is not None:
        return _quote.decode(payload)
    return _decode_kind(shape.e or "", payload)


def _decode_stream(stream: str, payload: msgspec.Raw) -> Frame:
    if _is_partial(stream):
        return _decode_partial(stream, payload)
    return _decode_kind(stream.partition("@")[2] or stream, payload)


def _decode_kind(kind: str, payload: bytes | msgspec.Raw) -> Frame:
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


def _is_partial(stream: str) -> bool:
    symbol, _, kind = stream.partition("@")
    return bool(symbol) and kind.partition("@")[0] in _PARTIAL_DEPTHS


def _decode_partial(stream: str, payload: bytes | msgspec.Raw) -> PartialBook:
    if _shape.decode(payload).e is not None:
        return _futures_partial.decode(payload)
    spot = _spot_partial.decode(payload)
    return PartialBook(
        symbol=stream.partition("@")[0].upper(),
        last_update_id=spot.last_update_id,
        event_time_ms=None,
        bids=spot.bids,
        asks=spot.asks,
    )
