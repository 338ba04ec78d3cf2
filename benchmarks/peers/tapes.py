"""Recordings as tapes for the contenders of `benchmarks.book`, and the truth about them.

The truth is a rebuild that shares no code with any contender: decimals for keys, sorted anew for each top 20.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from heapq import nlargest, nsmallest
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final

from benchmarks.peers.contending import AHEAD, LEVELS, digest

SNAPSHOT_LEVELS: Final = 1000
"""Levels a side that the exchange answers with, as the contenders ask for."""

ANSWER_EVERY: Final = 100
BEFORE_LOSS: Final = 1000
LOST_WITHIN: Final = 200
AFTER_LOSS: Final = 60
DIFFS_WITH_ANSWER: Final = 30


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a recording: its receive time, its bytes and what they say."""

    receive_time_ms: int
    payload: bytes
    says: dict[str, Any]


def record_tape(symbol: str, recording: Sequence[Path], folder: Path) -> tuple[Path, list[int]]:
    """Write the snapshot and every diff that it does not hold; return the tape and the true digest after each diff.

    Every ANSWER_EVERY diffs the exchange's answer to a request for a snapshot becomes the book of that moment.
    """
    truth = _Truth()
    digests: list[int] = []
    path = folder / f"{symbol}.tape"
    with path.open("wb") as tape:
        for line in _continuing(recording):
            if "lastUpdateId" in line.says:
                truth.take(line.says["bids"], line.says["asks"])
                _write(tape, b"S", line)
            else:
                truth.take(line.says["data"]["b"], line.says["data"]["a"])
                digests.append(truth.digest())
                _write(tape, b"D", line)
                if len(digests) % ANSWER_EVERY == 0:
                    tape.write(b"R %d %s\n" % (line.receive_time_ms, truth.answer(line.says)))
    return path, digests


def lossy_tape(symbol: str, recording: Sequence[Path], folder: Path) -> tuple[Path, list[int]]:
    """The beginning with one large diff lost; return the tape and the true digests after the diffs behind the loss.

    Behind the loss the exchange answers with snapshots that are AHEAD diffs newer than the stream.
    """
    lines = list(islice(_continuing(recording), BEFORE_LOSS + LOST_WITHIN + AFTER_LOSS))
    lost = max(range(BEFORE_LOSS, BEFORE_LOSS + LOST_WITHIN), key=lambda number: _level_count(lines[number]))
    truth = _Truth()
    truth.take(lines[0].says["bids"], lines[0].says["asks"])
    digests: list[int] = []
    answers: list[bytes] = []
    for number, line in enumerate(lines[1 : lost + AFTER_LOSS + 1], start=1):
        truth.take(line.says["data"]["b"], line.says["data"]["a"])
        if number > lost:
            digests.append(truth.digest())
            answers.append(truth.answer(line.says))
    path = folder / f"{symbol}.lossy.tape"
    with path.open("wb") as tape:
        _write(tape, b"S", lines[0])
        for line in lines[1:lost]:
            _write(tape, b"D", line)
        for behind, line in enumerate(lines[lost + 1 : lost + AFTER_LOSS + 1]):
            if behind < DIFFS_WITH_ANSWER:
                tape.write(b"R %d %s\n" % (line.receive_time_ms, answers[behind + AHEAD]))
            _write(tape, b"D", line)
    return path, digests


def _level_count(line: Line) -> int:
    return len(line.says["data"]["b"]) + len(line.says["data"]["a"])


def _continuing(recording: Sequence[Path]) -> Iterator[Line]:
    """The snapshot first, then the diffs that continue it, those that were received before it among them."""
    early: list[Line] = []
    last_update_id: int | None = None
    for line in _lines(recording):
        if "lastUpdateId" in line.says:
            last_update_id = line.says["lastUpdateId"]
            yield line
            yield from (diff for diff in early if diff.says["data"]["u"] > last_update_id)
        elif last_update_id is None:
            early.append(line)
        elif line.says["data"]["u"] > last_update_id:
            yield line


def _lines(recording: Sequence[Path]) -> Iterator[Line]:
    for file in recording:
        with gzip.open(file, "rb") as lines:
            for line in lines:
                stamp, _, payload = line.rstrip(b"\n").partition(b" ")
                if payload.startswith(b'{"lastUpdateId"') or b"@depth" in payload[:60]:
                    yield Line(int(stamp) // 1_000_000, payload, json.loads(payload))


def _write(tape: IO[bytes], kind: bytes, line: Line) -> None:
    tape.write(b"%s %d %s\n" % (kind, line.receive_time_ms, line.payload))


class _Truth:
    """The naive book."""

    def __init__(self) -> None:
        self._bids: dict[Decimal, str] = {}
        self._asks: dict[Decimal, str] = {}

    def take(self, bids: list[list[str]], asks: list[list[str]]) -> None:
        for side, changes in ((self._bids, bids), (self._asks, asks)):
            for price, quantity in changes:
                side[Decimal(price)] = quantity
                if not Decimal(quantity):
                    del side[Decimal(price)]

    def digest(self) -> int:
        bids, asks = nlargest(LEVELS, self._bids), nsmallest(LEVELS, self._asks)
        return digest(
            {
                "bid_price": [str(price) for price in bids],
                "bid_qty": [self._bids[price] for price in bids],
                "ask_price": [str(price) for price in asks],
                "ask_qty": [self._asks[price] for price in asks],
            }
        )

    def answer(self, says: dict[str, Any]) -> bytes:
        """What the exchange would answer right after the update that `says` ends with."""
        bids, asks = sorted(self._bids, reverse=True)[:SNAPSHOT_LEVELS], sorted(self._asks)[:SNAPSHOT_LEVELS]
        return json.dumps(
            {
                "lastUpdateId": says["data"]["u"],
                "bids": [[f"{price:f}", self._bids[price]] for price in bids],
                "asks": [[f"{price:f}", self._asks[price]] for price in asks],
            },
            separators=(",", ":"),
        ).encode()
