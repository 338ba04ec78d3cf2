"""An independent second fit of the microprice and of the weights of the integrated flow: plain loops, other algebra.

The microprice solves G = r + P G, with P the probabilities of a step from state to state, whether or not it moves the
mid, and r the mean move of a step; of its solutions, the one that changes its sign with the sides exchanged. The
weights are the first right singular vector of the centred flows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from tests import oracle

State = tuple[int, int]
LEAST_BOOKS = 10


def fitted(books: Sequence[dict[str, Any]], of_metrics: pl.DataFrame, tick_size: float) -> oracle.Fitted:
    """The tables of one symbol's books, all of one run; `of_metrics` are those that `oracle.metrics` makes of them."""
    return oracle.Fitted(tick_size, adjustments(books, tick_size), flow_weights(books, of_metrics))


def adjustments(books: Sequence[dict[str, Any]], tick_size: float) -> dict[State, float]:
    """The microprice less the mid in ticks, by ticks of spread (3: or more) and tenth of the imbalance."""
    steps: dict[State, Counter[State]] = defaultdict(Counter)
    moves: Counter[State] = Counter()
    seen: Counter[State] = Counter()
    states = [_state(book, tick_size) for book in books]
    mids = [round((book["bid_price"][0] + book["ask_price"][0]) / tick_size) / 2 for book in books]
    for state in states:
        seen[state] += 1
        seen[_mirrored(state)] += 1
    for state, after, mid, mid_after in zip(states, states[1:], mids, mids[1:], strict=False):
        steps[state][after] += 1
        steps[_mirrored(state)][_mirrored(after)] += 1
        moves[state] += mid_after - mid
        moves[_mirrored(state)] -= mid_after - mid
    order = sorted(steps)
    place = {state: i for i, state in enumerate(order)}
    equations = np.eye(len(order))
    mean_moves = np.zeros(len(order))
    for state, following in steps.items():
        total = sum(following.values())
        mean_moves[place[state]] = moves[state] / total
        for after, times in following.items():
            equations[place[state], place[after]] -= times / total
    for state in order:
        antisymmetric = np.zeros(len(order))
        antisymmetric[place[state]] += 1
        antisymmetric[place[_mirrored(state)]] += 1
        equations = np.vstack([equations, antisymmetric])
        mean_moves = np.append(mean_moves, 0.0)
    solution, *_ = np.linalg.lstsq(equations, mean_moves, rcond=None)
    return {state: float(solution[place[state]]) for state in order if seen[state] >= LEAST_BOOKS}


def flow_weights(books: Sequence[dict[str, Any]], of_metrics: pl.DataFrame) -> list[float]:
    """Weights of the levels' flows summed over 10 s and divided by the mean depth of a level there, Σ |w| = 1."""
    depths = [np.mean([*book["bid_qty"], *book["ask_qty"]]) for book in books]
    levels = [f"flow_{level}" for level in range(1, oracle.DEPTH + 1)]
    sums = (
        of_metrics.with_columns(depth=pl.Series(depths), window=pl.col("event_time_ms") // 10_000)
        .group_by("window")
        .agg(*(pl.col(level).sum() for level in levels), pl.col("depth").mean())
    )
    scaled = sums.select(levels).to_numpy() / sums["depth"].to_numpy()[:, None]
    *_, directions = np.linalg.svd(scaled - scaled.mean(axis=0))
    first = directions[0] * (1 if directions[0].sum() > 0 else -1)
    return [float(weight) for weight in first / np.abs(first).sum()]


def _state(book: dict[str, Any], tick_size: float) -> State:
    ticks = round((book["ask_price"][0] - book["bid_price"][0]) / tick_size)
    bid, ask = book["bid_qty"][0], book["ask_qty"][0]
    return min(3, max(1, ticks)), min(9, int(10 * (bid / (bid + ask))))


def _mirrored(state: State) -> State:
    return state[0], 9 - state[1]
