"""Fetching snapshots beside the stream: one at a time, so that a resynchronisation of many symbols is no burst."""

from __future__ import annotations

import threading
import time
from queue import SimpleQueue
from typing import Final

from connectors.binance.connection import ArrivalQueue, SnapshotArrived, now_ms
from connectors.binance.rest import RestClient
from orderbook.errors import OrderbookError
from runtime.logs import get_logger

AGAIN_AFTER_S: Final = 1.0
"""Least time between two requests for the same symbol."""

log = get_logger("binance_snapshots")


class SnapshotFetcher:
    """A thread that fetches the snapshots asked for and puts them into `arrivals`.

    A symbol that is asked for again while its request is under way, or within a second of the last one, is not
    fetched twice. A failed request is forgotten, so that the next wish tries again.
    """

    def __init__(self, rest: RestClient, limit: int, arrivals: ArrivalQueue) -> None:
        self._rest = rest
        self._limit = limit
        self._arrivals = arrivals
        self._wanted: SimpleQueue[str | None] = SimpleQueue()
        self._under_way: set[str] = set()
        self._asked_at: dict[str, float] = {}
        self._thread = threading.Thread(target=self._run, name="binance-snapshots", daemon=True)

    def start(self) -> None:
        """Begin to serve requests."""
        self._thread.start()

    def stop(self) -> None:
        """Serve no further request; a request under way ends by itself."""
        self._wanted.put(None)

    def want(self, symbol: str) -> None:
        """Ask for a symbol's snapshot; returns at once."""
        now = time.monotonic()
        if symbol in self._under_way or now - self._asked_at.get(symbol, -AGAIN_AFTER_S) < AGAIN_AFTER_S:
            return
        self._under_way.add(symbol)
        self._asked_at[symbol] = now
        self._wanted.put(symbol)

    def _run(self) -> None:
        while (symbol := self._wanted.get()) is not None:
            try:
                snapshot = self._rest.snapshot(symbol, self._limit)
            except OrderbookError as failed:
                log.warning("snapshot_failed", symbol=symbol, reason=str(failed))
            else:
                log.info("snapshot_fetched", symbol=symbol, last_update_id=snapshot.last_update_id)
                self._arrivals.put(SnapshotArrived(now_ms(), symbol, snapshot))
            finally:
                self._under_way.discard(symbol)
