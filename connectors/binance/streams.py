"""Which streams a symbol needs, and how one connection asks for all of its own.

As many as fit stand in the address; the rest is asked for by SUBSCRIBE commands, which the exchange confirms. Source:
Binance public API documentation, Web Socket Streams: 1024 streams a connection, 5 incoming messages a second.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from connectors.binance.frames import UNREADABLE
from orderbook.settings import DepthStream

MOST_STREAMS: Final = 1024
MOST_SYMBOLS: Final = 340
"""Symbols on one connection: 1020 streams."""
LONGEST_ADDRESS: Final = 6_000
"""Bytes of stream names in an address; 8 KB is what servers commonly take."""
STREAMS_A_COMMAND: Final = 200


@dataclass(frozen=True, slots=True)
class Command:
    """One SUBSCRIBE command, and the id its confirmation carries."""

    id: int
    text: str


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """The address to connect to, and the commands to send after that."""

    url: str
    commands: tuple[Command, ...]


class _Reply(msgspec.Struct, frozen=True):
    id: int
    error: msgspec.Raw | None = None


_reply = msgspec.json.Decoder(_Reply)


def stream_plan(base: str, symbols: Sequence[str], depth: DepthStream = "depth") -> StreamPlan:
    """How to get the depth diffs (or partial books), trades and best quotes of the symbols over one connection."""
    streams = (f"{depth}@100ms", "trade", "bookTicker")
    names = [f"{symbol.lower()}@{stream}" for symbol in symbols for stream in streams]
    address: list[str] = []
    length = 0
    for name in names:
        length += len(name) + 1
        if length > LONGEST_ADDRESS:
            break
        address.append(name)
    commands = (
        Command(number, msgspec.json.encode({"method": "SUBSCRIBE", "params": part, "id": number}).decode())
        for number, part in enumerate(_parts(names[len(address) :]), start=1)
    )
    return StreamPlan(f"{base}/stream?streams={'/'.join(address)}", tuple(commands))


def confirmed(payload: bytes) -> int | None:
    """The id of the command that a frame confirms; None for any other frame, such as an event or a refusal."""
    try:
        reply = _reply.decode(payload)
    except UNREADABLE:
        return None
    return reply.id if reply.error is None else None


def _parts(names: list[str]) -> Iterator[list[str]]:
    for begin in range(0, len(names), STREAMS_A_COMMAND):
        yield names[begin : begin + STREAMS_A_COMMAND]
