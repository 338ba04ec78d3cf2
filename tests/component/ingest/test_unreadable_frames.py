"""Frames that cannot be read end in the dead-letter topic with their reason, and the rest goes on."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import web

from orderbook.settings import Settings
from orderbook.topics import Topics
from tests.processes import running
from tests.topics import TopicReader

pytestmark = pytest.mark.component

GARBAGE = '{"stream":"btcusdt@trade","data":{"e":"trade","E":"yesterday"}}'


@contextmanager
def exchange_that_stammers(port: int) -> Iterator[None]:
    """An exchange that sends garbage for a trade after every diff; it answers what the connector asks at start."""

    async def info(_request: web.Request) -> web.Response:
        return web.json_response(
            {"symbols": [{"symbol": name, "status": "TRADING"} for name in ("BTCUSDT", "ETHUSDT")]}
        )

    async def depth(_request: web.Request) -> web.Response:
        return web.json_response({"lastUpdateId": 0, "bids": [["10.0", "1.0"]], "asks": [["11.0", "1.0"]]})

    async def stream(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for number in range(1, 10_000):
            diff = {"e": "depthUpdate", "E": 1_700_000_000_000 + number, "s": "BTCUSDT", "U": number, "u": number}
            levels = {"b": [["10.0", f"{number}.0"]], "a": []}
            await socket.send_str(json.dumps({"stream": "btcusdt@depth@100ms", "data": diff | levels}))
            await socket.send_str(GARBAGE)
            await asyncio.sleep(0.02)
        return socket

    app = web.Application()
    app.add_routes([web.get("/api/v3/exchangeInfo", info), web.get("/api/v3/depth", depth), web.get("/stream", stream)])
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    loop.run_until_complete(runner.setup())
    loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", port).start())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_garbage_is_kept_with_its_reason_and_the_book_goes_on(settings: Settings, tmp_path: Path) -> None:
    topics = Topics(settings.topic_prefix)
    letters = TopicReader(settings.kafka_bootstrap_servers, topics.dead_letter)
    raw = TopicReader(settings.kafka_bootstrap_servers, topics.raw)
    with exchange_that_stammers(settings.simulator_port), running(settings, ["dataflows", "ingest"], tmp_path):
        rows = letters.read_until(lambda rows: len(rows) >= 20)
        books = raw.read_until(lambda rows: sum(row["type"] == "book" for row in rows) >= 20)
    letters.close()
    raw.close()
    assert {(row["payload"], row["origin"], row["venue"]) for row in rows} == {
        (GARBAGE, "websocket frame", "simulator")
    }
    assert all("Expected `int`, got `str`" in row["reason"] for row in rows)
    ids = [row["update_id"] for row in books if row["type"] == "book"]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    beats = [row for row in books if row["type"] == "heartbeat" and row["symbol"] == "BTCUSDT"]
    assert beats[-1]["gaps"] == 0
