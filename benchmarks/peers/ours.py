"""This project's way: frame bytes, decode_frame, IngestSession, encode, with every check on.

Without depth within bands and sweep costs, which no peer publishes; `ours_with_depth` has them.
"""

from __future__ import annotations

from benchmarks.peers.contending import LEVELS, Rest, serve
from connectors.binance.arrivals import NO_EVENTS
from connectors.binance.frames import decode_frame, decode_snapshot
from orderbook.messages import Book, Heartbeat, IngestMessage, encode
from orderbook.session import IngestSession

SNAPSHOT_LEVELS = 1000


class Ours:
    """A session of one symbol; heartbeats are made and encoded like books. A wish for a snapshot is granted at once.

    A book that goes on, and would only be verified further, is given each of the exchange's answers once.
    """

    measured = False

    def __init__(self, symbol: str, rest: Rest) -> None:
        self.refused = 0
        self._symbol = symbol
        self._rest = rest
        self._merged = b""
        self._session = IngestSession(venue="binance", symbols=[symbol], depth_levels=LEVELS, measured=self.measured)
        self._keeper = self._session.keepers[0]

    def take(self, frame: bytes, receive_time_ms: int) -> bytes | None:
        """See Contender."""
        session, keeper = self._session, self._keeper
        event = decode_frame(frame)
        if isinstance(event, NO_EVENTS):
            return None
        published = self._publish(session.event(event, receive_time_ms))
        if keeper.wants_snapshot and not (keeper.follows and self._merged is self._rest.answer):
            self._merged = self._rest.answer
            snapshot = decode_snapshot(self._rest.answer, SNAPSHOT_LEVELS)
            published = self._publish(session.snapshot(self._symbol, snapshot, receive_time_ms)) or published
        return published

    @staticmethod
    def _publish(messages: list[IngestMessage]) -> bytes | None:
        published = None
        for message in messages:
            if isinstance(message, Book):
                published = encode(message)
            elif not (isinstance(message, Heartbeat) and not message.symbol):  # for partitions without a symbol
                encode(message)
        return published


if __name__ == "__main__":
    serve(Ours)
