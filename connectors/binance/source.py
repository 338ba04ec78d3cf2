"""The live feed as a Bytewax source: one partition a connection, many symbols a connection.

A partition drives a sans-I/O `IngestSession` with what arrives: frames from the sockets' threads and snapshots from
the fetcher's go in, messages come out. Nothing here blocks, so the worker answers everything else in time. There is no
state to resume: after a restart the books are built anew from snapshots, and what happened in between is a gap, not a
guess.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from connectors.binance.arrival_queue import ArrivalQueue
from connectors.binance.arrivals import NS_PER_MS, Arrival, StatusChanged, Waited, drive
from connectors.binance.attempts import AttemptLimiter
from connectors.binance.budget import WeightBudget
from connectors.binance.connection import StreamConnection, monotonic_ms
from connectors.binance.endpoints import Endpoints
from connectors.binance.line import LineRules
from connectors.binance.receive_clock import MachineClock
from connectors.binance.rest import RestClient
from connectors.binance.roster import Decision, RosterKeeper
from connectors.binance.selection import TRADING, Listing, needs_volumes
from connectors.binance.snapshots import SnapshotFetcher
from connectors.binance.wishes import STATUS_PRIORITY, Wish, WishList
from orderbook.messages import Book, IngestMessage
from orderbook.session import IngestSession
from orderbook.settings import Settings
from runtime.logs import get_logger
from runtime.readiness import announce_ready

ARRIVALS_PER_BATCH: Final = 500
POLL_EVERY: Final = timedelta(milliseconds=5)
ADVANCE_BEHIND_MS: Final = 50
"""Idle time is moved on so far behind the clock that what is still on its way into the queue comes before it."""
WISH_EVERY_MS: Final = 50
STALE_AFTER_MS: Final = 5000
"""A symbol that is stale for so long may be halted or delisted: its status is asked for."""
LEAST_SILENCE_MS: Final = 3000
TICKERS_WEIGHT: Final = 80
"""Request weight of ticker/24hr for all symbols."""
WAITED_MS: Final = 30_000
"""A silence is told so often: well before the session takes it for a jump of the receive clock."""
ORIGIN: Final = "websocket frame"

Recorder = Callable[[Arrival], None]

log = get_logger("binance_source")


class BinanceSource(FixedPartitionedSource[IngestMessage, None]):
    """Books, trades, heartbeats, gaps and dead letters of the symbols, as they happen.

    `chosen` are the symbols SYMBOLS stands for, `decision` who follows what from the start. All connections of the
    process share the request weight, the attempts to connect and one receive clock. `recorder` is called with every
    arrival before it is driven.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        settings: Settings,
        listing: Listing,
        chosen: tuple[str, ...],
        decision: Decision,
        *,
        recorder: Recorder | None = None,
        rules: LineRules | None = None,
    ) -> None:
        self._endpoints = endpoints
        self._depth_levels = settings.depth_levels
        self._partial = settings.depth_stream != "depth"
        self._decision = decision
        self._recorder = recorder
        self._rules = rules
        self._attempts = AttemptLimiter()
        self._clock = MachineClock()
        self._arrivals = {name: ArrivalQueue() for name in decision.assignment}
        self._connections = {
            name: StreamConnection(
                name,
                endpoints.websocket,
                symbols,
                self._arrivals[name],
                attempts=self._attempts,
                clock=self._clock,
                rules=rules,
                depth=settings.depth_stream,
            )
            for name, symbols in decision.assignment.items()
        }
        rest = RestClient(endpoints, attempts=1)
        budget = WeightBudget(
            share=settings.request_weight_share, limit=listing.weight_a_minute or endpoints.weight_a_minute
        )
        # What was asked to get here counts as well.
        asked = endpoints.listing_weight + (TICKERS_WEIGHT if needs_volumes(settings.symbols) else 0)
        budget.spend(asked, monotonic_ms())
        budget.answered(asked, None, monotonic_ms())
        self._fetcher = SnapshotFetcher(
            rest,
            budget,
            WishList(budget, endpoints.depth_weights, settings.snapshot_limit),
            self._arrivals,
            self._clock,
        )
        self._roster = RosterKeeper(
            settings,
            chosen,
            decision,
            {name: connection.follow for name, connection in self._connections.items()},
            lambda: self._fetcher.ask(endpoints.listing_weight, rest.listing),
        )
        self._open = 0

    def list_parts(self) -> list[str]:
        """One part a connection."""
        return list(self._decision.assignment)

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> ConnectionPartition:
        """Open one connection."""
        symbols = self._decision.assignment[for_part]
        log.info("connection_planned", step=step_id, part=for_part, symbols=len(symbols), resumed=bool(resume_state))
        session = IngestSession(
            venue=self._endpoints.venue,
            symbols=symbols,
            depth_levels=self._depth_levels,
            market=self._endpoints.market,
            partial=self._partial,
        )
        if self._open == 0:
            self._fetcher.start()
            self._roster.start()
        self._open += 1
        return ConnectionPartition(
            name=for_part,
            session=session,
            connection=self._connections[for_part],
            fetcher=self._fetcher,
            arrivals=self._arrivals[for_part],
            clock=self._clock,
            recorder=self._recorder,
            closed=self._close_one,
        )

    def _close_one(self) -> None:
        self._open -= 1
        if self._open == 0:
            self._roster.stop()
            self._fetcher.stop()


