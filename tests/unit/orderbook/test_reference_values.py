"""The recordings' own quotes: how well the imbalance at the touch tells the next move of the mid."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from orderbook.metrics import METRICS
from tests.recordings import BTC, ETH, USDM_BTC, lines, recording

Floats = NDArray[np.float64]


def quotes(names: tuple[str, ...]) -> tuple[Floats, Floats, Floats]:
    """Receive time in s, mid and queue imbalance of each best quote, the imbalance as the catalogue's SQL has it."""
    recording(names)
    told: list[tuple[int, dict[str, Any]]] = [(time, message.get("data", {})) for time, message in lines(names)]
    rows = [(time / 1e9, *(float(data[name]) for name in ("b", "B", "a", "A"))) for time, data in told if "B" in data]
    time, bid, bid_qty, ask, ask_qty = np.array(rows).T
    (queue_imbalance,) = (metric for metric in METRICS if metric.name == "queue_imbalance")
    touch = pl.DataFrame({"best_bid_qty": bid_qty, "best_ask_qty": ask_qty})
    return time, (bid + ask) / 2, touch.select(pl.sql_expr(queue_imbalance.sql)).to_series().to_numpy()


def auc(scores: Floats, directions: Floats) -> float:
    """The chance that an upward move had the higher score than a downward one, ties counted half."""
    _, place, times = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(times) - times + (times + 1) / 2)[place]
    up = directions > 0
    wins = ranks[up].sum() - up.sum() * (up.sum() + 1) / 2
    return float(wins / (up.sum() * (~up).sum()))


@pytest.mark.parametrize(
    ("names", "last", "middle", "every"),
    [(BTC, 0.9205, 0.896, 0.849), (ETH, 0.927, 0.898, 0.819), (USDM_BTC, 0.902, 0.860, 0.751)],
)
def test_the_touch_tells_the_next_move(names: tuple[str, ...], last: float, middle: float, every: float) -> None:
    """AUC of the last state before a move, of the middle one between two moves, and of all."""
    _, mid, imbalance = quotes(names)
    begins = np.flatnonzero(np.append(True, np.diff(mid) != 0))
    directions = np.sign(np.diff(mid[begins]))
    first, ends = begins[:-1], begins[1:]
    states = np.concatenate([imbalance[i:j] for i, j in zip(first, ends, strict=True)])

    assert auc(imbalance[ends - 1], directions) == pytest.approx(last, abs=5e-4)
    assert auc(imbalance[(first + ends - 1) // 2], directions) == pytest.approx(middle, abs=5e-4)
    assert auc(states, np.repeat(directions, ends - first)) == pytest.approx(every, abs=5e-4)


@pytest.mark.parametrize(("horizon_s", "published"), [(0.1, 0.98), (0.5, 0.92), (1, 0.84), (2, 0.75), (5, 0.62)])
def test_it_tells_less_the_farther_one_looks(horizon_s: float, published: float) -> None:
    """Spot BTC: from the first state of each 100 ms to the first at or after the horizon."""
    time, mid, imbalance = quotes(BTC)
    starts = np.flatnonzero(np.append(True, np.diff(np.floor(time / 0.1)) > 0))
    ends = np.searchsorted(time, time[starts] + horizon_s, side="left")
    starts, ends = starts[ends < len(time)], ends[ends < len(time)]
    change = mid[ends] - mid[starts]
    moved = change != 0

    assert auc(imbalance[starts][moved], change[moved]) == pytest.approx(published, abs=5e-3)
