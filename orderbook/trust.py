"""One symbol's standing, whoever keeps its book: what to believe of it and why, its counters, its event time.

Everything that is published of a symbol carries it.
"""

from __future__ import annotations

from typing import Final

from orderbook.activity import Activity
from orderbook.book import Top
from orderbook.changes import LargestChanges
from orderbook.clock import no_latencies
from orderbook.counters import KeeperCounters
from orderbook.depth import Depth
from orderbook.footing import Footing
from orderbook.messages import Book, BookState, GapCause
from orderbook.oracle import QuoteOracle
from orderbook.pace import ArrivalPace

FIRST_SNAPSHOT: Final = "waiting for the first snapshot"


class SymbolTrust:
    """The trust in one symbol's book, and the books that are published with it."""

    __slots__ = (
        "activity",
        "cause",
        "counters",
        "event_time_ms",
        "footing",
        "last_book_time_ms",
        "last_update_id",
        "latency_counts",
        "missing_updates",
        "oracle",
        "pace",
        "reason",
        "state",
        "symbol",
        "venue",
    )

    def __init__(self, venue: str, symbol: str) -> None:
        self.venue: Final = venue
        self.symbol: Final = symbol
        self.counters: Final = KeeperCounters()
        self.oracle: Final = QuoteOracle()
        self.pace: Final = ArrivalPace()
        self.activity: Final = Activity()
        self.footing: Final = Footing()
        self.latency_counts: Final = no_latencies()
        self.state: BookState = "syncing"
        self.cause: GapCause | None = "start"
        self.reason: str | None = FIRST_SNAPSHOT
        self.missing_updates: int | None = None
        self.last_update_id: int | None = None
        self.event_time_ms: int | None = None
        self.last_book_time_ms: int | None = None

    def hold_back(self, event_time_ms: int) -> int:
        """Return the event time to publish: the given one, or the symbol's last one if that is later (counted)."""
        if self.event_time_ms is not None and event_time_ms < self.event_time_ms:
            self.counters.held_back += 1
            return self.event_time_ms
        self.event_time_ms = event_time_ms
        return event_time_ms

    def _settle(self, state: BookState, cause: GapCause | None, reason: str | None) -> None:
        self.state, self.cause, self.reason = state, cause, reason
        if cause is None:
            self.missing_updates = None

    def _published(
        self,
        top: Top,
        update_id: int,
        receive_time_ms: int,
        event_time_ms: int,
        latency_ms: int | None,
        *,
        depth: Depth,
        changes: LargestChanges,
    ) -> Book:
        counters, oracle = self.counters, self.oracle
        counters.books += 1
        if self.event_time_ms is not None and event_time_ms < self.event_time_ms:
            event_time_ms = self.hold_back(event_time_ms)
        self.event_time_ms = self.last_book_time_ms = event_time_ms
        bid_price, bid_qty, ask_price, ask_qty = top
        bid_coverage_bps, ask_coverage_bps = self.footing.coverage_bps
        level_updates, trades, buy_qty, sell_qty = self.activity.taken()
        return Book(
            venue=self.venue,
            symbol=self.symbol,
            event_time_ms=event_time_ms,
            receive_time_ms=receive_time_ms,
            update_id=update_id,
            bid_price=bid_price,
            bid_qty=bid_qty,
            ask_price=ask_price,
            ask_qty=ask_qty,
            state=self.state,
            cause=self.cause,
            gaps=counters.gaps,
            resyncs=counters.resyncs,
            oracle_checks=oracle.checks,
            oracle_mismatches=oracle.mismatches,
            snapshot_age_ms=self.footing.age_ms(receive_time_ms),
            bid_coverage_bps=bid_coverage_bps,
            ask_coverage_bps=ask_coverage_bps,
            latency_ms=latency_ms,
            bid_depth_within=depth.bids_within,
            ask_depth_within=depth.asks_within,
            buy_sweep_bps=depth.buy_costs_bps,
            sell_sweep_bps=depth.sell_costs_bps,
            level_updates=level_updates,
            trades=trades,
            buy_qty=buy_qty,
            sell_qty=sell_qty,
            bid_add=changes.bid_add,
            bid_cut=changes.bid_cut,
            ask_add=changes.ask_add,
            ask_cut=changes.ask_cut,
        )
