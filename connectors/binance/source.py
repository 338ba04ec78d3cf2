"""The live feed as a Bytewax source: one partition a connection, many symbols a connection.

A partition drives a sans-I/O `IngestSession`: frames from the connection's thread and snapshots from the fetcher's
go in, messages come out. Nothing here blocks, so the worker answers everything else in time. There is no state to
resume: after a restart the books are built anew from snapshots, and what happened in between is a gap, not a guess.
"""

from __future__ import annotations

import queue
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from connectors.binance.connection import (
    QUEUED_FRAMES,
    ArrivalQueue,
    Closed,
    Opened,
    Received,
    StreamConnection,
    now_ms,
    stream_url,
)
from connectors.binance.frames import Acknowledgement, ServerShutdown, decode_frame
from connectors.binance.rest import RestClient
from connectors.binance.snapshots import SnapshotFetcher
from connectors.binance.venues import Endpoints
from orderbook.errors import UnreadableMessage
from orderbook.messages import Book, IngestMessage
from orderbook.session import IngestSession
from runtime.logs import get_logger
from runtime.readiness import announce_ready

SYMBOLS_PER_CONNECTION: Final = 100
"""300 streams: within Binance's 1024 a connection, and the address stays under 8 KB."""
ARRIVALS_PER_BATCH: Final = 500
POLL_EVERY: Final = timedelta(milliseconds=5)

log = get_logger("binance_source")


class BinanceSource(FixedPartitionedSource[IngestMessage, None]):
    """Books, trades, heartbeats and dead letters of the symbols, as they happen."""

    def __init__(self, endpoints: Endpoints, symbols: Sequence[str], *, depth_levels: int, snapshot_limit: int) -> None:
        self._endpoints = endpoints
        self._depth_levels = depth_levels
        self._snapshot_limit = snapshot_limit
        remaining = iter(symbols)
        groups = iter(lambda: tuple(islice(remaining, SYMBOLS_PER_CONNECTION)), ())
        self._groups = {f"connection-{number:03}": group for number, group in enumerate(groups)}

    def list_parts(self) -> list[str]:
        """One part a connection."""
        return list(self._groups)

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> ConnectionPartition:
        """Open one connection."""
        symbols = self._groups[for_part]
        log.info("connection_planned", step=step_id, part=for_part, symbols=len(symbols), resumed=bool(resume_state))
        session = IngestSession(venue=self._endpoints.venue, symbols=symbols, depth_levels=self._depth_levels)
        arrivals: ArrivalQueue = queue.Queue(QUEUED_FRAMES)
        return ConnectionPartition(
            session,
            StreamConnection(stream_url(self._endpoints.websocket, symbols), arrivals),
            SnapshotFetcher(RestClient(self._endpoints.rest), self._snapshot_limit, arrivals),
            arrivals,
        )


class ConnectionPartition(StatefulSourcePartition[IngestMessage, None]):
    """One connection and the books of its symbols."""

    def __init__(
        self, session: IngestSession, connection: StreamConnection, fetcher: SnapshotFetcher, arrivals: ArrivalQueue
    ) -> None:
        self._session = session
        self._connection = connection
        self._fetcher = fetcher
        self._arrivals = arrivals
        self._open = False
        self._idle = False
        self._ready = False
        connection.start()
        fetcher.start()

    def next_batch(self) -> list[IngestMessage]:
        """Return what the arrivals so far make; raises what ended the connection's thread."""
        self._connection.check()
        messages: list[IngestMessage] = []
        taken = 0
        while taken < ARRIVALS_PER_BATCH:
            try:
                arrival = self._arrivals.get_nowait()
            except queue.Empty:
                break
            taken += 1
            match arrival:
                case Received(receive_time_ms, payload):
                    messages += self._frame(payload, receive_time_ms)
                case Opened():
                    self._open = True
                case Closed(receive_time_ms, reason):
                    self._open = False
                    messages += self._session.disconnected(reason, receive_time_ms)
                case snapshot:
                    messages += self._session.snapshot(snapshot.symbol, snapshot.snapshot, snapshot.receive_time_ms)
        self._idle = taken == 0
        if self._idle:
            messages += self._session.advance(now_ms())
        if self._open:
            for symbol in self._session.wanted_snapshots():
                self._fetcher.want(symbol)
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
        """End the connection's threads."""
        self._connection.stop()
        self._fetcher.stop()

    def _frame(self, payload: bytes, receive_time_ms: int) -> list[IngestMessage]:
        try:
            frame = decode_frame(payload)
        except UnreadableMessage as unreadable:
            return self._session.unreadable(payload, str(unreadable), "websocket frame", receive_time_ms)
        if isinstance(frame, ServerShutdown):
            self._connection.renew()
            return []
        if isinstance(frame, Acknowledgement):
            return []
        return self._session.event(frame, receive_time_ms)
