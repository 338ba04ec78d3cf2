"""Where our time goes: `python -m benchmarks.peers.stages [--rounds 9]`, CPU microseconds an event of each stage.

Each pass does one stage more than the one before; a stage's cost is the difference of the passes of the same round.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.book import RECORDINGS, RECORDINGS_FOLDER
from benchmarks.peers.contending import LEVELS, Rest, Tape
from benchmarks.peers.ours import Ours
from benchmarks.peers.tapes import record_tape
from connectors.binance.frames import decode_frame, decode_snapshot
from orderbook.book import LocalBook
from orderbook.market import DepthDiff
from orderbook.messages import Book, encode


def _decode(frame: bytes, _: LocalBook) -> DepthDiff:
    diff = decode_frame(frame)
    assert isinstance(diff, DepthDiff)
    return diff


def _apply(frame: bytes, book: LocalBook) -> DepthDiff:
    diff = _decode(frame, book)
    book.apply(diff.bids, diff.asks)
    return diff


def _top(frame: bytes, book: LocalBook) -> Book:
    diff = _apply(frame, book)
    bid_price, bid_qty, ask_price, ask_qty = book.top(LEVELS)
    return Book(
        venue="binance",
        symbol=diff.symbol,
        event_time_ms=diff.event_time_ms,
        receive_time_ms=diff.event_time_ms,
        update_id=diff.final_update_id,
        bid_price=bid_price,
        bid_qty=bid_qty,
        ask_price=ask_price,
        ask_qty=ask_qty,
        state="live",
    )


def _encode(frame: bytes, book: LocalBook) -> bytes:
    return encode(_top(frame, book))


STAGES: Final[dict[str, Callable[[bytes, LocalBook], object]]] = {
    "decode": _decode,
    "apply": _apply,
    "top": _top,
    "encode": _encode,
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recordings", type=Path, default=RECORDINGS_FOLDER)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tapes = [
            Tape.read(record_tape(symbol, [options.recordings / file for file in files], Path(folder))[0])
            for symbol, files in RECORDINGS.items()
        ]
    costs: dict[str, list[float]] = {name: [] for name in (*STAGES, "session and keeper", "everything")}
    for _ in range(options.rounds):
        before_us = 0.0
        for name, stage in STAGES.items():
            until_us = pass_us(tapes, stage)
            costs[name].append(until_us - before_us)
            before_us = until_us
        costs["everything"].append(whole_us(tapes))
        costs["session and keeper"].append(costs["everything"][-1] - before_us)
    for name, found in costs.items():
        print(f"{name:20} {statistics.median(found):6.1f} µs ({min(found):.1f}-{max(found):.1f})")


def pass_us(tapes: list[Tape], stage: Callable[[bytes, LocalBook], object]) -> float:
    """CPU microseconds an event of a pass up to a stage."""
    events = 0
    began_s = time.process_time()
    for tape in tapes:
        book = LocalBook()
        snapshot = decode_snapshot(tape.steps[0][2])
        book.replace(snapshot.bids, snapshot.asks)
        for kind, _, frame in tape.steps[1:]:
            if kind == "D":
                events += 1
                stage(frame, book)
    return 1e6 * (time.process_time() - began_s) / events


def whole_us(tapes: list[Tape]) -> float:
    """CPU microseconds an event of a pass through everything, as `benchmarks.book` measures it."""
    events = 0
    began_s = time.process_time()
    for tape in tapes:
        rest = Rest(tape.steps[0][2])
        contender = Ours(tape.symbol, rest)
        for kind, receive_time_ms, payload in tape.steps[1:]:
            if kind == "D":
                events += 1
                contender.take(payload, receive_time_ms)
            else:
                rest.answer = payload
    return 1e6 * (time.process_time() - began_s) / events


if __name__ == "__main__":
    main()
