"""What is wanted of an exchange over REST while streams run, and in which order it is asked.

Pure: time is an argument, milliseconds of any clock that goes forward.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from connectors.binance.budget import WeightBudget

AGAIN_AFTER_MS: Final = 1000
"""Least time between two snapshots of a symbol."""
STATUS_AGAIN_AFTER_MS: Final = 30_000
LONGEST_BACKOFF_MS: Final = 60_000
STATUS_PRIORITY: Final = 3
"""Behind every snapshot: 0 a live book was lost, 1 the first snapshot, 2 coverage."""
STATUS_WEIGHT: Final = 20
RESERVED_FROM_PRIORITY: Final = 2
"""Wishes of this priority and behind it leave `RESERVE` of the budget to those before it."""
RESERVE: Final = 0.2
SHALLOWER_WITHIN_MS: Final = 60_000
SHALLOWER_BELOW: Final = 0.5
"""With less than this share of the budget left, a lost book comes a step shallower for every snapshot it had lately."""
RESERVE_WAIT_MS: Final = 1000

Kind = Literal["snapshot", "status"]


@dataclass(frozen=True, slots=True)
class Wish:
    """One thing wanted. A smaller `priority` comes first."""

    kind: Kind
    symbol: str
    priority: int


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask next, for whom. `limit` is the depth in levels a side, 0 for a status; `weight` was spent for it."""

    owner: str
    kind: Kind
    symbol: str
    limit: int
    weight: int


@dataclass(slots=True)
class _Pending:
    owner: str
    wish: Wish
    number: int


@dataclass(slots=True)
class _History:
    under_way: bool = False
    not_before_ms: int = 0
    failures: int = 0
    fetched_ms: tuple[int, ...] = ()


class WishList:
    """The wishes of all connections of a process, served by priority, first come first served within one.

    `depth_weights` is the weight of a depth request by its limit; snapshots ask for the deepest of these limits, at
    most `most_levels`, with which every snapshot that is wanted fits into what is left of the budget, and for the
    shallowest where none does. So few symbols get deep books, and many symbols get their books soon. Once half of the
    budget is spent, a symbol that loses its book again and again gets it shallower each time within a minute, so that
    it does not use up what the others need. A fifth of the budget is kept for lost and first books: what only verifies
    further leaves it alone, and is as deep as the rest allows, since the deeper it is the longer it lasts.
    """

    def __init__(self, budget: WeightBudget, depth_weights: Mapping[int, int], most_levels: int) -> None:
        self._budget = budget
        limits = sorted(depth_weights)
        self._depths = [(limit, depth_weights[limit]) for limit in limits if limit <= most_levels or limit == limits[0]]
        self._pending: dict[tuple[Kind, str], _Pending] = {}
        self._history: dict[tuple[Kind, str], _History] = {}
        self._number = 0

    def want(self, owner: str, wishes: Iterable[Wish]) -> None:
        """Replace the wishes of `owner`; one that stays keeps its place, one that is not among them is dropped."""
        wanted = {(wish.kind, wish.symbol): wish for wish in wishes}
        for key in [key for key, pending in self._pending.items() if pending.owner == owner and key not in wanted]:
            del self._pending[key]
        for key, wish in wanted.items():
            pending = self._pending.get(key)
            if pending is None:
                self._number += 1
                self._pending[key] = _Pending(owner, wish, self._number)
            else:
                pending.owner, pending.wish = owner, wish

    def next(self, now_ms: int) -> Request | int:
        """Take the next request, with its weight spent, or return how many milliseconds to wait before asking again.

        A request is under way until `done` or `failed`; its symbol is not asked for again meanwhile. While the first
        of those that may be asked now has to wait for weight, those behind it wait too.
        """
        waits = [LONGEST_BACKOFF_MS]
        ready: list[_Pending] = []
        for key, pending in self._pending.items():
            history = self._history.get(key)
            if history is None or (not history.under_way and history.not_before_ms <= now_ms):
                ready.append(pending)
            elif not history.under_way:
                waits.append(history.not_before_ms - now_ms)
        if not ready:
            return min(waits)
        first = min(ready, key=lambda pending: (pending.wish.priority, pending.number))
        limit, weight = self._cost(first.wish, ready, now_ms)
        wait_ms = self._budget.wait_ms(weight, now_ms)
        if wait_ms:
            return wait_ms
        if weight > self._left_for(first.wish.priority, now_ms):
            return RESERVE_WAIT_MS
        self._budget.spend(weight, now_ms)
        key = (first.wish.kind, first.wish.symbol)
        self._history.setdefault(key, _History()).under_way = True
        return Request(first.owner, first.wish.kind, first.wish.symbol, limit, weight)

    def done(self, request: Request, now_ms: int) -> None:
        """The request was answered: the wish is fulfilled, and may come back after a rest."""
        key = (request.kind, request.symbol)
        self._pending.pop(key, None)
        rest_ms = AGAIN_AFTER_MS if request.kind == "snapshot" else STATUS_AGAIN_AFTER_MS
        before = self._history.get(key, _History()).fetched_ms
        self._history[key] = _History(
            not_before_ms=now_ms + rest_ms, fetched_ms=(*before[-len(self._depths) :], now_ms)
        )

    def failed(self, request: Request, now_ms: int) -> None:
        """The request failed: its symbol is asked for again after a rest that doubles with each failure in a row."""
        history = self._history.setdefault((request.kind, request.symbol), _History())
        history.under_way = False
        history.not_before_ms = now_ms + min(LONGEST_BACKOFF_MS, AGAIN_AFTER_MS << min(history.failures, 16))
        history.failures += 1

    def put_off(self, request: Request) -> None:
        """The exchange asked everybody to wait: the request is no fault of its symbol and keeps its place."""
        self._history.setdefault((request.kind, request.symbol), _History()).under_way = False

    def _left_for(self, priority: int, now_ms: int) -> int:
        """The weight that a wish of this priority may use. A budget below one request is nobody's reserve."""
        left, share = self._budget.left(now_ms), self._budget.share
        if priority < RESERVED_FROM_PRIORITY or left == share:
            return left
        return max(0, left - int(RESERVE * share))

    def _cost(self, wish: Wish, ready: list[_Pending], now_ms: int) -> tuple[int, int]:
        if wish.kind == "status":
            return 0, STATUS_WEIGHT
        snapshots = sum(1 for pending in ready if pending.wish.kind == "snapshot")
        left = self._left_for(wish.priority, now_ms)
        fitting = sum(1 for _, weight in self._depths if weight * snapshots <= left)
        lately = 0
        if wish.priority < RESERVED_FROM_PRIORITY and left < SHALLOWER_BELOW * self._budget.share:
            history = self._history.get((wish.kind, wish.symbol), _History())
            lately = sum(1 for at_ms in history.fetched_ms if at_ms > now_ms - SHALLOWER_WITHIN_MS)
        return self._depths[max(0, fitting - 1 - lately)]
