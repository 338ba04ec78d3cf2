"""This project's way: frame bytes, decode_frame, IngestSession, encode, with every check on."""

from __future__ import annotations

from benchmarks.peers.contending import LEVELS, Rest, serve
from connectors.binance.frames import Acknowledgement, ServerShutdown, decode_frame, decode_snapshot
from orderbook.messages import Book, IngestMessage, encode
from orderbook.session import IngestSession


class Ours:
    """A session of one symbol; heartbeats are made and encoded like books. Snapshots come as soon as one is wanted."""

    def __init__(self, symbol: str, rest: Rest) -> None:
        self.refused = 0
        self._symbol = symbol
        self._rest = rest
        self._session = IngestSession(venue="binance", symbols=[symbol], depth_levels=LEVELS)

    def take(self, frame: bytes, receive_time_ms: int) -> bytes | None:
        """See Contender."""
        session = self._session
        event = decode_frame(frame)
        if isinstance(event, ServerShutdown | Acknowledgement):
            return None
        published = self._publish(session.event(event, receive_time_ms))
        for wish in session.wanted_snapshots():
            snapshot = decode_snapshot(self._rest.answer)
            published = self._publish(session.snapshot(wish.symbol, snapshot, receive_time_ms)) or published
        return published

    @staticmethod
    def _publish(messages: list[IngestMessage]) -> bytes | None:
        published = None
        for message in messages:
            payload = encode(message)
            if isinstance(message, Book):
                published = payload
        return published


if __name__ == "__main__":
    serve(Ours)
