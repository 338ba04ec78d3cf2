"""What every contender of `benchmarks.book` shares: tapes in, publications out, measured alike.

A contender runs in a process and an environment of its own: this module needs nothing but the standard library. It
reads one JSON command a line on standard input and answers each with one JSON line:

    {"do": "measure", "tapes": [paths]}   ->  {"cpu_s", "diffs", "publications", "refused"}
    {"do": "follow", "tapes": [paths]}    ->  {"tops": [[what was published after each diff], ...], "refused"}

A tape is a file of lines `<kind> <receive time, ms> <JSON>`: `S` is the snapshot to begin with, `D` a diff as its
combined stream delivers it, and `R` what the exchange answers from here on when it is asked for a snapshot.
"""

from __future__ import annotations

import json
import struct
import sys
import time
import zlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

LEVELS: Final = 20
AHEAD: Final = 2
"""How many diffs that are still on their way a snapshot holds already: REST and streams are not in step."""

ARRAYS: Final = ("bid_price", "bid_qty", "ask_price", "ask_qty")
_KINDS: Final = {b"S": "S", b"D": "D", b"R": "R"}

T = TypeVar("T")


@dataclass(slots=True)
class Rest:
    """The exchange's side for snapshots: `answer` is the JSON it answers with now."""

    answer: bytes = b""


class Contender(Protocol):
    """One symbol's book, as its project keeps it."""

    refused: int
    """How often it raised an error that its caller has to deal with."""

    def take(self, frame: bytes, receive_time_ms: int) -> bytes | None:
        """Take one frame; return the JSON of the top 20, with the arrays of ARRAYS, or None while it withholds it."""


Make = Callable[[str, Rest], Contender]
"""Makes the contender's book of a symbol, with the exchange's present snapshot."""


@dataclass(slots=True)
class Tape:
    """A symbol's snapshot and frames. Frames stay bytes: thousands of decoded messages alive make decoding slower."""

    symbol: str
    steps: list[tuple[str, int, bytes]] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> Tape:
        """Read a tape; its file is named after its symbol."""
        tape = cls(path.name.partition(".")[0])
        with path.open("rb") as lines:
            for line in lines:
                kind, stamp, payload = line.rstrip(b"\n").split(b" ", 2)
                tape.steps.append((_KINDS[kind], int(stamp), payload))
        return tape


def serve(make: Make) -> None:
    """Answer commands until standard input ends."""
    tapes: dict[str, Tape] = {}
    # Whatever a project prints must not be taken for an answer.
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        command = json.loads(line)
        for path in command["tapes"]:
            if path not in tapes:
                tapes[path] = Tape.read(Path(path))
        asked = [tapes[path] for path in command["tapes"]]
        answer = measure(make, asked) if command["do"] == "measure" else follow(make, asked)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def measure(make: Make, tapes: list[Tape]) -> dict[str, Any]:
    """One pass over the tapes: CPU seconds of this process from the snapshots to the last publication."""
    diffs = publications = refused = 0
    began_s = time.process_time()
    for tape in tapes:
        rest = Rest()
        contender: Contender | None = None
        for kind, receive_time_ms, payload in tape.steps:
            if contender is not None and kind == "D":
                diffs += 1
                if contender.take(payload, receive_time_ms) is not None:
                    publications += 1
            else:
                rest.answer = payload
                contender = contender or make(tape.symbol, rest)
        refused += contender.refused if contender else 0
    cpu_s = time.process_time() - began_s
    return {"cpu_s": cpu_s, "diffs": diffs, "publications": publications, "refused": refused}


def follow(make: Make, tapes: list[Tape]) -> dict[str, Any]:
    """The digest of the top 20 after each diff of each tape, null where nothing was published."""
    tops: list[list[int | None]] = []
    refused = 0
    for tape in tapes:
        rest = Rest()
        contender: Contender | None = None
        published: list[int | None] = []
        for kind, receive_time_ms, payload in tape.steps:
            if contender is not None and kind == "D":
                top = contender.take(payload, receive_time_ms)
                published.append(None if top is None else digest(json.loads(top)))
            else:
                rest.answer = payload
                contender = contender or make(tape.symbol, rest)
        refused += contender.refused if contender else 0
        tops.append(published)
    return {"tops": tops, "refused": refused}


def digest(top: Mapping[str, Sequence[float | str]]) -> int:
    """A checksum of prices and quantities; numbers and decimal strings of the same value are the same."""
    code = 0
    for name in ARRAYS:
        numbers = [float(number) for number in top[name]]
        code = zlib.crc32(struct.pack(f"<I{len(numbers)}d", len(numbers), *numbers), code)
    return code


def finish(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that waits for nothing; raises RuntimeError when it waits after all."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise RuntimeError(f"{coroutine} waits for something that this process does not have")
