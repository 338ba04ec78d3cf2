"""What can be made to go wrong on purpose: every fault by its name, its fields and their limits.

    Fault
    ├── of one symbol's streams    drop_diff, duplicate_diff, reorder_diff, delay, corrupt, crossed_book, wrong_quote,
    │                              stall_symbol, quiet_symbol, delist, relist, clock_jump (also of all symbols)
    ├── of connections             stall_all, disconnect, close, refuse, half_open, no_pong, server_shutdown, cut_24h
    └── of REST                    stale_snapshot, rest_status, slow_rest

Faults of streams last by the market's clock, those of connections and REST by the machine's: the same at speed 1. A
fault that counts diffs counts on each of the two diff streams of its symbol.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Final, Literal, get_args

import msgspec
from msgspec import Meta, inspect

from connectors.simulator.history import HISTORY_MS

Count = Annotated[int, Meta(ge=1, le=10_000)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]
Notice = Annotated[float, Meta(ge=0, le=3600)]
CorruptionKind = Literal[
    "bad_json", "truncated", "unknown_event", "wrong_types", "huge_frame", "nan", "negative_qty"
]  # fmt: skip
CloseCode = Literal[1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014]
RestStatus = Literal[403, 418, 429, 451, 500, 502, 503, 504]


MOST_NAMED: Final = 20
"""Symbols that a refusal lists."""


class BadFault(Exception):
    """A fault that makes no sense; the text says what would."""


class _Named(msgspec.Struct, frozen=True, tag_field="kind", forbid_unknown_fields=True, kw_only=True):
    """Any fault: `kind` is its name."""


class OfSymbol(_Named, frozen=True):
    """A fault of one symbol."""

    symbol: str


class DropDiff(OfSymbol, frozen=True, tag="drop_diff"):
    """The next `count` diffs of the symbol are lost."""

    count: Count = 1


class DuplicateDiff(OfSymbol, frozen=True, tag="duplicate_diff"):
    """Each of the next `count` diffs of the symbol is sent twice."""

    count: Count = 1


class ReorderDiff(OfSymbol, frozen=True, tag="reorder_diff"):
    """The next diff of the symbol comes after the one that follows it; `count` pairs."""

    count: Count = 1


class Delay(OfSymbol, frozen=True, tag="delay"):
    """Everything of the symbol is held for `duration_s`, then delivered at once and in order."""

    duration_s: Seconds = 3.0


class Corrupt(OfSymbol, frozen=True, tag="corrupt"):
    """The next `count` diffs of the symbol are spoiled: `how` says in which way."""

    how: CorruptionKind = "bad_json"
    count: Count = 1


class CrossedBook(OfSymbol, frozen=True, tag="crossed_book"):
    """The next diff of the symbol holds a bid 50 bps above the ask that the exchange's own book has not.

    Its update ids are right and no later diff mentions the level: only a new snapshot heals the receiver's book.
    """


class WrongQuote(OfSymbol, frozen=True, tag="wrong_quote"):
    """Before each of the next `count` diffs comes a bookTicker of the diff's last update id with a wrong best bid."""

    count: Count = 1


class StallSymbol(OfSymbol, frozen=True, tag="stall_symbol"):
    """Nothing of the symbol is sent for `duration_s`; its market goes on, so a gap follows."""

    duration_s: Seconds = 5.0


class QuietSymbol(OfSymbol, frozen=True, tag="quiet_symbol"):
    """The market of the symbol stands still for `duration_s`; no gap follows."""

    duration_s: Seconds = 5.0


class StaleSnapshot(OfSymbol, frozen=True, tag="stale_snapshot"):
    """The next `count` depth answers of the symbol are its book of `age_ms` ago."""

    count: Count = 1
    age_ms: Annotated[int, Meta(ge=1, le=HISTORY_MS)] = 5000


class Delist(OfSymbol, frozen=True, tag="delist"):
    """The symbol's status becomes BREAK, its market stands still and its streams fall silent."""


class Relist(OfSymbol, frozen=True, tag="relist"):
    """The symbol trades again, from where its market stood; no gap follows."""


class ClockJump(_Named, frozen=True, tag="clock_jump"):
    """The event times of `symbol`, or of all symbols, are shifted by `shift_ms` for `duration_s`."""

    shift_ms: Annotated[int, Meta(ge=-86_400_000, le=86_400_000)] = -2000
    duration_s: Seconds = 5.0
    symbol: str | None = None


class StallAll(_Named, frozen=True, tag="stall_all"):
    """No event of any symbol is sent for `duration_s`; the markets go on, so gaps follow. Pings are sent."""

    duration_s: Seconds = 5.0


class Disconnect(_Named, frozen=True, tag="disconnect"):
    """Every connection is cut off without a closing handshake."""


class Close(_Named, frozen=True, tag="close"):
    """Every connection is closed with `code`."""

    code: CloseCode = 1001


class Refuse(_Named, frozen=True, tag="refuse"):
    """For `duration_s` a new WebSocket connection is answered by HTTP 503."""

    duration_s: Seconds = 5.0