class ConnectionPartition(StatefulSourcePartition[IngestMessage, None]):
    """One connection and the books of its symbols."""

    def __init__(
        self,
        *,
        name: str,
        session: IngestSession,
        connection: StreamConnection,
        fetcher: SnapshotFetcher,
        arrivals: ArrivalQueue,
        clock: MachineClock,
        recorder: Recorder | None,
        closed: Callable[[], None],
    ) -> None:
        self._name = name
        self._session = session
        self._connection = connection
        self._fetcher = fetcher
        self._arrivals = arrivals
        self._clock = clock
        self._recorder = recorder
        self._closed = closed
        self._idle = False
        self._ready = False
        self._wish_at_ms = 0
        self._stale_since_ms: dict[str, int] = {}
        self._halted: set[str] = set()
        self._reached_ms = clock.now_ms()

    def next_batch(self) -> list[IngestMessage]:
        """Return what the arrivals so far make; raises what ended a thread, such as VenueRefused."""
        self._connection.check()
        self._fetcher.check()
        messages: list[IngestMessage] = []
        arrivals = self._arrivals.take(ARRIVALS_PER_BATCH)
        for arrival in arrivals:
            messages += self._take(arrival)
        self._idle = not arrivals
        silent = False
        if self._idle:
            now_ms = self._clock.now_ms() - ADVANCE_BEHIND_MS
            if abs(now_ms - self._reached_ms) >= WAITED_MS:
                messages += self._take(Waited(now_ms * NS_PER_MS))
            messages += self._session.advance(now_ms)
            longest_ms = max(2 * self._session.silence_limit_ms, LEAST_SILENCE_MS)
            silent = self._session.silent_ms(now_ms) > longest_ms
        self._connection.step(silent=silent)
        self._wish()
        if not self._ready and any(isinstance(message, Book) for message in messages):
            self._ready = True
            announce_ready()
        return messages

    def next_awake(self) -> datetime | None:
        """At once while there is more to read, else after a short rest."""
        return datetime.now(UTC) + POLL_EVERY if self._idle else None

    def snapshot(self) -> None:
        """Nothing: a restart builds the books anew."""

    def close(self) -> None:
        """End the connection's threads, and the shared ones with the last connection."""
        self._connection.stop()
        self._closed()

    def _take(self, arrival: Arrival) -> list[IngestMessage]:
        if self._recorder is not None:
            self._recorder(arrival)
        if isinstance(arrival, StatusChanged):
            self._note_status(arrival)
        self._reached_ms = arrival.receive_time_ns // NS_PER_MS
        return drive(self._session, arrival, ORIGIN)

    def _wish(self) -> None:
        """Say what is wanted over REST: snapshots as soon as the streams flow, and the status of what stays stale."""
        now_ms = monotonic_ms()
        if now_ms < self._wish_at_ms:
            return
        self._wish_at_ms = now_ms + WISH_EVERY_MS
        wishes: list[Wish] = []
        if self._connection.complete:
            wishes += [Wish("snapshot", wish.symbol, wish.priority) for wish in self._session.wanted_snapshots()]
        wishes += [Wish("status", symbol, STATUS_PRIORITY) for symbol in self._doubtful(now_ms)]
        self._fetcher.want(self._name, wishes)

    def _doubtful(self, now_ms: int) -> list[str]:
        """Symbols whose trading status is worth asking for."""
        stale = {keeper.symbol for keeper in self._session.keepers if keeper.state == "stale"}
        self._stale_since_ms = {symbol: self._stale_since_ms.get(symbol, now_ms) for symbol in stale}
        return sorted(
            self._halted.intersection(self._session.symbols)
            | {symbol for symbol, since_ms in self._stale_since_ms.items() if now_ms - since_ms > STALE_AFTER_MS}
        )

    def _note_status(self, arrival: StatusChanged) -> None:
        if arrival.status == TRADING:
            self._halted.discard(arrival.symbol)
        else:
            self._halted.add(arrival.symbol)
