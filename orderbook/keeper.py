"""Keeping one symbol's book: from diffs, snapshots and best quotes to books that are proven, or marked as not.

    SYNCING --snapshot and the diff that continues it--> LIVE --anything wrong--> RESYNCING --the same--> LIVE
                                                          |
                                  silence --> STALE --the diff that continues the book--> LIVE
                       levels not verified --> UNVERIFIED --a newer snapshot merged----> LIVE

While SYNCING or RESYNCING, diffs are buffered, a snapshot is wanted, and no book is published. STALE and UNVERIFIED
keep the book: the next diff tells whether something was missed. A stream of partial books is UNVERIFIED for good.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from orderbook.book import ImpossibleLevel, LocalBook, Top, best_of
from orderbook.changes import UNTOLD, ChangeMeter
from orderbook.counters import Timed
from orderbook.coverage import Coverage
from orderbook.depth import UNMEASURED, DepthMeter
from orderbook.market import BestQuote, DepthDiff, PartialBook, Snapshot
from orderbook.messages import Book, GapCause
from orderbook.overlap import WaitingDiffs
from orderbook.refresh import LONGEST_AHEAD_MS, agree
from orderbook.sequence import SequenceRules
from orderbook.trust import FIRST_SNAPSHOT, SymbolTrust

BUFFERED_DIFFS: Final = 300
"""Diffs kept while a snapshot is awaited, 30 s of a 100 ms stream; older ones are useless to the one that comes.

