"""What a market looks like, in numbers: measured alike on recorded and on simulated frames.

Input is the exchange's own JSON (`{"stream", "data"}` frames in order, with one depth snapshot among them), so that
both kinds of market go through the same code.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson

Floats = npt.NDArray[np.float64]

SHAPE_LEVELS: Final = (1, 2, 3, 5, 10, 20)
DIFFS_BETWEEN_SHAPES: Final = 20
WINDOW_MS: Final = 10_000


@dataclass(slots=True)
class Tape:
    """A stretch of one symbol's market, reduced to arrays. Prices in the quote asset, quantities in the base asset.

    `tops`: a row a diff applied: event time, best bid, its quantity, best ask, its quantity.
    `quotes`: a row a bookTicker: bid, its quantity, ask, its quantity. `trades`: time, price, quantity, sign.
    `shapes`: quantities at the first 20 levels of either side, now and then; `ask_gaps`: mean gap of the first 20.
    """

    tick: float
    level_counts: list[int] = field(default_factory=list)
    levels: int = 0
    removals: int = 0
    near_levels: int = 0
    tops: list[tuple[float, ...]] = field(default_factory=list)
    quotes: list[tuple[float, ...]] = field(default_factory=list)
    trades: list[tuple[float, ...]] = field(default_factory=list)
    shapes: list[list[float]] = field(default_factory=list)
    ask_gaps: list[float] = field(default_factory=list)
    book_levels: int = 0


def recorded_frames(paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """Frames of recording files (`<receive time> <JSON>` a line, gzip), in order."""
    for path in paths:
        with gzip.open(path) as lines:
            for line in lines:
                yield orjson.loads(line.split(b" ", 1)[1])


def read_tape(frames: Iterable[dict[str, Any]], tick: float) -> Tape:
    """Rebuild the book from its snapshot and diffs, and keep what the facts are computed from."""
    tape = Tape(tick)
    rebuild = _Rebuild(tape)
    for frame in frames:
        if "stream" not in frame:
            rebuild.start(frame)
            continue
        event, kind = frame["data"], frame["stream"].split("@")[1]
        if kind == "bookTicker":
            tape.quotes.append(tuple(float(event[key]) for key in "bBaA"))
        elif kind == "trade":
            tape.trades.append((event["T"], float(event["p"]), float(event["q"]), -1.0 if event["m"] else 1.0))
        elif kind == "depth":
            rebuild.take(event)
    tape.book_levels = min(len(rebuild.bids), len(rebuild.asks))
    return tape


class _Rebuild:
    """The book behind a tape, held back until its snapshot has come."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._held: list[dict[str, Any]] | None = []
        self._snapshot_id = 0
        self.bids: dict[float, float] = {}
        self.asks: dict[float, float] = {}

    def start(self, snapshot: dict[str, Any]) -> None:
        self.bids = {float(price): float(quantity) for price, quantity in snapshot["bids"]}
        self.asks = {float(price): float(quantity) for price, quantity in snapshot["asks"]}
        self._snapshot_id = snapshot["lastUpdateId"]
        held, self._held = self._held or [], None
        for diff in held:
            self._apply(diff)

    def take(self, diff: dict[str, Any]) -> None:
        self._tape.level_counts.append(len(diff["b"]) + len(diff["a"]))
        if self._held is not None:
            self._held.append(diff)
        else:
            self._apply(diff)

    def _apply(self, diff: dict[str, Any]) -> None:
        if diff["u"] <= self._snapshot_id:
            return
        tape = self._tape
        prices: list[float] = []
        for side, updates in ((self.bids, diff["b"]), (self.asks, diff["a"])):
            for price_text, quantity_text in updates:
                price, quantity = float(price_text), float(quantity_text)
                prices.append(price)
                if quantity:
                    side[price] = quantity
                else:
                    side.pop(price, None)
                    tape.removals += 1
        bid, ask = max(self.bids), min(self.asks)
        mid = (bid + ask) / 2
        tape.levels += len(prices)
        tape.near_levels += sum(1 for price in prices if abs(price - mid) <= mid / 1000)
        tape.tops.append((diff["E"], bid, self.bids[bid], ask, self.asks[ask]))
        if len(tape.tops) % DIFFS_BETWEEN_SHAPES == 0:
            self._note_shape()

    def _note_shape(self) -> None:
        best_bids, best_asks = sorted(self.bids, reverse=True)[:20], sorted(self.asks)[:20]
        self._tape.shapes.append([self.bids[price] for price in best_bids])
        self._tape.shapes.append([self.asks[price] for price in best_asks])
        self._tape.ask_gaps.append((best_asks[-1] - best_asks[0]) / (len(best_asks) - 1) / self._tape.tick)


