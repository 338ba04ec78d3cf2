"""cryptofeed's Binance feed: its message handler, its book, its book callback; the snapshot comes from the tape."""

from __future__ import annotations

from typing import Any

from cryptofeed import _json  # type: ignore[import-not-found] # only in its environment
from cryptofeed.defines import L2_BOOK  # type: ignore[import-not-found] # only in its environment
from cryptofeed.exchanges import Binance  # type: ignore[import-not-found] # only in its environment

from benchmarks.peers.contending import LEVELS, Rest, finish, serve


class _Http:
    """Stands where the feed keeps its HTTP connection."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def read(self, *_: object, **__: object) -> str:
        return self._rest.answer.decode()


class Cryptofeed:
    """The feed fetches its snapshot with the first message and calls back with that book too, which is not counted."""

    def __init__(self, symbol: str, rest: Rest) -> None:
        self.refused = 0
        self._symbol = symbol
        self._published: bytes | None = None
        self._feed = Binance(max_depth=LEVELS, callbacks={L2_BOOK: self._book})
        self._feed.http_conn = _Http(rest)
        self._feed.exchange_symbol_mapping = {symbol: symbol}
        self._feed.normalized_symbol_mapping = {symbol: symbol}

    def take(self, frame: bytes, receive_time_ms: int) -> bytes | None:
        """See Contender."""
        self._published = None
        finish(self._feed.message_handler(frame.decode(), None, receive_time_ms / 1000))
        return self._published

    async def _book(self, book: Any, receipt_timestamp: float) -> None:  # noqa: ANN401 - cryptofeed's, untyped
        if book.delta is None:
            return
        bids, asks = book.book.bids.to_list(), book.book.asks.to_list()
        self._published = _json.dumpb(
            {
                "symbol": self._symbol,
                "event_time_s": book.timestamp,
                "receive_time_s": receipt_timestamp,
                "update_id": book.sequence_number,
                "bid_price": [price for price, _ in bids],
                "bid_qty": [quantity for _, quantity in bids],
                "ask_price": [price for price, _ in asks],
                "ask_qty": [quantity for _, quantity in asks],
            }
        )


if __name__ == "__main__":
    serve(Cryptofeed)
