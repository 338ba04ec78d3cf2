"""Two connections with the same streams, one taking over from the other: what both deliver counts once, in order.

Each connection by itself is in order and without a gap, but either may be ahead. A diff that is ahead waits until what
is before it has come from the other connection; when the overlap is over and it has not, it was lost.
"""

from __future__ import annotations

from typing import Final, Generic, TypeVar

T = TypeVar("T")

WAITING: Final = 1000
"""Diffs a symbol that may wait; with more of them the missing one will not come."""


class WaitingDiffs(Generic[T]):
    """Diffs that are ahead of the book, by their first and last update ids; they may wait while it is `open`."""

    __slots__ = ("_waiting", "open")

    def __init__(self) -> None:
        self.open = False
        self._waiting: dict[tuple[int, int], T] = {}

    def park(self, first_id: int, final_id: int, diff: T) -> bool:
        """Let a diff wait; False when too many do already."""
        if len(self._waiting) >= WAITING:
            return False
        self._waiting.setdefault((first_id, final_id), diff)
        return True

    def next_after(self, update_id: int) -> T | None:
        """Take out the diff to apply to a book at `update_id`; None when it has not come. Older ones are dropped."""
        waiting = self._waiting
        for first_id, final_id in sorted(waiting):
            if final_id <= update_id:
                del waiting[first_id, final_id]
            elif first_id <= update_id + 1:
                return waiting.pop((first_id, final_id))
            else:
                break
        return None

    def close(self) -> list[T]:
        """End the overlap and return the diffs that still wait, in order of their ids."""
        self.open = False
        left = [self._waiting[key] for key in sorted(self._waiting)]
        self._waiting.clear()
        return left

    def __bool__(self) -> bool:
        return bool(self._waiting)


class TradeIds:
    """Tells trades that came before from those that did not. Ids rise within a connection."""

    __slots__ = ("_floor", "_seen", "repeated")

    def __init__(self) -> None:
        self.repeated = 0
        self._floor = -1
        self._seen: set[int] | None = None

    def is_new(self, trade_id: int) -> bool:
        """Note a trade and return whether it is the first with its id."""
        seen = self._seen
        if trade_id <= self._floor or (seen is not None and trade_id in seen):
            self.repeated += 1
            return False
        if seen is None:
            self._floor = trade_id
        else:
            seen.add(trade_id)
        return True

    def overlap_began(self) -> None:
        """From now on trades of either connection may be ahead."""
        if self._seen is None:
            self._seen = set()

    def overlap_ended(self) -> None:
        """Ids rise again from the highest one."""
        if self._seen:
            self._floor = max(self._seen)
        self._seen = None
