"""One connection against servers that refuse it, fall silent, or send faster than it is read."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest
from aiohttp import WSMsgType, web

from connectors.binance import stream_socket
from connectors.binance.arrival_queue import ArrivalQueue
from connectors.binance.arrivals import Arrival, Closed, Opened, Received
from connectors.binance.attempts import AttemptLimiter
from connectors.binance.connection import StreamConnection
from connectors.binance.receive_clock import MachineClock
from orderbook.errors import VenueRefused
from tests.processes import eventually
from tests.servers import free_port

pytestmark = pytest.mark.component

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@contextmanager
def serving(stream: Handler) -> Iterator[str]:
    """A server whose `/stream` is the handler; gives its WebSocket base address."""
    app = web.Application()
    app.add_routes([web.get("/stream", stream)])
    loop, port = asyncio.new_event_loop(), free_port()
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    loop.run_until_complete(runner.setup())
    loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", port).start())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"ws://127.0.0.1:{port}"
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def connected(base: str, arrivals: ArrivalQueue) -> Iterator[StreamConnection]:
    connection = StreamConnection("one", base, ("BTCUSDT",), arrivals, attempts=AttemptLimiter(), clock=MachineClock())
    try:
        yield connection
    finally:
        connection.stop()


def step_until(
    connection: StreamConnection, arrivals: ArrivalQueue, enough: Callable[[list[Arrival]], bool]
) -> list[Arrival]:
    """Let the connection do what is due until the arrivals are enough, and return them."""
    came: list[Arrival] = []

    def look() -> list[Arrival] | None:
        connection.check()
        connection.step(silent=False)
        came.extend(arrivals.take(100))
        return came if enough(came) else None

    return eventually(look)


def test_a_handshake_that_is_refused_for_the_region_is_fatal() -> None:
    async def refuse(_request: web.Request) -> web.Response:
        return web.Response(status=451)

    with (
        serving(refuse) as base,
        connected(base, ArrivalQueue()) as connection,
        pytest.raises(VenueRefused, match=r"/stream does not serve this region \(HTTP 451\)"),
    ):
        step_until(connection, ArrivalQueue(), lambda _: False)


def test_a_refused_handshake_is_tried_again() -> None:
    asked: list[int] = []

    async def refuse_twice(request: web.Request) -> web.StreamResponse:
        asked.append(1)
        if len(asked) < 3:
            return web.Response(status=429 if len(asked) == 1 else 503, headers={"Retry-After": "1"})
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive()
        return socket

    arrivals = ArrivalQueue()
    with serving(refuse_twice) as base, connected(base, arrivals) as connection:
        came = step_until(connection, arrivals, bool)
    assert isinstance(came[0], Opened)
    assert len(asked) == 3


def test_a_socket_that_does_not_even_answer_a_ping_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_socket, "WAIT_S", 0.1)
    monkeypatch.setattr(stream_socket, "PING_AFTER_S", 0.3)
    monkeypatch.setattr(stream_socket, "DEAD_AFTER_S", 0.6)
    heard: list[WSMsgType] = []

    async def silent(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        while not socket.closed:
            heard.append((await socket.receive()).type)
        return socket

    arrivals = ArrivalQueue()
    with serving(silent) as base, connected(base, arrivals) as connection:
        came = step_until(connection, arrivals, lambda came: any(isinstance(one, Closed) for one in came))
    closed = next(one for one in came if isinstance(one, Closed))
    assert closed.reason.endswith("nor an answer to a ping")
    assert heard[0] is WSMsgType.PING


def test_a_socket_that_answers_pings_is_kept_however_silent_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_socket, "WAIT_S", 0.05)
    monkeypatch.setattr(stream_socket, "PING_AFTER_S", 0.1)
    monkeypatch.setattr(stream_socket, "DEAD_AFTER_S", 30.0)
    pings: list[bytes] = []

    async def quiet(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        while not socket.closed:
            message = await socket.receive()
            if message.type is WSMsgType.PING:
                pings.append(message.data)
                await socket.pong(message.data)
        return socket

    arrivals = ArrivalQueue()
    with serving(quiet) as base, connected(base, arrivals) as connection:
        came = step_until(connection, arrivals, lambda _: len(pings) >= 10)
    assert [type(one) for one in came] == [Opened]


def test_what_is_not_taken_is_not_read_and_nothing_of_it_is_lost() -> None:
    async def flood(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for number in range(2_000):
            await socket.send_str(f'{{"stream":"btcusdt@trade","data":{number}}}')
        await socket.receive()
        return socket

    arrivals = ArrivalQueue(most=10)
    with serving(flood) as base, connected(base, arrivals) as connection:
        connection.step(silent=False)
        eventually(lambda: None if arrivals.has_room else True)
        assert len(arrivals.take(1_000)) <= 11
        came = step_until(
            connection, arrivals, lambda came: bool(came) and b"1999}" in getattr(came[-1], "payload", b"")
        )
    numbers = [int(one.payload.rpartition(b":")[2][:-1]) for one in came if isinstance(one, Received)]
    assert numbers == list(range(numbers[0], 2_000))
    assert numbers[0] <= 11


def test_a_confirmed_command_is_no_sign_that_the_streams_deliver() -> None:
    symbols = tuple(f"SYMBOL{number:03}USDT" for number in range(120))

    async def confirms(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        while not socket.closed:
            message = await socket.receive()
            if message.type is WSMsgType.TEXT:
                await socket.send_str(f'{{"result":null,"id":{message.json()["id"]}}}')
        return socket

    with serving(confirms) as base:
        arrivals = ArrivalQueue()
        connection = StreamConnection("one", base, symbols, arrivals, attempts=AttemptLimiter(), clock=MachineClock())
        try:
            step_until(connection, arrivals, lambda _: connection.complete)
            assert [socket.heard_ms for socket in connection._line._sockets.values()] == [None]
        finally:
            connection.stop()
