"""One connection's session: market events and time in, messages to publish and snapshots wanted out.

Sans-I/O: live connections, the simulator and recordings drive the same code. Time is the receive clock of whoever
drives it, in milliseconds since the Unix epoch; it may jump, and may run behind the exchange's. Whatever is due at a
moment of that clock happens at that moment, however late `advance` is called: equal arrivals make equal messages.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from orderbook.clock import LATENCY_BOUNDS_MS, ExchangeClock
from orderbook.followed import Followed
from orderbook.keeper import BookKeeper
from orderbook.market import BestQuote, DepthDiff, Execution, Market, MarketEvent, PartialBook, Snapshot
from orderbook.messages import Book, DeadLetter, Heartbeat, IngestMessage, Trade
from orderbook.pace import FLOOR_MS
from orderbook.sequence import SequenceRules

HEARTBEAT_MS: Final = 1000
TICK_MS: Final = 250
"""How often silence is looked for. Both happen at whole multiples: a replay, which begins later, has them in step."""
CLOCK_SLACK_MS: Final = 500
"""How far a heartbeat stays behind the connection's newest event time, so that it overtakes no event on its way."""
SILENCE_MS: Final = 5000
"""How long a connection may be silent before heartbeats move event time on without it."""
JUMP_MS: Final = 60_000
"""A receive clock that moves on further than this in one step has jumped: no heartbeats are made up for the stretch."""
BACK_MS: Final = 2000
"""One that goes back further than this has jumped as well: nothing would be due until it had caught up."""
LEAST_SILENCE_MS: Final = 1000
MOST_SILENCE_MS: Final = 30_000
PAYLOAD_SHOWN: Final = 10_000


@dataclass(frozen=True, slots=True)
class SnapshotWish:
    """A symbol whose snapshot would help. Priority 0: a live book was lost; 1: the first one; 2: to verify further."""

    symbol: str
    priority: int


