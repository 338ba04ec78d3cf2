"""Keeping one symbol's book: from diffs, snapshots and best quotes to books that are exact or not published at all.

    SYNCING --snapshot and the diff that continues it--> LIVE --gap, crossed book, lost connection--> RESYNCING
                                                          ^                                              |
                                                          +------snapshot and the diff continuing it-----+

While not LIVE, diffs are buffered and a snapshot is wanted. A diff that the snapshot does not reach back to makes the
keeper want a newer snapshot. A diff that is repeated is dropped.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from orderbook.book import ImpossibleLevel, LocalBook
from orderbook.market import BestQuote, DepthDiff, Snapshot
from orderbook.messages import Book, BookState
from orderbook.sequence import SequenceRules

BUFFERED_DIFFS: Final = 10_000
"""Diffs kept while a snapshot is awaited, 16 minutes of a 100 ms stream; older ones are useless to a new snapshot."""

REMEMBERED_QUOTES: Final = 256
"""Best quotes, and best levels of past books, kept until the other side of the comparison arrives."""

BestLevels = tuple[float, float, float, float]


@dataclass(slots=True)
class KeeperCounters:
    """What happened to one symbol's book since the process started."""

    books: int = 0
    gaps: int = 0
    resyncs: int = 0
    oracle_checks: int = 0
    oracle_mismatches: int = 0
    held_back: int = 0


