"""Fitting the microprice and the weights of the integrated order flow imbalance on the books of the past.

Microprice: Stoikov, "The micro-price: a high-frequency estimator of future prices", Quantitative Finance 18 (2018). The
state of a book is its spread in ticks and the part of its imbalance qb / (qb + qa); each book is a step. Every step
counts twice, once with the sides exchanged, so that the table takes no side. With Q the probabilities of steps between
states that leave the mid, T those of steps that move it, and r the mean move of a step, G1 = (1 - Q)^-1 r is the
expected first move of the mid, B = (1 - Q)^-1 T the state after it, and the adjustment is Σ B^i G1.

Integrated order flow imbalance: Cont, Cucuringu and Zhang, "Cross-impact of order flow imbalance in equity markets"
(2021), arXiv 2112.13213: the flows of the levels over a window, divided by the mean depth of a level in it, and of
these the first principal component, its weights divided by the sum of their absolute values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from orderbook.errors import SettingsError
from orderbook.fitted import IMBALANCE_BUCKETS, SPREAD_STATES, FittedSymbol
from orderbook.messages import Book, Heartbeat

if TYPE_CHECKING:
    from orderbook.messages import FeedGap

Levels = NDArray[np.float64]
"""Of books: the rows are bid prices, bid quantities, ask prices and ask quantities, the last axis the levels."""

LEAST_BOOKS_OF_STATE: Final = 10
"""Fewer books in a state, with its mirror image, leave its adjustment undefined."""
LEAST_WINDOWS: Final = 30
FLOW_WINDOW_MS: Final = 10_000

_BID_PRICE, _BID_QTY, _ASK_PRICE, _ASK_QTY = range(4)
_STATES: Final = SPREAD_STATES * IMBALANCE_BUCKETS
_SAME: Final = np.arange(_STATES)
_MIRRORED: Final = _SAME // IMBALANCE_BUCKETS * IMBALANCE_BUCKETS + (IMBALANCE_BUCKETS - 1 - _SAME % IMBALANCE_BUCKETS)
"""Each state with the sides exchanged."""
_LEAST_MOVE_TICKS: Final = 0.25
_MOST_TERMS: Final = 100_000
_NEGLIGIBLE_TICKS: Final = 1e-12


@dataclass(slots=True)
class SymbolFit:
    """Gathers one symbol's records in their order, and fits its tables on them. `depth`: levels a side of the flows."""

    symbol: str
    depth: int
    _times_ms: list[int] = field(default_factory=list)
    _follows: list[bool] = field(default_factory=list)
    _levels: list[Levels] = field(default_factory=list)
    _unbroken: bool = False

    def take(self, record: Book | Heartbeat | FeedGap) -> None:
        """Take a record. Only two-sided live books count; what says that the symbol is not live parts them."""
        if not isinstance(record, Book):
            self._unbroken &= isinstance(record, Heartbeat) and record.state == "live"
        elif record.state != "live" or not (record.bid_price and record.ask_price):
            self._unbroken = False
        else:
            self._times_ms.append(record.event_time_ms)
            self._follows.append(self._unbroken)
            self._levels.append(_levels(record, self.depth))
            self._unbroken = True

    def fitted(self, venues: list[str]) -> FittedSymbol:
        """Return the tables of what was taken; raises SettingsError where it is too little for a microprice."""
        if sum(self._follows) < LEAST_BOOKS_OF_STATE:
            raise SettingsError(
                f"{self.symbol} has {len(self._levels)} live books, too few to fit anything on: take a longer recording"
            )
        levels = np.array(self._levels)
        follows = np.array(self._follows)
        tick_size = tick_of(levels)
        return FittedSymbol(
            symbol=self.symbol,
            venues=venues,
            first_event_time_ms=self._times_ms[0],
            last_event_time_ms=self._times_ms[-1],
            books=len(levels),
            tick_size=tick_size,
            adjustments=microprice_adjustments(levels[:, :, 0], follows, tick_size),
            flow_weights=flow_weights(levels, follows, np.array(self._times_ms)),
        )


def tick_of(levels: Levels) -> float:
    """Return the least step between the prices of neighbouring levels of a book, to ten decimals."""
    prices = levels[:, (_BID_PRICE, _ASK_PRICE), :]
    there = np.isfinite(prices) & (prices > 0)
    steps = np.abs(np.diff(np.where(there, prices, np.nan), axis=2))
    return float(np.round(np.nanmin(steps), 10))


