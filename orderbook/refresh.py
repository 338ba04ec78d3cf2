"""A newer snapshot under a book that goes on: merged without a gap in the stream of books.

From the wish on, the diffs are kept. The snapshot is some update of the past, or one not reached yet; the kept diffs
after it lead from it to the book's own update, and the two books must then agree where both are verified.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from orderbook.book import LocalBook
from orderbook.coverage import Coverage
from orderbook.market import DepthDiff, Snapshot
from orderbook.sequence import SequenceRules

LONGEST_AHEAD_MS: Final = 10_000
"""A snapshot that the stream has not reached so long after it came is of another book."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The book on its new snapshot, at the update it had reached."""

    book: LocalBook
    coverage: Coverage
    snapshot_id: int
    limit: int | None


class Refresh:
    """One wish for a newer snapshot."""

    __slots__ = ("_arrived_ms", "_diffs", "_rules", "_snapshot")

    def __init__(self, rules: SequenceRules, kept_diffs: int) -> None:
        self._rules = rules
        self._diffs: deque[DepthDiff] = deque(maxlen=kept_diffs)
        self._snapshot: Snapshot | None = None
        self._arrived_ms = 0

    @property
    def wants_snapshot(self) -> bool:
        """True until a snapshot is here that may still be merged."""
        return self._snapshot is None

    def applied(self, diff: DepthDiff) -> None:
        """Keep a diff that the book has applied."""
        self._diffs.append(diff)

    def arrived(self, snapshot: Snapshot, receive_time_ms: int) -> None:
        """Take the snapshot."""
        self._snapshot, self._arrived_ms = snapshot, receive_time_ms

    def merged(self, update_id: int, receive_time_ms: int) -> Merged | None:
        """Return the book at `update_id`; None while the snapshot is missing, ahead of it, or too old to be led there.

        One that is too old, or ahead for too long, is dropped and another one wanted. Raises ImpossibleLevel.
        """
        snapshot = self._snapshot
        if snapshot is None:
            return None
        if snapshot.last_update_id > update_id:
            if receive_time_ms - self._arrived_ms > LONGEST_AHEAD_MS:
                self._snapshot = None
            return None
        last_id = snapshot.last_update_id
        later = [diff for diff in self._diffs if not self._rules.known_to_snapshot(diff, last_id)]
        reached = self._rules.continues_snapshot(later[0], last_id) if later else last_id == update_id
        if not reached:
            self._snapshot = None
            return None
        book = LocalBook()
        book.replace(snapshot.bids, snapshot.asks)
        for diff in later:
            book.apply(diff.bids, diff.asks)
        return Merged(book, Coverage.of(snapshot), last_id, snapshot.limit)


def agree(ours: LocalBook, within: Coverage, theirs: LocalBook, levels: int) -> bool:
    """Return whether the best `levels` of both sides are equal, as far as both are verified within `within`."""
    our_bids, our_bid_qty, our_asks, our_ask_qty = ours.top(levels)
    bids, bid_qty, asks, ask_qty = theirs.top(levels)
    return _same((our_bids, our_bid_qty), (bids, bid_qty), lambda price: price >= within.lowest_bid) and _same(
        (our_asks, our_ask_qty), (asks, ask_qty), lambda price: price <= within.highest_ask
    )


def _same(
    ours: tuple[list[float], list[float]], theirs: tuple[list[float], list[float]], verified: Callable[[float], bool]
) -> bool:
    return [level for level in zip(*ours, strict=True) if verified(level[0])] == [
        level for level in zip(*theirs, strict=True) if verified(level[0])
    ]