class BookKeeper:
    """The book of one symbol and the trust in it. Pure: time and events come in as arguments."""

    def __init__(self, *, venue: str, symbol: str, rules: SequenceRules, depth_levels: int) -> None:
        self.venue: Final = venue
        self.symbol: Final = symbol
        self.counters: Final = KeeperCounters()
        self.state: BookState = "syncing"
        self.reason: str | None = "waiting for the first snapshot"
        self.last_update_id: int | None = None
        self.event_time_ms: int | None = None
        self.last_book_time_ms: int | None = None
        self._rules = rules
        self._depth_levels = depth_levels
        self._book = LocalBook()
        self._buffer: deque[tuple[DepthDiff, int]] = deque(maxlen=BUFFERED_DIFFS)
        self._snapshot_id: int | None = None
        self._quotes: dict[int, BestQuote] = {}
        self._bests: dict[int, BestLevels] = {}

    @property
    def wants_snapshot(self) -> bool:
        """True while only a new snapshot can bring the book (back) to live."""
        return self.state != "live" and self._snapshot_id is None

    def diff(self, diff: DepthDiff, receive_time_ms: int) -> list[Book]:
        """Take one diff and return the books it makes, at most one; none while not live."""
        if self.state != "live" or self.last_update_id is None:
            self._buffer.append((diff, receive_time_ms))
            return self._bridge()
        if diff.final_update_id <= self.last_update_id:
            return []
        if not self._rules.continues_diff(diff, self.last_update_id):
            self.counters.gaps += 1
            self._resync(
                f"gap: the diff after update {self.last_update_id} "
                f"starts at {diff.first_update_id} and ends at {diff.final_update_id}"
            )
            self._buffer.append((diff, receive_time_ms))
            return []
        return self._applied(diff, receive_time_ms)

    def snapshot(self, snapshot: Snapshot) -> list[Book]:
        """Take a snapshot and return the books of the buffered diffs that continue it, in their order.

        While live it is not needed and ignored.
        """
        if self.state == "live":
            return []
        try:
            self._book.replace(snapshot.bids, snapshot.asks)
        except ImpossibleLevel as impossible:
            self.reason = f"snapshot {snapshot.last_update_id} refused: {impossible}"
            return []
        self._snapshot_id = snapshot.last_update_id
        return self._bridge()

    def quote(self, quote: BestQuote) -> None:
        """Compare the exchange's best quote with our book of the same update, now or when that book is made."""
        best = self._bests.get(quote.update_id)
        if best is not None:
            self._compare(quote, best)
        elif self.last_update_id is None or quote.update_id > self.last_update_id:
            self._quotes[quote.update_id] = quote
            _forget_oldest(self._quotes)

    def disconnected(self, reason: str) -> None:
        """Distrust the book: updates may have been missed. Diffs of the old connection are forgotten."""
        self._buffer.clear()
        if self.state == "live":
            self._resync(reason)
        else:
            self._snapshot_id = None
            self.reason = reason

    def hold_back(self, event_time_ms: int) -> int:
        """Return the event time to publish: the given one, or the symbol's last one if that is later (counted)."""
        if self.event_time_ms is not None and event_time_ms < self.event_time_ms:
            self.counters.held_back += 1
            return self.event_time_ms
        self.event_time_ms = event_time_ms
        return event_time_ms

    def _bridge(self) -> list[Book]:
        """Apply the buffered diffs that continue the snapshot, if there is one."""
        if self._snapshot_id is None:
            return []
        while self._buffer and self._rules.known_to_snapshot(self._buffer[0][0], self._snapshot_id):
            self._buffer.popleft()
        if not self._buffer:
            self.reason = "snapshot taken, waiting for the diff that continues it"
            return []
        if not self._rules.continues_snapshot(self._buffer[0][0], self._snapshot_id):
            self.reason = (
                f"snapshot {self._snapshot_id} is older than the first diff, "
                f"which starts at {self._buffer[0][0].first_update_id}: a newer one is needed"
            )
            self._snapshot_id = None
            return []
        if self.state == "resyncing":
            self.counters.resyncs += 1
        self.state, self.reason, self._snapshot_id = "live", None, None
        waiting, self._buffer = self._buffer, deque(maxlen=BUFFERED_DIFFS)
        first, received = waiting.popleft()
        books = self._applied(first, received)
        for diff, received in waiting:
            books += self.diff(diff, received)
        return books

    def _applied(self, diff: DepthDiff, receive_time_ms: int) -> list[Book]:
        """Apply a diff that continues the book; an impossible or crossed result leads to a resync instead."""
        try:
            self._book.apply(diff.bids, diff.asks)
        except ImpossibleLevel as impossible:
            self.counters.gaps += 1
            self._resync(f"diff {diff.final_update_id} refused: {impossible}")
            return []
        self.last_update_id = diff.final_update_id
        if self._book.crossed:
            self.counters.gaps += 1
            self._resync(f"the book crossed at update {diff.final_update_id}")
            return []
        self._check_oracle(diff.final_update_id)
        self.counters.books += 1
        bid_price, bid_qty = self._book.top_bids(self._depth_levels)
        ask_price, ask_qty = self._book.top_asks(self._depth_levels)
        book = Book(
            venue=self.venue,
            symbol=self.symbol,
            event_time_ms=self.hold_back(diff.event_time_ms),
            receive_time_ms=receive_time_ms,
            update_id=diff.final_update_id,
            bid_price=bid_price,
            bid_qty=bid_qty,
            ask_price=ask_price,
            ask_qty=ask_qty,
            state="live",
        )
        self.last_book_time_ms = book.event_time_ms
        return [book]

    def _resync(self, reason: str) -> None:
        self.state, self.reason = "resyncing", reason
        self._snapshot_id = None
        self._quotes.clear()
        self._bests.clear()

    def _check_oracle(self, update_id: int) -> None:
        bid, ask = self._book.best_bid, self._book.best_ask
        if bid is None or ask is None:
            return
        best = (*bid, *ask)
        self._bests[update_id] = best
        _forget_oldest(self._bests)
        quote = self._quotes.pop(update_id, None)
        if quote is not None:
            self._compare(quote, best)

    def _compare(self, quote: BestQuote, best: BestLevels) -> None:
        self.counters.oracle_checks += 1
        if best != (quote.bid_price, quote.bid_qty, quote.ask_price, quote.ask_qty):
            self.counters.oracle_mismatches += 1


def _forget_oldest(remembered: dict[int, BestQuote] | dict[int, BestLevels]) -> None:
    if len(remembered) > REMEMBERED_QUOTES:
        del remembered[next(iter(remembered))]