def microprice_adjustments(touch: Levels, follows: NDArray[np.bool_], tick_size: float) -> list[list[float | None]]:
    """Return the microprice less the mid, in ticks, by spread and part of the imbalance (`FittedSymbol`).

    `touch` holds for each book Pb, qb, Pa and qa; `follows` says whether it follows on the book before without a break
    of trust. States from which no step of the mid was ever reached have none, and none has any where the mid only runs
    away.
    """
    state = states(touch, tick_size)
    mid = (touch[:, _BID_PRICE] + touch[:, _ASK_PRICE]) / 2 / tick_size
    steps = np.flatnonzero(follows[1:])
    move = mid[steps + 1] - mid[steps]
    # Sums of decimal prices: less than a quarter of a tick is no move.
    moved = np.abs(move) > _LEAST_MOVE_TICKS
    stays, moves = np.zeros((_STATES, _STATES)), np.zeros((_STATES, _STATES))
    total_move = np.zeros(_STATES)
    for mirror, sign in ((_SAME, 1), (_MIRRORED, -1)):
        before, after = mirror[state[steps]], mirror[state[steps + 1]]
        np.add.at(stays, (before[~moved], after[~moved]), 1)
        np.add.at(moves, (before[moved], after[moved]), 1)
        np.add.at(total_move, before[moved], sign * move[moved])
    adjustments = _limit(stays, moves, total_move)
    books = np.bincount(np.concatenate([state, _MIRRORED[state]]), minlength=_STATES)
    adjustments[books < LEAST_BOOKS_OF_STATE] = np.nan
    table = adjustments.reshape(SPREAD_STATES, IMBALANCE_BUCKETS)
    return [[None if np.isnan(value) else float(value) for value in of_spread] for of_spread in table]


def states(touch: Levels, tick_size: float) -> NDArray[np.int64]:
    """Return each book's state: (spread state) * IMBALANCE_BUCKETS + (part of the imbalance), both from 0."""
    share = touch[:, _BID_QTY] / (touch[:, _BID_QTY] + touch[:, _ASK_QTY])
    bucket = np.minimum(np.floor(IMBALANCE_BUCKETS * share), IMBALANCE_BUCKETS - 1)
    ticks = np.floor((touch[:, _ASK_PRICE] - touch[:, _BID_PRICE]) / tick_size + 0.5)
    spread = np.clip(ticks, 1, SPREAD_STATES) - 1
    state: NDArray[np.int64] = (spread * IMBALANCE_BUCKETS + bucket).astype(np.int64)
    return state


def flow_weights(levels: Levels, follows: NDArray[np.bool_], times_ms: NDArray[np.int64]) -> list[float]:
    """Return the weights of the levels' flows, or none where there are fewer than LEAST_WINDOWS windows of 10 s."""
    flows = level_flows(levels)
    flows[~follows[1:]] = 0
    _, window = np.unique(times_ms // FLOW_WINDOW_MS, return_inverse=True)
    windows = int(window.max()) + 1
    if windows < LEAST_WINDOWS:
        return []
    sums = np.zeros((windows, levels.shape[2]))
    np.add.at(sums, window[1:], flows)
    of_book = levels[:, (_BID_QTY, _ASK_QTY), :].mean(axis=(1, 2))
    depth = np.bincount(window, weights=of_book) / np.bincount(window)
    scaled = sums / depth[:, None]
    _, vectors = np.linalg.eigh(np.cov(scaled, rowvar=False))
    first = vectors[:, -1]
    weights = first / np.abs(first).sum() * np.sign(first.sum())
    return [float(weight) for weight in weights]


def level_flows(levels: Levels) -> NDArray[np.float64]:
    """Return e_1 … e_depth of each book but the first, as the catalogue defines them (`orderbook.metrics`)."""
    now, before = levels[1:], levels[:-1]
    bid, last_bid = now[:, _BID_PRICE], before[:, _BID_PRICE]
    ask, last_ask = now[:, _ASK_PRICE], before[:, _ASK_PRICE]
    flows: NDArray[np.float64] = (
        now[:, _BID_QTY] * (bid >= last_bid)
        - before[:, _BID_QTY] * (bid <= last_bid)
        - now[:, _ASK_QTY] * (ask <= last_ask)
        + before[:, _ASK_QTY] * (ask >= last_ask)
    )
    return flows


def _levels(book: Book, depth: int) -> Levels:
    """The best `depth` levels; one that is not there has quantity 0 at the worst of all prices."""
    levels = np.zeros((4, depth))
    levels[_ASK_PRICE] = np.inf
    for row, values in enumerate((book.bid_price, book.bid_qty, book.ask_price, book.ask_qty)):
        levels[row, : len(values)] = values[:depth]
    return levels


def _limit(stays: Levels, moves: Levels, total_move: NDArray[np.float64]) -> NDArray[np.float64]:
    """Σ B^i G1 for each state; NaN for those from which no move was reached, and for all where the sum has no end."""
    known = _reaching_a_move(stays, moves)
    adjustments = np.full(_STATES, np.nan)
    if not known.any():
        return adjustments
    # A step into a state that leads nowhere tells nothing: it is left out.
    stays, moves, total_move = stays[np.ix_(known, known)], moves[np.ix_(known, known)], total_move[known]
    seen = stays.sum(axis=1) + moves.sum(axis=1)
    leaving = np.eye(len(seen)) - stays / seen[:, None]
    term = np.linalg.solve(leaving, total_move / seen)
    after_move = np.linalg.solve(leaving, moves / seen[:, None])
    limit = term.copy()
    for _ in range(_MOST_TERMS):
        term = after_move @ term
        limit += term
        if np.abs(term).max() < _NEGLIGIBLE_TICKS:
            adjustments[known] = limit
            return adjustments
    return adjustments


def _reaching_a_move(stays: Levels, moves: Levels) -> NDArray[np.bool_]:
    """Which states a step of the mid was seen to follow, at once or after others."""
    reaching: NDArray[np.bool_] = moves.sum(axis=1) > 0
    while True:
        more = reaching | (stays @ reaching > 0)
        if (more == reaching).all():
            return reaching
        reaching = more
