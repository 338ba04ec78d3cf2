"""python-binance's DepthCacheManager: its handler of depth events, its cache, its sorted sides."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import orjson
from binance.ws.depthcache import DepthCacheManager  # type: ignore[import-not-found] # only in its environment

from benchmarks.peers.contending import LEVELS, Rest, finish, serve


class _Client:
    """Stands where the manager keeps its REST client."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def get_order_book(self, **_: object) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._rest.answer)
        return answer


class PythonBinance:
    """orjson, which it uses where it is installed, parses the messages."""

    def __init__(self, symbol: str, rest: Rest) -> None:
        self.refused = 0
        self._symbol = symbol
        loop = asyncio.new_event_loop()
        self._manager = DepthCacheManager(_Client(rest), symbol, loop=loop, bm=object(), limit=1000, ws_interval=100)
        finish(self._manager._init_cache())  # noqa: SLF001 - what entering its context does

    def take(self, frame: bytes, receive_time_ms: int) -> bytes | None:
        """See Contender."""
        event = orjson.loads(frame)["data"]
        cache = finish(self._manager._depth_event(event))  # noqa: SLF001 - what its recv() does
        if cache is None:
            return None
        bids, asks = cache.get_bids()[:LEVELS], cache.get_asks()[:LEVELS]
        return orjson.dumps(
            {
                "symbol": self._symbol,
                "event_time_ms": cache.update_time,
                "receive_time_ms": receive_time_ms,
                "update_id": event["u"],
                "bid_price": [price for price, _ in bids],
                "bid_qty": [quantity for _, quantity in bids],
                "ask_price": [price for price, _ in asks],
                "ask_qty": [quantity for _, quantity in asks],
            }
        )


if __name__ == "__main__":
    serve(PythonBinance)
