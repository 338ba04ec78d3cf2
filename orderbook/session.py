"""One connection's session: market events and time in, messages to publish and snapshots wanted out.

Sans-I/O: live connections, the simulator and recordings drive the same code. Time is the receive clock of whoever
drives it, in milliseconds since the Unix epoch; it may jump, and may run behind the exchange's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from orderbook.keeper import BookKeeper
from orderbook.market import BestQuote, DepthDiff, Execution, MarketEvent, Snapshot
from orderbook.messages import DeadLetter, Heartbeat, IngestMessage, Trade
from orderbook.sequence import Market, SequenceRules

HEARTBEAT_MS: Final = 1000
CLOCK_SLACK_MS: Final = 500
"""How far a heartbeat stays behind the connection's newest event time, so that it overtakes no event on its way."""
SILENCE_MS: Final = 5000
"""How long a connection may be silent before heartbeats move event time on without it."""
JUMP_MS: Final = 60_000
"""A receive clock that moves further than this in one step has jumped: no heartbeats are made up for the stretch."""
PAYLOAD_SHOWN: Final = 10_000


class IngestSession:
    """The books of the symbols of one connection, their heartbeats and what could not be read.

    Each second it makes a heartbeat for every symbol and one with an empty symbol, the clock of the partitions that
    no symbol lives in.
    """

    def __init__(self, *, venue: str, symbols: Iterable[str], depth_levels: int, market: Market = "spot") -> None:
        rules = SequenceRules(market)
        self._venue = venue
        self._keepers: Final = {
            symbol: BookKeeper(venue=venue, symbol=symbol, rules=rules, depth_levels=depth_levels) for symbol in symbols
        }
        self._unreadable = 0
        self._exchange_clock_ms: int | None = None
        self._last_receive_ms: int | None = None
        self._next_beat_ms: int | None = None
        self._announced: dict[str, tuple[str, str | None]] = {}

    @property
    def keepers(self) -> tuple[BookKeeper, ...]:
        """The symbols' keepers, in the order in which the symbols were given."""
        return tuple(self._keepers.values())

    def wanted_snapshots(self) -> list[str]:
        """Symbols whose book only a new snapshot can make live."""
        return [symbol for symbol, keeper in self._keepers.items() if keeper.wants_snapshot]

    def event(self, event: MarketEvent, receive_time_ms: int) -> list[IngestMessage]:
        """Take one event and return what it makes: heartbeats that were due before it, books, a trade.

        Events of symbols that are not followed are dropped.
        """
        messages = self.advance(receive_time_ms)
        keeper = self._keepers.get(event.symbol)
        if keeper is None:
            return messages
        self._last_receive_ms = receive_time_ms
        if isinstance(event, BestQuote):
            keeper.quote(event)
            return messages
        if self._exchange_clock_ms is None or event.event_time_ms > self._exchange_clock_ms:
            self._exchange_clock_ms = event.event_time_ms
        if isinstance(event, DepthDiff):
            messages += keeper.diff(event, receive_time_ms)
            messages += self._changed_states(receive_time_ms)
        else:
            messages.append(self._trade(event, receive_time_ms))
        return messages

    def snapshot(self, symbol: str, snapshot: Snapshot, receive_time_ms: int) -> list[IngestMessage]:
        """Take a symbol's snapshot and return what it makes."""
        messages = self.advance(receive_time_ms)
        keeper = self._keepers.get(symbol)
        if keeper is not None:
            messages += keeper.snapshot(snapshot)
            messages += self._changed_states(receive_time_ms)
        return messages

    def unreadable(self, payload: bytes, reason: str, origin: str, receive_time_ms: int) -> list[IngestMessage]:
        """Take a frame that could not be read and return it as a dead letter."""
        self._unreadable += 1
        letter = DeadLetter(
            venue=self._venue,
            origin=origin,
            receive_time_ms=receive_time_ms,
            reason=reason,
            payload=payload.decode("utf-8", "replace")[:PAYLOAD_SHOWN],
        )
        return [*self.advance(receive_time_ms), letter]

    def disconnected(self, reason: str, receive_time_ms: int) -> list[IngestMessage]:
        """Distrust every book of the connection, and say so at once."""
        messages = self.advance(receive_time_ms)
        for keeper in self._keepers.values():
            keeper.disconnected(reason)
        return messages + self._changed_states(receive_time_ms)

    def advance(self, receive_time_ms: int) -> list[IngestMessage]:
        """Move time on and return the heartbeats that have become due."""
        if self._next_beat_ms is None or abs(receive_time_ms - self._next_beat_ms) > JUMP_MS:
            self._next_beat_ms = receive_time_ms
        messages: list[IngestMessage] = []
        while receive_time_ms >= self._next_beat_ms:
            messages += self._beat(self._next_beat_ms)
            self._next_beat_ms += HEARTBEAT_MS
        return messages

    def close_windows(self, beyond_ms: int, receive_time_ms: int) -> list[IngestMessage]:
        """Return heartbeats whose event time is `beyond_ms` after the newest event: the end of a bounded feed."""
        if self._exchange_clock_ms is None:
            return []
        end_ms = self._exchange_clock_ms + beyond_ms
        return [
            *(self._heartbeat(keeper, keeper.hold_back(end_ms), receive_time_ms) for keeper in self._keepers.values()),
            self._clock(end_ms, receive_time_ms),
        ]

    def _beat(self, now_ms: int) -> list[IngestMessage]:
        beats: list[IngestMessage] = []
        clock_ms = self._clock_now(now_ms)
        for keeper in self._keepers.values():
            event_time_ms = clock_ms if keeper.event_time_ms is None else max(clock_ms, keeper.event_time_ms)
            beats.append(self._heartbeat(keeper, keeper.hold_back(event_time_ms), now_ms))
        return [*beats, self._clock(clock_ms, now_ms)]

    def _changed_states(self, now_ms: int) -> list[IngestMessage]:
        """A heartbeat at once for every symbol whose state or reason is not what the last one said."""
        return [
            self._heartbeat(keeper, keeper.hold_back(keeper.event_time_ms or self._clock_now(now_ms)), now_ms)
            for keeper in self._keepers.values()
            if self._announced.get(keeper.symbol, (None, None))[0] != keeper.state
        ]

    def _clock_now(self, now_ms: int) -> int:
        """The exchange's time as far as it is safe to say that no event before it is still on its way."""
        if self._exchange_clock_ms is None or self._last_receive_ms is None:
            return now_ms - SILENCE_MS
        silence_ms = now_ms - self._last_receive_ms - SILENCE_MS
        return self._exchange_clock_ms - CLOCK_SLACK_MS + max(0, silence_ms)

    def _heartbeat(self, keeper: BookKeeper, event_time_ms: int, receive_time_ms: int) -> Heartbeat:
        self._announced[keeper.symbol] = (keeper.state, keeper.reason)
        counters = keeper.counters
        return Heartbeat(
            venue=self._venue,
            symbol=keeper.symbol,
            event_time_ms=event_time_ms,
            receive_time_ms=receive_time_ms,
            update_id=keeper.last_update_id,
            state=keeper.state,
            reason=keeper.reason,
            books=counters.books,
            gaps=counters.gaps,
            resyncs=counters.resyncs,
            oracle_checks=counters.oracle_checks,
            oracle_mismatches=counters.oracle_mismatches,
            held_back=counters.held_back,
            unreadable=self._unreadable,
        )

    def _clock(self, event_time_ms: int, receive_time_ms: int) -> Heartbeat:
        return Heartbeat(
            venue=self._venue,
            symbol="",
            event_time_ms=event_time_ms,
            receive_time_ms=receive_time_ms,
            update_id=None,
            state="live",
            reason=None,
            books=0,
            gaps=0,
            resyncs=0,
            oracle_checks=0,
            oracle_mismatches=0,
            held_back=0,
            unreadable=0,
        )

    def _trade(self, execution: Execution, receive_time_ms: int) -> Trade:
        return Trade(
            venue=self._venue,
            symbol=execution.symbol,
            event_time_ms=execution.event_time_ms,
            receive_time_ms=receive_time_ms,
            trade_id=execution.trade_id,
            trade_time_ms=execution.trade_time_ms,
            price=execution.price,
            quantity=execution.quantity,
            aggressor="sell" if execution.buyer_is_maker else "buy",
        )
