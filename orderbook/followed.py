"""One symbol of a session: its book, its trades, its gap ledger, and what was last said of it."""

from __future__ import annotations

from typing import Final

from orderbook.clock import ExchangeClock
from orderbook.keeper import BookKeeper
from orderbook.ledger import GapLedger, Standing
from orderbook.messages import Book, BookState, FeedGap, GapCause, Heartbeat
from orderbook.overlap import TradeIds

TRADING: Final = "TRADING"


class Followed:
    """One symbol, as its session tells of it. `status` is how the exchange lists it."""

    __slots__ = ("_announced", "keeper", "ledger", "status", "trades")

    def __init__(self, keeper: BookKeeper) -> None:
        self.keeper = keeper
        self.ledger = GapLedger(keeper.venue, keeper.symbol)
        self.trades = TradeIds()
        self.status = TRADING
        self._announced: tuple[BookState, GapCause | None] | None = None

    @property
    def is_told(self) -> bool:
        """Whether the last heartbeat says what the symbol's state and cause are."""
        return (self.keeper.state, self.keeper.cause) == self._announced

    @property
    def is_new(self) -> bool:
        """Whether nothing was said of the symbol yet."""
        return self._announced is None

    def overlap_began(self) -> None:
        """From now on two connections deliver the symbol."""
        self.keeper.overlap_began()
        self.trades.overlap_began()

    def silence(self, connection_silent_ms: int) -> tuple[GapCause, str]:
        """Return why the symbol is silent, as far as it can be told."""
        if self.status != TRADING:
            return "status", f"the exchange lists {self.keeper.symbol} as {self.status}"
        limit_ms = self.keeper.pace.limit_ms
        if connection_silent_ms > limit_ms // 2:
            return (
                "silent",
                f"the connection delivers nothing at all; {self.keeper.symbol} pauses at most {limit_ms} ms",
            )
        return "stale", f"no update for more than {limit_ms} ms while the connection delivers"

    def changed(
        self, event_time_ms: int, now_ms: int, clock: ExchangeClock, unreadable: int
    ) -> list[Heartbeat | FeedGap]:
        """Return the heartbeat of a state that was not told yet, and the ledger's line.

        Without a book that begins the state, the symbol's own event time stands, `event_time_ms` before its first.
        """
        own_ms = self.keeper.event_time_ms
        held_ms = self.keeper.hold_back(event_time_ms if own_ms is None else own_ms)
        return self._told(held_ms, self.keeper.last_update_id, now_ms, clock, unreadable)

    def began(self, first: Book, now_ms: int, clock: ExchangeClock, unreadable: int) -> list[Heartbeat | FeedGap]:
        """Return the same of a state that begins with the book `first`."""
        return self._told(first.event_time_ms, first.update_id, now_ms, clock, unreadable)

    def removed(self, clock_ms: int, now_ms: int) -> list[FeedGap]:
        """Return the end of its stretch, for one followed no more: nobody will say when it is live again."""
        event_time_ms = max(clock_ms, self.keeper.event_time_ms or clock_ms)
        gap = self.ledger.observe(Standing(event_time_ms, now_ms, cause=None, reason=None, update_id=None))
        return [] if gap is None else [gap]

    def heartbeat(self, event_time_ms: int, receive_time_ms: int, clock: ExchangeClock, unreadable: int) -> Heartbeat:
        """Return the symbol's state, the trust in it and its counters; `unreadable` is the connection's."""
        keeper = self.keeper
        self._announced = (keeper.state, keeper.cause)
        counters, oracle, footing = keeper.counters, keeper.oracle, keeper.footing
        bid_coverage_bps, ask_coverage_bps = footing.coverage_bps
        return Heartbeat(
            venue=keeper.venue,
            symbol=keeper.symbol,
            event_time_ms=event_time_ms,
            receive_time_ms=receive_time_ms,
            update_id=keeper.last_update_id,
            state=keeper.state,
            cause=keeper.cause,
            reason=keeper.reason,
            books=counters.books,
            gaps=counters.gaps,
            resyncs=counters.resyncs,
            backwards=counters.backwards,
            crossed=counters.crossed,
            impossible=counters.impossible,
            repeated=counters.repeated + self.trades.repeated,
            refreshes=counters.refreshes,
            oracle_checks=oracle.checks,
            oracle_mismatches=oracle.mismatches,
            held_back=counters.held_back,
            unreadable=unreadable,
            clock_jumps=clock.jumps,
            snapshot_age_ms=footing.age_ms(receive_time_ms),
            bid_coverage_bps=bid_coverage_bps,
            ask_coverage_bps=ask_coverage_bps,
            stale_after_ms=keeper.pace.limit_ms,
            clock_offset_ms=clock.offset_ms,
            latency_counts=list(keeper.latency_counts),
        )

    def _told(
        self, event_time_ms: int, update_id: int | None, now_ms: int, clock: ExchangeClock, unreadable: int
    ) -> list[Heartbeat | FeedGap]:
        keeper = self.keeper
        messages: list[Heartbeat | FeedGap] = [self.heartbeat(event_time_ms, now_ms, clock, unreadable)]
        gap = self.ledger.observe(
            Standing(
                event_time_ms=event_time_ms,
                receive_time_ms=now_ms,
                cause=keeper.cause,
                reason=keeper.reason,
                update_id=update_id,
                missing_updates=keeper.missing_updates,
            )
        )
        if gap is not None:
            messages.append(gap)
        return messages
