"""The book as it was: what each diff replaced is kept for a while, so that an older book can be told exactly."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from connectors.simulator.matching import Levels, MatchingBook

HISTORY_MS: Final = 10_000
"""How far back the book can be told, in milliseconds of the market's clock."""


@dataclass(frozen=True, slots=True)
class PastBook:
    """The levels of a book at `update_id`, as (price, lots), best first."""

    update_id: int
    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class _Replaced:
    """What one diff replaced: the update id before it, its time, and the lots that its prices had."""

    update_id: int
    time_ms: int
    bids: dict[int, int]
    asks: dict[int, int]


class History:
    """The last HISTORY_MS of one book, in steps of its diffs."""

    __slots__ = ("_replaced", "_update_id")

    def __init__(self, update_id: int) -> None:
        self._replaced: deque[_Replaced] = deque()
        self._update_id = update_id

    def note(self, book: MatchingBook, time_ms: int) -> None:
        """Keep what changed since the last call; call it at each diff, before the changes are cleared."""
        kept = self._replaced
        while kept and kept[0].time_ms < time_ms - HISTORY_MS:
            kept.popleft()
        if book.update_id != self._update_id:
            kept.append(_Replaced(self._update_id, time_ms, book.bids.changed, book.asks.changed))
            self._update_id = book.update_id

    def before(self, book: MatchingBook, time_ms: int) -> PastBook:
        """The book as the last diff before `time_ms` left it, or the oldest that is kept."""
        bids, asks, update_id = dict(book.bids.lots), dict(book.asks.lots), self._update_id
        _put_back(bids, book.bids.changed)
        _put_back(asks, book.asks.changed)
        for replaced in reversed(self._replaced):
            if replaced.time_ms < time_ms:
                break
            _put_back(bids, replaced.bids)
            _put_back(asks, replaced.asks)
            update_id = replaced.update_id
        return PastBook(update_id, _best_first(bids, book.bids), _best_first(asks, book.asks))


def _put_back(levels: dict[int, int], replaced: dict[int, int]) -> None:
    for price, lots in replaced.items():
        if lots:
            levels[price] = lots
        else:
            levels.pop(price, None)


def _best_first(levels: dict[int, int], side: Levels) -> list[tuple[int, int]]:
    return sorted(levels.items(), key=lambda level: -side.sign * level[0])