def facts(tape: Tape) -> dict[str, float]:
    """Every fact of docs/simulator.md's table by name. Lags of the trade signs are in trades, of returns in seconds."""
    tops, trades = np.array(tape.tops), np.array(tape.trades)
    times, spreads = tops[:, 0], np.round((tops[:, 3] - tops[:, 1]) / tape.tick)
    mids = (tops[:, 1] + tops[:, 3]) / 2
    shape = np.median(np.array(tape.shapes), axis=0)
    counts = np.array(tape.level_counts, dtype=np.float64)
    seconds = (times[-1] - times[0]) / 1000
    level_1_value = shape[0] * float(np.median(mids))
    found = {
        "diffs a second": len(counts) / seconds,
        "levels in a diff, p5": _quantile(counts, 0.05),
        "levels in a diff, p50": _quantile(counts, 0.5),
        "levels in a diff, p95": _quantile(counts, 0.95),
        "levels in a diff, p99": _quantile(counts, 0.99),
        "removals among level updates": tape.removals / tape.levels,
        "level updates within 10 bps": tape.near_levels / tape.levels,
        "spread of one tick": float(np.mean(spreads == 1)),
        "largest spread, ticks": float(spreads.max()),
        "quantity at level 1, thousand quote": level_1_value / 1000,
    }
    for level in SHAPE_LEVELS[1:]:
        found[f"level 1 over level {level}"] = float(shape[0] / shape[level - 1])
    found["gap between ask levels, ticks"] = float(np.mean(tape.ask_gaps))
    found["levels a side"] = float(tape.book_levels)
    found |= _return_facts(times, mids)
    moves = np.abs(np.diff(mids)) / mids[1:] * 1e4
    found["share of diffs that move the mid"] = float(np.mean(moves > 0))
    found["move of the mid in a diff, mean bps"] = float(moves[moves > 0].mean())
    found |= _trade_facts(trades, seconds)
    found["bookTickers a second"] = len(tape.quotes) / seconds
    found["queue imbalance, AUC of the next move"] = queue_imbalance_auc(np.array(tape.quotes))
    found["order flow imbalance, R2 at 10 s"] = flow_imbalance_r2(tops)
    return found


def _return_facts(times: Floats, mids: Floats) -> dict[str, float]:
    seconds = np.arange(times[0] // 1000 + 1, times[-1] // 1000 + 1) * 1000
    sampled = mids[np.searchsorted(times, seconds, side="left") - 1]
    returns = np.diff(np.log(sampled)) * 1e4
    sizes = np.abs(returns)
    deviation = returns - returns.mean()
    return {
        "1 s return, std bps": float(returns.std()),
        "1 s return, kurtosis": float(np.mean(deviation**4) / np.mean(deviation**2) ** 2),
        "1 s return, share of zero": float(np.mean(returns == 0)),
        "absolute 1 s return, autocorrelation at 1 s": _autocorrelation(sizes, 1),
        "absolute 1 s return, autocorrelation at 5 s": _autocorrelation(sizes, 5),
        "return std at 10 s over sqrt(10) std at 1 s": float(
            np.diff(np.log(sampled[::10])).std() * 1e4 / returns.std() / np.sqrt(10)
        ),
    }


def _trade_facts(trades: Floats, seconds: float) -> dict[str, float]:
    signs, values = trades[:, 3], trades[:, 1] * trades[:, 2]
    found = {"trades a second": len(trades) / seconds, "share of buys": float(np.mean(signs > 0))}
    for lag in (1, 2, 5, 10, 50):
        found[f"trade signs, autocorrelation at {lag}"] = _autocorrelation(signs, lag)
    for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
        found[f"trade size {name}, quote"] = _quantile(values, share)
    found["trade size max, thousand quote"] = float(values.max()) / 1000
    found["trades in the millisecond of the one before"] = float(np.mean(np.diff(trades[:, 0]) == 0))
    return found


def queue_imbalance_auc(quotes: Floats) -> float:
    """How well the imbalance of the two best queues tells the next move of the mid (area under the ROC curve).

    One observation between two moves: the middle state of the interval.
    """
    mids = quotes[:, 0] + quotes[:, 2]
    moves = np.flatnonzero(np.diff(mids) != 0)
    starts, ends = moves[:-1] + 1, moves[1:]
    middle = (starts + ends) // 2
    ups = mids[ends + 1] > mids[ends]
    imbalance = (quotes[middle, 1] - quotes[middle, 3]) / (quotes[middle, 1] + quotes[middle, 3])
    order = np.argsort(imbalance, kind="stable")
    ranks = np.empty(len(order))
    ranks[order] = np.arange(1, len(order) + 1)
    rises, falls = int(ups.sum()), int((~ups).sum())
    return float((ranks[ups].sum() - rises * (rises + 1) / 2) / (rises * falls))


def flow_imbalance_r2(tops: Floats) -> float:
    """R2 of the mid's change on the order flow imbalance (Cont, Kukanov, Stoikov 2014) over 10 s windows."""
    bid, bid_quantity, ask, ask_quantity = tops[:, 1], tops[:, 2], tops[:, 3], tops[:, 4]
    flow = (
        bid_quantity[1:] * (bid[1:] >= bid[:-1])
        - bid_quantity[:-1] * (bid[1:] <= bid[:-1])
        - ask_quantity[1:] * (ask[1:] <= ask[:-1])
        + ask_quantity[:-1] * (ask[1:] >= ask[:-1])
    )
    mids = (bid + ask) / 2
    windows = (tops[1:, 0] // WINDOW_MS).astype(np.int64)
    first = np.flatnonzero(np.r_[True, np.diff(windows) != 0])
    flows = np.add.reduceat(flow, first)
    changes = np.add.reduceat(np.diff(mids), first)
    return float(np.corrcoef(flows, changes)[0, 1] ** 2)


def _autocorrelation(values: Floats, lag: int) -> float:
    return float(np.corrcoef(values[lag:], values[:-lag])[0, 1])


def _quantile(values: Floats, share: float) -> float:
    return float(np.quantile(values, share))
