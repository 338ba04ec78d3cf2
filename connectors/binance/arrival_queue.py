"""What has arrived and was not yet driven: written by the threads of a connection, read by its partition."""

from __future__ import annotations

import queue
from typing import Final

from connectors.binance.arrivals import Arrival

QUEUED_FRAMES: Final = 20_000


class ArrivalQueue:
    """First in, first out. `put` never waits, so that it may be called with a lock held.

    It is bounded by those who put frames: they stop reading their socket while there is no room, and TCP pushes back.
    What else arrives is little.
    """

    def __init__(self, most: int = QUEUED_FRAMES) -> None:
        self._most = most
        self._arrivals: queue.SimpleQueue[Arrival] = queue.SimpleQueue()

    @property
    def has_room(self) -> bool:
        """Whether another frame may be put."""
        return self._arrivals.qsize() < self._most

    def put(self, arrival: Arrival) -> None:
        """Append an arrival."""
        self._arrivals.put(arrival)

    def take(self, most: int) -> list[Arrival]:
        """Remove and return the oldest arrivals, at most so many."""
        taken: list[Arrival] = []
        while len(taken) < most:
            try:
                taken.append(self._arrivals.get_nowait())
            except queue.Empty:
                break
        return taken