class IngestSession:
    """The books of the symbols of one connection, their heartbeats and what could not be read.

    Each second it makes a heartbeat for every symbol and one with an empty symbol, the clock of the partitions that
    no symbol lives in. A change of a symbol's state is told at once, and to the gap ledger. `covered`: a book whose
    published levels reach beyond its snapshot is unverified; otherwise only its coverage tells. `partial`: whole books
    of few levels are to come, which need no snapshot. `measured`: books say how deep they are beyond what is published.
    """

    __slots__ = (
        "_clock",
        "_covered",
        "_depth_levels",
        "_exchange_clock_ms",
        "_followed",
        "_last_receive_ms",
        "_measured",
        "_next_tick_ms",
        "_overlapping",
        "_partials",
        "_rules",
        "_unreadable",
        "_venue",
    )

    def __init__(
        self,
        *,
        venue: str,
        symbols: Iterable[str],
        depth_levels: int,
        market: Market = "spot",
        covered: bool = True,
        partial: bool = False,
        measured: bool = True,
    ) -> None:
        self._covered = covered
        self._measured = measured
        self._partials = partial
        self._venue = venue
        self._rules = SequenceRules(market)
        self._depth_levels = depth_levels
        self._followed: dict[str, Followed] = {symbol: self._following(symbol) for symbol in symbols}
        self._clock: Final = ExchangeClock()
        self._unreadable = 0
        self._exchange_clock_ms: int | None = None
        self._last_receive_ms: int | None = None
        self._next_tick_ms: int | None = None
        self._overlapping = False

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols that are followed, in the order in which they were given or added."""
        return tuple(self._followed)

    @property
    def keepers(self) -> tuple[BookKeeper, ...]:
        """The symbols' keepers, in the same order."""
        return tuple(followed.keeper for followed in self._followed.values())

    @property
    def clock(self) -> ExchangeClock:
        """The exchange's clock as this connection sees it."""
        return self._clock

    @property
    def silence_limit_ms(self) -> int:
        """How long the connection may deliver nothing at the pace of its busiest symbol, ms."""
        limit_ms = min((followed.keeper.pace.limit_ms for followed in self._followed.values()), default=MOST_SILENCE_MS)
        return max(LEAST_SILENCE_MS, min(MOST_SILENCE_MS, limit_ms))

    def silent_ms(self, now_ms: int) -> int:
        """Return for how long nothing at all was received, ms; 0 before the first arrival."""
        return 0 if self._last_receive_ms is None else max(0, now_ms - self._last_receive_ms)

    def wanted_snapshots(self) -> list[SnapshotWish]:
        """Return the symbols whose snapshot would help."""
        if self._partials:
            return []
        return [
            SnapshotWish(symbol, followed.keeper.snapshot_priority)
            for symbol, followed in self._followed.items()
            if followed.keeper.wants_snapshot
        ]

    def event(self, event: MarketEvent, receive_time_ms: int) -> list[IngestMessage]:
        """Take one event and return what it makes: whatever was due before it, books, a trade.

        Events of symbols that are not followed are dropped.
        """
        due_ms = self._next_tick_ms
        if due_ms is not None and due_ms - BACK_MS < receive_time_ms < due_ms:
            messages: list[IngestMessage] = []  # nearly always: nothing is due
        else:
            messages = self.advance(receive_time_ms)
        followed = self._followed.get(event.symbol)
        self._last_receive_ms = receive_time_ms
        if followed is None:
            return messages
        keeper = followed.keeper
        if isinstance(event, BestQuote):
            keeper.quote(event)
            if not followed.is_told:
                messages += self._changed(followed, receive_time_ms)
        elif isinstance(event, DepthDiff):
            event_time_ms, latency_ms = self._timed(keeper, event.event_time_ms, receive_time_ms)
            books = keeper.diff(event, receive_time_ms, event_time_ms, latency_ms)
            if followed.is_told:
                messages += books
            else:
                messages += self._told(followed, books, receive_time_ms)
        elif isinstance(event, Execution):
            if followed.trades.is_new(event.trade_id):
                event_time_ms, _ = self._timed(keeper, event.event_time_ms, receive_time_ms)
                keeper.activity.traded(event)
                messages.append(self._trade(event, event_time_ms, receive_time_ms))
        else:
            messages += self._partial(followed, event, receive_time_ms)
        return messages

    def snapshot(self, symbol: str, snapshot: Snapshot, receive_time_ms: int) -> list[IngestMessage]:
        """Take a symbol's snapshot and return what it makes."""
        messages = self.advance(receive_time_ms)
        followed = self._followed.get(symbol)
        if followed is not None:
            messages += self._told(followed, followed.keeper.snapshot(snapshot, receive_time_ms), receive_time_ms)
        return messages

    def unreadable(
        self,
        payload: bytes,
        reason: str,
        origin: str,
        receive_time_ms: int,
        depth_of: str | None = None,
        *,
        streamed: bool = True,
    ) -> list[IngestMessage]:
        """Take a frame that could not be read and return it as a dead letter; or, not `streamed`, a snapshot.

        `depth_of` is the symbol whose depth stream it came from, if that is known: its book is distrusted at once.
        """
        messages = self.advance(receive_time_ms)
        if streamed:
            self._last_receive_ms = receive_time_ms
        self._unreadable += 1
        letter = DeadLetter(
            venue=self._venue,
            origin=origin,
            receive_time_ms=receive_time_ms,
            reason=reason,
            payload=payload[:PAYLOAD_SHOWN].decode("utf-8", "replace"),
        )
        messages.append(letter)
        followed = self._followed.get(depth_of or "")
        if followed is not None:
            followed.keeper.lost("unreadable", f"a frame of its depth stream could not be read: {reason}")
            messages += self._changed(followed, receive_time_ms)
        return messages

    def connected(self, receive_time_ms: int) -> list[IngestMessage]:
        """A connection is up where there was none."""
        messages = self.advance(receive_time_ms)
        self._last_receive_ms = receive_time_ms
        return messages

    def overlap_began(self, receive_time_ms: int) -> list[IngestMessage]:
        """From now on two connections deliver the same streams."""
        messages = self.advance(receive_time_ms)
        self._overlapping = True
        for followed in self._followed.values():
            followed.overlap_began()
        return messages

    def overlap_ended(self, receive_time_ms: int) -> list[IngestMessage]:
        """One of two connections ended; what it did not deliver before is a gap."""
        messages = self.advance(receive_time_ms)
        self._overlapping = False
        for followed in self._followed.values():
            followed.trades.overlap_ended()
            messages += self._told(followed, followed.keeper.overlap_ended(), receive_time_ms)
        return messages

    def disconnected(self, reason: str, receive_time_ms: int) -> list[IngestMessage]:
        """Distrust every book of the connection, and say so at once."""
        messages = self.advance(receive_time_ms)
        self._overlapping = False
        for followed in self._followed.values():
            followed.keeper.disconnected(reason)
            followed.trades.overlap_ended()
            messages += self._changed(followed, receive_time_ms)
        return messages

    def symbols_changed(
        self, added: Iterable[str], removed: Iterable[str], receive_time_ms: int
    ) -> list[IngestMessage]:
        """Follow more symbols, and others no more: their stretches in the ledger end; those that stay are untouched."""
        messages = self.advance(receive_time_ms)
        for symbol in removed:
            followed = self._followed.pop(symbol, None)
            if followed is not None:
                messages += followed.removed(self._clock_now(receive_time_ms), receive_time_ms)
        for symbol in added:
            if symbol not in self._followed:
                followed = self._followed[symbol] = self._following(symbol)
                if self._overlapping:
                    followed.overlap_began()
                messages += self._changed(followed, receive_time_ms)
        return messages

    def status_changed(self, symbol: str, status: str, receive_time_ms: int) -> list[IngestMessage]:
        """Note how the exchange lists a symbol: anything but TRADING is why it is silent."""
        messages = self.advance(receive_time_ms)
        followed = self._followed.get(symbol)
        if followed is not None:
            followed.status = status
            if followed.keeper.state == "stale":
                followed.keeper.went_stale(*followed.silence(self.silent_ms(receive_time_ms)))
                messages += self._changed(followed, receive_time_ms)
        return messages

    def advance(self, receive_time_ms: int) -> list[IngestMessage]:
        """Move time on and return what has become due: heartbeats, and symbols that are silent for too long."""
        messages: list[IngestMessage] = []
        next_ms = self._next_tick_ms
        if next_ms is None or not -BACK_MS < receive_time_ms - next_ms < JUMP_MS:
            self._forget_pauses(receive_time_ms)
            messages += self._beat(receive_time_ms)
            next_ms = receive_time_ms - receive_time_ms % TICK_MS + TICK_MS
        while receive_time_ms >= next_ms:
            messages += self._silent_symbols(next_ms)
            if next_ms % HEARTBEAT_MS == 0:
                messages += self._beat(next_ms)
            next_ms += TICK_MS
        self._next_tick_ms = next_ms
        return messages

    def close_windows(self, beyond_ms: int, receive_time_ms: int) -> list[IngestMessage]:
        """Return heartbeats whose event time is `beyond_ms` after the newest event: the end of a bounded feed."""
        if self._exchange_clock_ms is None:
            return []
        end_ms = self._exchange_clock_ms + beyond_ms
        beats = [
            followed.heartbeat(followed.keeper.hold_back(end_ms), receive_time_ms, self._clock, self._unreadable)
            for followed in self._followed.values()
        ]
        return [*beats, self._partition_clock(end_ms, receive_time_ms)]

    def _forget_pauses(self, now_ms: int) -> None:
        """After a jump of the receive clock nothing is known about how long anything was silent."""
        if self._last_receive_ms is not None:
            self._last_receive_ms = now_ms
        for followed in self._followed.values():
            if followed.keeper.pace.last_ms is not None:
                followed.keeper.pace.restarted(now_ms)

    def _following(self, symbol: str) -> Followed:
        return Followed(
            BookKeeper(
                venue=self._venue,
                symbol=symbol,
                rules=self._rules,
                depth_levels=self._depth_levels,
                covered=self._covered,
                measured=self._measured,
            )
        )

    def _timed(self, keeper: BookKeeper, event_time_ms: int, receive_time_ms: int) -> tuple[int, int]:
        """Return the event time to believe and the latency, and note both."""
        event_time_ms, latency_ms = self._clock.observe(event_time_ms, receive_time_ms)
        keeper.latency_counts[bisect_left(LATENCY_BOUNDS_MS, latency_ms)] += 1
        if self._exchange_clock_ms is None or event_time_ms > self._exchange_clock_ms:
            self._exchange_clock_ms = event_time_ms
        return event_time_ms, latency_ms

    def _partial(self, followed: Followed, partial: PartialBook, receive_time_ms: int) -> list[IngestMessage]:
        if partial.event_time_ms is None:
            event_time_ms, latency_ms = self._clock.believed(receive_time_ms), None
            if self._exchange_clock_ms is None or event_time_ms > self._exchange_clock_ms:
                self._exchange_clock_ms = event_time_ms
            books = followed.keeper.partial(partial, receive_time_ms, event_time_ms, latency_ms)
        else:
            books = followed.keeper.partial(
                partial, receive_time_ms, *self._timed(followed.keeper, partial.event_time_ms, receive_time_ms)
            )
        return self._told(followed, books, receive_time_ms)

    def _silent_symbols(self, now_ms: int) -> list[IngestMessage]:
        """Mark the symbols that have been silent for longer than they may, and return what that makes."""
        messages: list[IngestMessage] = []
        for followed in self._followed.values():
            keeper = followed.keeper
            last_ms = keeper.pace.last_ms
            if (
                last_ms is None
                or now_ms - last_ms <= FLOOR_MS  # nearly all, and less than any limit
                or keeper.state not in {"live", "unverified", "stale"}
                or now_ms - last_ms <= keeper.pace.limit_ms
            ):
                continue
            keeper.went_stale(*followed.silence(self.silent_ms(now_ms)))
            messages += self._changed(followed, now_ms)
        return messages

    def _beat(self, now_ms: int) -> list[IngestMessage]:
        beats: list[IngestMessage] = []
        clock_ms = self._clock_now(now_ms)
        for followed in self._followed.values():
            keeper = followed.keeper
            event_time_ms = clock_ms if keeper.event_time_ms is None else max(clock_ms, keeper.event_time_ms)
            if followed.is_new:
                beats += self._changed(followed, now_ms)
            else:
                beats.append(followed.heartbeat(keeper.hold_back(event_time_ms), now_ms, self._clock, self._unreadable))
        return [*beats, self._partition_clock(clock_ms, now_ms)]

    def _told(self, followed: Followed, books: list[Book], now_ms: int) -> list[IngestMessage]:
        """The books and, where the state has changed, its heartbeat and the ledger's line: before books it explains."""
        if followed.is_told:
            return list(books)
        if not followed.keeper.follows:
            return [*books, *self._changed(followed, now_ms)]
        if not books:
            return self._changed(followed, now_ms)
        return [*followed.began(books[0], now_ms, self._clock, self._unreadable), *books]

    def _changed(self, followed: Followed, now_ms: int) -> list[IngestMessage]:
        """A heartbeat at once where state or cause are not what the last one said, and the ledger's line."""
        if followed.is_told:
            return []
        return [*followed.changed(self._clock_now(now_ms), now_ms, self._clock, self._unreadable)]

    def _clock_now(self, now_ms: int) -> int:
        """The exchange's time as far as it is safe to say that no event before it is still on its way."""
        if self._exchange_clock_ms is None or self._last_receive_ms is None:
            return now_ms - SILENCE_MS
        silence_ms = now_ms - self._last_receive_ms - SILENCE_MS
        return self._exchange_clock_ms - CLOCK_SLACK_MS + max(0, silence_ms)

    def _partition_clock(self, event_time_ms: int, receive_time_ms: int) -> Heartbeat:
        return Heartbeat(
            venue=self._venue,
            symbol="",
            event_time_ms=event_time_ms,
            receive_time_ms=receive_time_ms,
            state="live",
        )

    def _trade(self, execution: Execution, event_time_ms: int, receive_time_ms: int) -> Trade:
        return Trade(
            venue=self._venue,
            symbol=execution.symbol,
            event_time_ms=event_time_ms,
            receive_time_ms=receive_time_ms,
            trade_id=execution.trade_id,
            trade_time_ms=execution.trade_time_ms,
            price=execution.price,
            quantity=execution.quantity,
            aggressor="sell" if execution.buyer_is_maker else "buy",
        )
