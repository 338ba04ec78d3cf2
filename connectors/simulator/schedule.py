"""Which fault comes when: scripts that a tester writes, and random schedules that a seed fixes. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from random import Random
from typing import Annotated, Any, Final, NamedTuple, get_args

import msgspec
from msgspec import Meta

from connectors.simulator.faults import KINDS, BadFault, CloseCode, CorruptionKind, Fault, parse_fault

LONGEST_S: Final = 7 * 86_400.0
MOST_SCRIPTED: Final = 100_000

SURVIVABLE_STATUSES: Final = (429, 500, 502, 503, 504)
"""Statuses that a random schedule uses: a client is right to give up on the others."""

RELISTED_AFTER_S: Final = 5.0


class TimedFault(NamedTuple):
    """A fault and when it comes, in seconds from the start of its schedule."""

    at_s: float
    fault: Fault


class RandomRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A random schedule: a fault every `every_s` on average for `duration_s`; all kinds and symbols unless named."""

    seed: Annotated[int, Meta(ge=0)]
    every_s: Annotated[float, Meta(ge=0.01, le=86_400)] = 1.0
    duration_s: Annotated[float, Meta(gt=0, le=LONGEST_S)] = 300.0
    kinds: tuple[str, ...] | None = None
    symbols: tuple[str, ...] | None = None


RANDOM_KINDS: Final = tuple(kind for kind in KINDS if kind != "relist")
"""What a random schedule may hold. A delisting brings its relisting along."""


def parse_random(asked: object, symbols: Collection[str]) -> RandomRequest:
    """The request with its kinds and symbols filled in; raises BadFault where it makes no sense."""
    try:
        request = msgspec.convert(asked, type=RandomRequest)
    except msgspec.ValidationError as error:
        raise BadFault(
            f"{error}; a random schedule takes seed (needed), every_s (default 1), duration_s (default 300), "
            "kinds and symbols (lists; default all)."
        ) from None
    kinds = RANDOM_KINDS if request.kinds is None else request.kinds
    chosen = tuple(symbols) if request.symbols is None else request.symbols
    _check("kinds", kinds, RANDOM_KINDS)
    _check("symbols", chosen, symbols)
    return msgspec.structs.replace(request, kinds=kinds, symbols=chosen)


def random_schedule(request: RandomRequest) -> Iterator[TimedFault]:
    """The faults of a request that `parse_random` returned, in order of time; the same request gives the same."""
    rng = Random(f"faults {request.seed}")  # noqa: S311 - a test, not a secret
    kinds, symbols = request.kinds or (), request.symbols or ()
    relistings: list[TimedFault] = []
    for at_s in _times(rng, request):
        while relistings and relistings[0].at_s <= at_s:
            yield relistings.pop(0)
        fault = _drawn(rng.choice(kinds), symbols, rng)
        yield TimedFault(at_s, fault)
        if fault.__struct_config__.tag == "delist":
            relisting = parse_fault({"kind": "relist", "symbol": msgspec.structs.asdict(fault)["symbol"]}, symbols)
            relistings.append(TimedFault(at_s + RELISTED_AFTER_S, relisting))
    yield from relistings


def parse_script(asked: object, symbols: Collection[str]) -> list[TimedFault]:
    """The faults of a script, in order of time; raises BadFault, whose text names the entry."""
    if not isinstance(asked, Sequence) or isinstance(asked, str) or not asked or len(asked) > MOST_SCRIPTED:
        raise BadFault(f'A script is an array of 1 to {MOST_SCRIPTED} objects {{"at_s": seconds, "kind": …}}.')
    timed = []
    for number, entry in enumerate(asked):
        if not isinstance(entry, Mapping):
            raise BadFault(f'Entry {number} of the script is not an object {{"at_s": seconds, "kind": …}}.')
        at_s = entry.get("at_s")
        if isinstance(at_s, bool) or not isinstance(at_s, int | float) or not 0 <= at_s <= LONGEST_S:
            raise BadFault(f"Entry {number} of the script: at_s is {at_s!r}; it must be seconds, 0 to {LONGEST_S:.0f}.")
        fault = {name: value for name, value in entry.items() if name != "at_s"}
        try:
            timed.append(TimedFault(float(at_s), parse_fault(fault, symbols)))
        except BadFault as error:
            raise BadFault(f"Entry {number} of the script: {error}") from None
    return sorted(timed, key=lambda one: one.at_s)


def _check(name: str, asked: Sequence[str], known: Collection[str]) -> None:
    strange = [each for each in asked if each not in known]
    if strange or not asked:
        named = f"{strange[0][:40]!r} is none" if strange else "the list is empty"
        raise BadFault(f"{name}: {named}; allowed are {', '.join(sorted(known)[:60])}.")


def _times(rng: Random, request: RandomRequest) -> Iterator[float]:
    at_s = rng.expovariate(1.0 / request.every_s)
    while at_s < request.duration_s:
        yield at_s
        at_s += rng.expovariate(1.0 / request.every_s)


def _drawn(kind: str, symbols: Sequence[str], rng: Random) -> Fault:
    asked: dict[str, Any] = {"kind": kind}
    if "symbol" in KINDS[kind].__struct_fields__:
        asked["symbol"] = rng.choice(symbols)
    asked.update({name: draw(rng) for name, draw in _DRAWS.get(kind, {}).items()})
    return parse_fault(asked, symbols)


def _between(least: float, most: float) -> Callable[[Random], float]:
    """Log-uniform, to the millisecond: short ones are as common as long ones."""
    return lambda rng: round(math.exp(rng.uniform(math.log(least), math.log(most))), 3)


def _one_of(choices: Sequence[int | str]) -> Callable[[Random], int | str]:
    return lambda rng: rng.choice(choices)


_FEW: Final = {"count": _one_of((1, 1, 1, 2, 3))}
_DRAWS: Final[Mapping[str, Mapping[str, Callable[[Random], float | str]]]] = {
    "drop_diff": _FEW,
    "duplicate_diff": _FEW,
    "reorder_diff": _FEW,
    "wrong_quote": _FEW,
    "corrupt": {**_FEW, "how": _one_of(get_args(CorruptionKind))},
    "delay": {"duration_s": _between(0.2, 5.0)},
    "stall_symbol": {"duration_s": _between(0.2, 8.0)},
    "quiet_symbol": {"duration_s": _between(0.2, 8.0)},
    "clock_jump": {"shift_ms": _one_of((-5000, -1500, -200, 200, 1500, 5000)), "duration_s": _between(0.5, 5.0)},
    "stall_all": {"duration_s": _between(0.2, 4.0)},
    "close": {"code": _one_of(get_args(CloseCode))},
    "refuse": {"duration_s": _between(0.5, 5.0)},
    "no_pong": {"duration_s": _between(1.0, 30.0)},
    "server_shutdown": {"notice_s": _between(0.1, 5.0)},
    "stale_snapshot": {**_FEW, "age_ms": _one_of((500, 2000, 5000, 10_000))},
    "rest_status": {
        "status": _one_of(SURVIVABLE_STATUSES),
        "duration_s": _between(0.2, 4.0),
        "retry_after_s": _one_of((1, 2)),
    },
    "slow_rest": {"delay_s": _between(0.1, 3.0), "duration_s": _between(0.5, 5.0)},
}
