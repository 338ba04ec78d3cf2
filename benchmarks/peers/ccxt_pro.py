"""ccxt pro's Binance: its WebSocket client's message path, its order book handler, its snapshot loading."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import ccxt.pro  # type: ignore[import-not-found] # only in its environment
import orjson
from ccxt.async_support.base.ws.client import Client  # type: ignore[import-not-found] # only in its environment

from benchmarks.peers.contending import LEVELS, Rest, finish, serve

URL: Final = "wss://stream.binance.com:9443/stream"


class CcxtPro:
    """Awaits each new book as a caller of watch_order_book does, and calls again when that raises."""

    def __init__(self, symbol: str, rest: Rest) -> None:
        self.refused = 0
        self._rest = rest
        asyncio.set_event_loop(asyncio.new_event_loop())
        base, quote = symbol.removesuffix("USDT"), "USDT"
        self._symbol = f"{base}/{quote}"
        self._message_hash = f"orderbook::{self._symbol}"
        self._exchange = ccxt.pro.binance()
        market = {
            "id": symbol, "lowercaseId": symbol.lower(), "symbol": self._symbol, "base": base, "quote": quote,
            "baseId": base, "quoteId": quote, "type": "spot", "spot": True, "margin": False, "swap": False,
            "future": False, "option": False, "contract": False, "active": True,
        }  # fmt: skip
        self._exchange.set_markets([self._exchange.safe_market_structure(market)])
        self._exchange.publicGetDepth = self._depth
        self._client: Any = Client(URL, self._exchange.handle_message, None, None, None)
        self._watch()

    def take(self, frame: bytes, receive_time_ms: int) -> bytes | None:
        """See Contender."""
        future = self._client.future(self._message_hash)
        self._client.handle_text_or_binary_message(frame.decode())
        if not future.done():
            return None
        if future.exception() is not None:
            self.refused += 1
            self._watch()
            return None
        book = future.result().limit()
        bids, asks = book["bids"][:LEVELS], book["asks"][:LEVELS]
        return orjson.dumps(
            {
                "symbol": self._symbol,
                "event_time_ms": book["timestamp"],
                "receive_time_ms": receive_time_ms,
                "update_id": book["nonce"],
                "bid_price": [price for price, _ in bids],
                "bid_qty": [quantity for _, quantity in bids],
                "ask_price": [price for price, _ in asks],
                "ask_qty": [quantity for _, quantity in asks],
            }
        )

    def _watch(self) -> None:
        """What the exchange's acknowledgement of a subscription sets off: a new book and its snapshot."""
        subscription = {"symbol": self._symbol, "limit": 1000, "type": "spot", "params": {}}
        book = self._exchange.order_book({}, 1000)
        self._exchange.orderbooks[self._symbol] = book
        self._client.subscriptions[self._message_hash] = subscription
        finish(self._exchange.fetch_order_book_snapshot(self._client, None, subscription))

    async def _depth(self, *_: object) -> dict[str, Any]:
        answer: dict[str, Any] = orjson.loads(self._rest.answer)
        return answer


if __name__ == "__main__":
    serve(CcxtPro)