At some 3 KB each, 450 symbols that wait out a ban take 0.4 GB.
"""
BACKWARDS_MS: Final = 1000
"""A diff whose event time lies further before the one before it goes back in time."""
NEVER_MS: Final = -(1 << 62)


class BookKeeper(SymbolTrust):
    """The book of one symbol and the trust in it. Pure: time and events come in as arguments."""

    __slots__ = (
        "_book",
        "_buffer",
        "_changes",
        "_covered",
        "_depth_levels",
        "_following",
        "_meter",
        "_newest_diff_ms",
        "_partial_id",
        "_rules",
        "_snapshot_id",
        "_waiting",
        "_was_live",
    )

    def __init__(
        self,
        *,
        venue: str,
        symbol: str,
        rules: SequenceRules,
        depth_levels: int,
        covered: bool = True,
        measured: bool = True,
    ) -> None:
        super().__init__(venue, symbol)
        self._rules = rules
        self._depth_levels = depth_levels
        self._covered = covered
        self._meter = DepthMeter() if measured else None
        self._changes = ChangeMeter()
        self._following = False
        self._was_live = False
        self._book = LocalBook()
        self._buffer: deque[Timed] = deque(maxlen=BUFFERED_DIFFS)
        self._waiting: WaitingDiffs[Timed] = WaitingDiffs()
        self._snapshot_id: int | None = None
        self._newest_diff_ms = NEVER_MS
        self._partial_id: int | None = None

    @property
    def follows(self) -> bool:
        """True while the book is built and every diff so far continued it."""
        return self._following

    @property
    def wants_snapshot(self) -> bool:
        """True while a snapshot would help: to bring the book to live, or to verify it further out."""
        if self._partial_id is not None:
            return False
        if self._following:
            return self.footing.wants_snapshot
        return self._snapshot_id is None

    @property
    def snapshot_priority(self) -> int:
        """0 when a book that was live waits for the snapshot, 1 for a first one, 2 to verify a live book further."""
        if self._following:
            return 0 if self.state == "unverified" else 2
        return 0 if self._was_live else 1

    def diff(
        self, diff: DepthDiff, receive_time_ms: int, event_time_ms: int | None = None, latency_ms: int | None = None
    ) -> list[Book]:
        """Take one diff and return the books it makes, none while the book is not followed.

        `event_time_ms` is the exchange's time as believed, the diff's own by default.
        """
        own_ms = diff.event_time_ms if event_time_ms is None else event_time_ms
        last_id = self.last_update_id
        if (
            self._following
            and last_id is not None
            and diff.final_update_id > last_id
            and not self._waiting.open
            and self._rules.continues_diff(diff, last_id)
        ):
            return self._applied(diff, receive_time_ms, own_ms, latency_ms)  # nearly all
        return self._take(Timed(diff, receive_time_ms, own_ms, latency_ms))

    def snapshot(self, snapshot: Snapshot, receive_time_ms: int = 0) -> list[Book]:
        """Take a snapshot and return the books of the buffered diffs that continue it, in their order.

        While the book is followed the snapshot is merged if one was wanted, and otherwise ignored.
        """
        if self._partial_id is not None:
            return []
        if self._following:
            if self.footing.refresh is not None:
                self.footing.refresh.arrived(snapshot, receive_time_ms)
                self._merge(receive_time_ms)
            return []
        try:
            self._book.replace(snapshot.bids, snapshot.asks)
        except ImpossibleLevel as impossible:
            self.counters.impossible += 1
            self._snapshot_id = None
            self.reason = f"snapshot {snapshot.last_update_id} refused: {impossible}"
            return []
        self.footing.stands_on(Coverage.of(snapshot), snapshot.limit, receive_time_ms)
        self._snapshot_id = snapshot.last_update_id
        return self._bridge()

    def partial(
        self, partial: PartialBook, receive_time_ms: int, event_time_ms: int, latency_ms: int | None
    ) -> list[Book]:
        """Take a whole book of few levels and return it as unverified; ignored where diffs are followed.

        An older one than the last is dropped, one that cannot exist is counted and not published.
        """
        if self._following or self._buffer:
            return []
        if self._partial_id is not None and partial.last_update_id <= self._partial_id:
            self.counters.repeated += 1
            return []
        self._partial_id = self.last_update_id = partial.last_update_id
        self._snapshot_id = None
        try:
            self._book.replace(partial.bids, partial.asks)
        except ImpossibleLevel as impossible:
            self.counters.impossible += 1
            self._settle("resyncing", "impossible", f"partial book {partial.last_update_id} refused: {impossible}")
            return []
        top = self._book.top(self._depth_levels)
        best = best_of(top)
        if best is not None and best[0] >= best[2]:
            self.counters.crossed += 1
            self._settle("resyncing", "crossed", f"partial book {partial.last_update_id} is crossed")
            return []
        self._settle("unverified", "partial", f"depth{len(partial.bids)} frames: a lost one cannot be noticed")
        if best is not None:
            self.oracle.judge(partial.last_update_id, best)
        self.pace.arrived(receive_time_ms)
        depth = UNMEASURED
        if self._meter is not None:
            depth = self._meter.measure(self._book, top, Coverage.of_partial(partial))
        update_id = partial.last_update_id
        return [
            self._published(top, update_id, receive_time_ms, event_time_ms, latency_ms, depth=depth, changes=UNTOLD)
        ]

    def quote(self, quote: BestQuote) -> None:
        """Compare the exchange's best quote with our book of the same update, now or when that book is made."""
        if not self.oracle.quote(quote, self.last_update_id) and self._following:
            self._lose("oracle", f"the exchange's best quote of update {quote.update_id} differs from the book's")

    def lost(self, cause: GapCause, reason: str) -> None:
        """Distrust the book for a reason from outside; diffs go on being buffered."""
        if self._following:
            self._lose(cause, reason)

    def disconnected(self, reason: str) -> None:
        """Distrust the book: updates may have been missed. Diffs of the old connection are forgotten."""
        self._waiting.close()
        self._buffer.clear()
        if self._following:
            self._lose("disconnected", reason)
        else:
            self._snapshot_id = None
            self.reason = reason
            if self._partial_id is not None:
                self._settle("resyncing", "disconnected", reason)

    def overlap_began(self) -> None:
        """From now on diffs arrive over two connections."""
        self._waiting.open = True

    def overlap_ended(self) -> list[Book]:
        """One connection is left: what still waits for diffs before it shows a gap."""
        books: list[Book] = []
        for timed in self._waiting.close():
            books += self._take(timed)
        return books

    def went_stale(self, cause: GapCause, reason: str) -> None:
        """Mark the book as out of date, or say anew why it is; the next diff tells whether something was missed."""
        if self._following or self._partial_id is not None:
            self._settle("stale", cause, reason)

    def _take(self, timed: Timed) -> list[Book]:
        diff = timed.diff
        last_id = self.last_update_id
        if not self._following or last_id is None:
            if self._partial_id is not None:
                self._partial_id = None
                self._settle("syncing", "start", FIRST_SNAPSHOT)
            self._buffer.append(timed)
            return self._bridge()
        if diff.final_update_id <= last_id:
            newer = NEVER_MS < self._newest_diff_ms < diff.event_time_ms - BACKWARDS_MS
            if newer or diff.first_update_id > diff.final_update_id:
                return self._broken(timed, last_id)  # newer in time and older by its ids: no repetition
            self.counters.repeated += 1
            return []
        if not self._rules.continues_diff(diff, last_id):
            if self._waiting.open:
                return self._beside(timed, last_id)
            return self._broken(timed, last_id)
        books = self._applied(*timed)
        return books + self._drained() if self._waiting else books

    def _beside(self, timed: Timed, last_id: int) -> list[Book]:
        """Take a diff that does not continue the book while another connection may deliver the one that does."""
        first_id, final_id = self._rules.follows_id(timed.diff) + 1, timed.diff.final_update_id
        if first_id <= last_id + 1 <= final_id:
            return self._applied(*timed) + self._drained()
        if first_id > last_id and self._waiting.park(first_id, final_id, timed):
            return []
        return self._broken(timed, last_id)

    def _drained(self) -> list[Book]:
        """Apply what has waited and continues the book now."""
        books: list[Book] = []
        while self._following and self.last_update_id is not None:
            timed = self._waiting.next_after(self.last_update_id)
            if timed is None:
                break
            books += self._applied(*timed)
        return books

    def _broken(self, timed: Timed, last_id: int) -> list[Book]:
        """Take a diff that breaks the sequence: the first one of the book to come."""
        diff = timed.diff
        span = f"the diff after update {last_id} starts at {diff.first_update_id} and ends at {diff.final_update_id}"
        missing = self._rules.follows_id(diff) - last_id
        if missing <= 0 or diff.first_update_id > diff.final_update_id:
            self.counters.backwards += 1
            self._lose("backwards", f"backwards: {span}")
        else:
            self.counters.gaps += 1
            self._lose("gap", f"gap: {span}", missing=missing)
        self._buffer.append(timed)
        return []

    def _bridge(self) -> list[Book]:
        """Apply the buffered diffs that continue the snapshot, if there is one."""
        if self._snapshot_id is None:
            return []
        while self._buffer and self._rules.known_to_snapshot(self._buffer[0].diff, self._snapshot_id):
            known = self._buffer.popleft()
            if known.receive_time_ms - (self.footing.snapshot_time_ms or 0) > LONGEST_AHEAD_MS:
                self.reason = f"snapshot {self._snapshot_id} is ahead of the diffs for too long: another one is needed"
                self._snapshot_id = None
                return []
        if not self._buffer:
            self.reason = "snapshot taken, waiting for the diff that continues it"
            return []
        if not self._rules.continues_snapshot(self._buffer[0].diff, self._snapshot_id):
            self.reason = (
                f"snapshot {self._snapshot_id} is older than the first diff, "
                f"which starts at {self._buffer[0].diff.first_update_id}: a newer one is needed"
            )
            self._snapshot_id = None
            return []
        if self.state == "resyncing":
            self.counters.resyncs += 1
        self._following, self._snapshot_id, self._newest_diff_ms = True, None, NEVER_MS
        self.activity.reset()
        buffered, self._buffer = self._buffer, deque(maxlen=BUFFERED_DIFFS)
        self.pace.restarted(buffered[0].receive_time_ms)
        books = self._applied(*buffered.popleft())
        for timed in buffered:
            books += self._take(timed)
        return books

    def _applied(self, diff: DepthDiff, receive_time_ms: int, event_time_ms: int, latency_ms: int | None) -> list[Book]:
        """Apply a diff that continues the book; a result that cannot be leads to a resync instead."""
        update_id = diff.final_update_id
        ahead_ms = diff.event_time_ms - self._newest_diff_ms
        if ahead_ms > 0:
            self._newest_diff_ms = diff.event_time_ms
        elif ahead_ms < -BACKWARDS_MS:
            self.counters.backwards += 1
            timed = Timed(diff, receive_time_ms, event_time_ms, latency_ms)
            return self._refused("backwards", f"diff {update_id} is {-ahead_ms} ms older than one before it", timed)
        book = self._book
        try:
            changed = book.apply(diff.bids, diff.asks, self._changes.zone)
        except ImpossibleLevel as impossible:
            self.counters.impossible += 1
            return self._refused("impossible", f"diff {update_id} refused: {impossible}", None)
        self.last_update_id = update_id
        top = book.top(self._depth_levels)
        best, mid = best_of(top), None
        if best is not None:
            if best[0] >= best[2]:
                self.counters.crossed += 1
                return self._refused("crossed", f"the book crossed at update {update_id}", None)
            if not self.oracle.judge(update_id, best):
                why = f"the exchange's best quote of update {update_id} differs from the book's"
                return self._refused("oracle", why, None)
            mid = (best[0] + best[2]) / 2
        refresh = self.footing.refresh
        if refresh is not None:
            refresh.applied(diff)
            self._merge(receive_time_ms)
            if not self._following:
                return []
            top = self._book.top(self._depth_levels)
        self.pace.arrived(receive_time_ms)
        self._check_coverage(top, mid, receive_time_ms)
        self.activity.level_updates += len(diff.bids) + len(diff.asks)
        depth, told = UNMEASURED, UNTOLD
        if self._meter is not None:
            coverage = self.footing.coverage
            depth = self._meter.measure(self._book, top, coverage, diff.bids, diff.asks)
            told = self._changes.told(changed, best, coverage, self.activity)
        return [self._published(top, update_id, receive_time_ms, event_time_ms, latency_ms, depth=depth, changes=told)]

    def _check_coverage(self, top: Top, mid: float | None, receive_time_ms: int) -> None:
        """Settle whether the levels to be published are verified, and want a newer snapshot before they are not."""
        reach = self.footing.reach(top, mid, self._depth_levels)
        if reach == "beyond" and self._covered:
            if self.state != "unverified":
                why = f"the best {self._depth_levels} levels reach beyond the snapshot"
                self._settle("unverified", "coverage", why)
        elif self.state != "live":
            self._settle("live", None, None)
        if reach != "far":
            self.footing.want_newer(reach, self._rules, receive_time_ms)

    def _merge(self, receive_time_ms: int) -> None:
        """Put the wanted snapshot under the book as soon as that can be done."""
        try:
            merged = self.footing.merged(self.last_update_id, receive_time_ms)
        except ImpossibleLevel as impossible:
            self.counters.impossible += 1
            self._lose("impossible", f"snapshot refused: {impossible}")
            return
        if merged is None:
            return
        self.oracle.checks += 1
        if not agree(self._book, self.footing.coverage, merged.book, self._depth_levels):
            self.oracle.mismatches += 1
            self._lose("oracle", f"snapshot {merged.snapshot_id} leads to another book at {self.last_update_id}")
            return
        self.counters.refreshes += 1
        self._book = merged.book
        self.footing.stands_on(merged.coverage, merged.limit, receive_time_ms)

    def _refused(self, cause: GapCause, reason: str, next_first: Timed | None) -> list[Book]:
        self._lose(cause, reason)
        if next_first is not None:
            self._buffer.append(next_first)
        return []

    def _lose(self, cause: GapCause, reason: str, *, missing: int | None = None) -> None:
        self._following = False
        self._was_live = True
        self._snapshot_id = None
        self.footing.refresh = None
        self._changes.forget()
        self.missing_updates = missing
        self._buffer.extend(self._waiting_in_order())
        self.oracle.forget()
        self._settle("resyncing", cause, reason)

    def _waiting_in_order(self) -> list[Timed]:
        still_open = self._waiting.open
        left = self._waiting.close()
        self._waiting.open = still_open
        return left