class HalfOpen(_Named, frozen=True, tag="half_open"):
    """The connections of this moment stay open and nothing is ever sent on them again; new ones work."""


class NoPong(_Named, frozen=True, tag="no_pong"):
    """For `duration_s` the pings of clients are not answered."""

    duration_s: Seconds = 60.0


class ServerShutdown(_Named, frozen=True, tag="server_shutdown"):
    """Every connection is sent `serverShutdown` and closed `notice_s` later."""

    notice_s: Notice = 10.0


class Cut24h(_Named, frozen=True, tag="cut_24h"):
    """The life of every connection is over: `serverShutdown`, and the end as long after it as at 24 h."""


class RestStatusFault(_Named, frozen=True, tag="rest_status"):
    """REST requests are answered by `status`, for `duration_s`, `count` times, or what ends first; else once.

    `path`: only those whose path ends so, such as `depth`. `retry_after_s` goes with 429 and 418.
    """

    status: RestStatus = 503
    duration_s: Seconds | None = None
    count: Count | None = None
    path: str | None = None
    retry_after_s: Annotated[int, Meta(ge=0, le=3600)] = 2


class SlowRest(_Named, frozen=True, tag="slow_rest"):
    """For `duration_s` every REST answer comes `delay_s` late."""

    delay_s: Annotated[float, Meta(gt=0, le=600)] = 3.0
    duration_s: Seconds = 10.0


StreamFault = (
    DropDiff | DuplicateDiff | ReorderDiff | Delay | Corrupt | CrossedBook | WrongQuote | StallSymbol | QuietSymbol
    | Delist | Relist
)  # fmt: skip
ConnectionFault = StallAll | Disconnect | Close | Refuse | HalfOpen | NoPong | ServerShutdown | Cut24h
RestFault = StaleSnapshot | RestStatusFault | SlowRest
Fault = StreamFault | ClockJump | ConnectionFault | RestFault

KINDS: Final[dict[str, type[Fault]]] = {
    str(kind.__struct_config__.tag): kind for kind in get_args(Fault)
}  # fmt: skip
"""Every fault by its name."""


def parse_fault(asked: object, symbols: Collection[str]) -> Fault:
    """The fault that a JSON value asks for; raises BadFault, whose text says what is allowed."""
    if not isinstance(asked, Mapping) or not isinstance(asked.get("kind"), str):
        raise BadFault(f"A fault is an object with a kind: one of {', '.join(KINDS)}.")
    kind = asked["kind"]
    if kind not in KINDS:
        raise BadFault(f"No fault is called {kind[:40]!r}: kind is one of {', '.join(KINDS)}.")
    if "symbol" in asked and isinstance(asked["symbol"], str) and asked["symbol"] not in symbols:
        raise BadFault(f"{kind}: no symbol {asked['symbol'][:40]!r} here; it is one of {_first(symbols)}.")
    try:
        fault: Fault = msgspec.convert(asked, type=KINDS[kind])
    except msgspec.ValidationError as error:
        raise BadFault(f"{kind}: {error}; {_allowed(kind)}.") from None
    return fault


def _first(names: Collection[str]) -> str:
    """The names, or the first ones of many."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(list(names)[:MOST_NAMED]) + more


def described(fault: Fault) -> dict[str, Any]:
    """The fault as JSON values, with its kind and every field."""
    return {"kind": fault.__struct_config__.tag, **msgspec.structs.asdict(fault)}


def catalogue() -> list[dict[str, Any]]:
    """Every kind: {"kind", "does", "fields": [{"name", "required", "default", "allowed"}]}."""
    return [
        {"kind": name, "does": " ".join((kind.__doc__ or "").split()), "fields": _fields(kind)}
        for name, kind in KINDS.items()
    ]


def _fields(kind: type[Fault]) -> list[dict[str, Any]]:
    described_type = inspect.type_info(kind)
    assert isinstance(described_type, inspect.StructType)  # noqa: S101 - narrows what msgspec returns
    return [
        {
            "name": field.name,
            "required": field.required,
            "default": None if field.required else field.default,
            "allowed": _words(field.type),
        }
        for field in described_type.fields
    ]


def _words(kind: inspect.Type) -> str:
    """A type as a person would say it."""
    match kind:
        case inspect.UnionType(types=types):
            return ", ".join(_words(each) for each in types if not isinstance(each, inspect.NoneType)) + ", or null"
        case inspect.LiteralType(values=values):
            return " | ".join(str(value) for value in sorted(values, key=str))
        case inspect.IntType(ge=least, le=most):
            return f"an integer from {least} to {most}"
        case inspect.FloatType(ge=least, gt=above, le=most):
            return f"a number {f'above {above}' if least is None else f'from {least}'} to {most}"
        case _:
            return "a string"


def _allowed(kind: str) -> str:
    fields = [
        f"{field['name']} ({field['allowed']}; {'needed' if field['required'] else 'default ' + str(field['default'])})"
        for field in _fields(KINDS[kind])
    ]
    return f"{kind} takes {', '.join(fields)}" if fields else f"{kind} takes no other field"
