"""unicorn-binance-local-depth-cache: its loop over stream messages, its caches, its selection of a side.

Its manager is made without its constructor, which starts threads and looks for a network. The loop is the project's
own; it is resumed whenever it asks its queue for the next message.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from types import coroutine
from typing import Any

import orjson
from unicorn_binance_local_depth_cache import BinanceLocalDepthCacheManager  # type: ignore[import-not-found] # only in its environment
from unicorn_binance_local_depth_cache.exceptions import DepthCacheOutOfSync  # type: ignore[import-not-found] # only in its environment

from benchmarks.peers.contending import AHEAD, LEVELS, Rest, serve


@coroutine
def _next_message() -> Generator[None, dict[str, Any], dict[str, Any]]:
    message = yield
    return message


class _Streams:
    """Stands where the manager keeps its WebSocket manager."""

    def is_stop_request(self, **_: object) -> bool:
        return False

    def get_stream_label(self, **_: object) -> str:
        return "tape"

    async def get_stream_data_from_asyncio_queue(self, **_: object) -> dict[str, Any]:
        return await _next_message()

    def asyncio_queue_task_done(self, **_: object) -> None:
        pass


class _RestManager:
    """Stands where the manager keeps its REST manager, which is asked by a thread beside the loop."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self.asked = threading.Event()
        self.may_answer = threading.Event()

    def get_used_weight(self) -> dict[str, Any]:
        return {"weight": 0, "status_code": 200}

    def get_order_book(self, **_: object) -> dict[str, Any]:
        answer: dict[str, Any] = orjson.loads(self._rest.answer)
        self.asked.set()
        self.may_answer.wait()
        return answer


class Unicorn:
    """Withholds its book while it is not synchronised."""

    def __init__(self, symbol: str, rest: Rest) -> None:
        self.refused = 0
        self._symbol = symbol
        self._market = symbol.lower()
        manager: Any = BinanceLocalDepthCacheManager.__new__(BinanceLocalDepthCacheManager)
        threading.Thread.__init__(manager)
        manager.exchange = "binance.com"
        manager.dc_streams, manager.dc_streams_lock = {}, threading.Lock()
        manager.depth_caches, manager.threading_lock_ask, manager.threading_lock_bid = {}, {}, {}
        manager.default_refresh_interval, manager.high_performance, manager.stop_request = None, True, False
        manager.init_interval = manager.init_time_window = 0.0
        manager.ubwa, manager.ubra = _Streams(), _RestManager(rest)
        manager._gen_get_init_slot = manager._generator_get_init_slot()  # noqa: SLF001 - as its constructor does
        next(manager._gen_get_init_slot)  # noqa: SLF001
        manager._add_depthcache(market=self._market)  # noqa: SLF001 - as create_depthcache does
        manager.depth_caches[self._market]["refresh_request"] = False
        manager.ubra.may_answer.set()
        manager._init_depth_cache(market=self._market)  # noqa: SLF001 - as its thread for a new cache does
        manager.ubra.may_answer.clear()
        self._manager = manager
        self._taken_since_asked = 0
        self._loop = manager._manage_depth_cache_async(stream_id="tape")  # noqa: SLF001 - as its stream does
        self._loop.send(None)

    def take(self, frame: bytes, receive_time_ms: int) -> bytes | None:
        """See Contender."""
        message = orjson.loads(frame)
        self._loop.send(message)
        if threading.active_count() > 1:
            self._manager.ubra.asked.wait()
            self._taken_since_asked += 1
            if self._taken_since_asked > AHEAD:
                self._let_snapshot_arrive()
        try:
            bids = self._manager.get_bids(market=self._market, limit_count=LEVELS)
            asks = self._manager.get_asks(market=self._market, limit_count=LEVELS)
        except DepthCacheOutOfSync:
            return None
        return orjson.dumps(
            {
                "symbol": self._symbol,
                "event_time_ms": message["data"]["E"],
                "receive_time_ms": receive_time_ms,
                "update_id": message["data"]["u"],
                "bid_price": [price for price, _ in bids],
                "bid_qty": [quantity for _, quantity in bids],
                "ask_price": [price for price, _ in asks],
                "ask_qty": [quantity for _, quantity in asks],
            }
        )

    def _let_snapshot_arrive(self) -> None:
        """The stream has passed the snapshot, as it has in the time that a request takes."""
        self._taken_since_asked = 0
        self._manager.ubra.may_answer.set()
        for thread in threading.enumerate():
            if thread is not threading.current_thread():
                thread.join()
        self._manager.ubra.may_answer.clear()
        self._manager.ubra.asked.clear()


if __name__ == "__main__":
    serve(Unicorn)
