"""One WebSocket connection: commands in, stream messages out, pings, limits and its end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import ClientConnectionResetError, WSCloseCode, WSMessage, WSMsgType, web

from connectors.simulator.limits import MessageRate
from connectors.simulator.streams import Subscriptions, answer_command
from connectors.simulator.wire import server_shutdown
from runtime.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from connectors.simulator.feed import Feed

LONGEST_COMMAND_BYTES = 256 * 1024
HANG_UP_LOOK_S = 0.2
_STILL_OPEN = (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG)


@dataclass(frozen=True, slots=True)
class ConnectionRules:
    """How long a connection lives and what it may do. Times in seconds; the values are Binance's.

    `shutdown_notice_s`: how long before the end of its life a connection is sent `serverShutdown`.
    `most_waiting_bytes`: what may wait for a client that reads too slowly; with more it is disconnected.
    """

    ping_interval_s: float = 20.0
    pong_timeout_s: float = 60.0
    life_s: float = 24 * 3600.0
    shutdown_notice_s: float = 30.0
    messages_per_second: int = 5
    most_waiting_bytes: int = 8 * 1024 * 1024


class Connection:
    """A client that listens. `run` returns when the connection has ended, for whatever reason."""

    def __init__(
        self,
        request: web.Request,
        feed: Feed,
        subscriptions: Subscriptions,
        *,
        rules: ConnectionRules,
        market_now_ms: Callable[[], int],
        keeps_pongs: Callable[[], bool],
    ) -> None:
        self._request = request
        self._feed = feed
        self._subscriptions = subscriptions
        self._rules = rules
        self._market_now_ms = market_now_ms
        self._keeps_pongs = keeps_pongs
        self._socket = web.WebSocketResponse(
            autoping=False, autoclose=False, compress=False, max_msg_size=LONGEST_COMMAND_BYTES, timeout=2.0
        )
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._wake = asyncio.Event()
        self._rate = MessageRate(limit=rules.messages_per_second)
        self._pings: dict[bytes, None] = {}
        self._answered_s = time.monotonic()
        self._silent = False
        self._notice_s = rules.shutdown_notice_s
        self._life_over = asyncio.Event()
        self._closing: asyncio.Task[None] | None = None
        self._log = get_logger("simulator").bind(client=request.remote)

    @property
    def in_combined(self) -> bool:
        """Whether messages are wrapped as {"stream", "data"}."""
        return self._subscriptions.in_combined

    def push(self, message: bytes) -> None:
        """Queue one message. A client that lets too much wait is cut off: the market does not wait for it."""
        if self._silent:
            return
        if self._waiting_bytes + len(message) > self._rules.most_waiting_bytes:
            self._log.warning("slow_client_disconnected", waiting_bytes=self._waiting_bytes)
            self.abort()
            return
        self._waiting.append(message)
        self._waiting_bytes += len(message)
        self._wake.set()

    def announce_shutdown(self) -> None:
        """Send the `serverShutdown` event."""
        self.push(server_shutdown(self._market_now_ms(), in_combined=self.in_combined))

    def abort(self) -> None:
        """Cut the connection off without a closing handshake, as a broken network would."""
        self._waiting.clear()
        self._waiting_bytes = 0
        if self._request.transport is not None:
            self._request.transport.abort()

    def fall_silent(self) -> None:
        """Send nothing from now on, not even answers to pings or a close, while the connection stays open."""
        self._silent = True
        self._waiting.clear()
        self._waiting_bytes = 0

    def end_after_notice(self, notice_s: float | None) -> None:
        """Announce the end of the connection and close it `notice_s` later; None: as long as at the end of its life."""
        if notice_s is not None:
            self._notice_s = notice_s
        self._life_over.set()

    def end_with(self, code: int, reason: str) -> None:
        """Start to end the connection with a closing handshake, and return at once."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self.close(code, reason))

    async def close(self, code: int, reason: str) -> None:
        """End the connection with a closing handshake; without one where it has fallen silent or is not open yet."""
        if self._silent or not self._socket.prepared:
            self.abort()
            return
        await self._socket.close(code=code, message=reason.encode())

    async def run(self) -> web.WebSocketResponse:
        """Serve the connection to its end."""
        await self._socket.prepare(self._request)
        self._feed.listen(self, self._subscriptions.streams)
        self._log.info("client_connected", streams=len(self._subscriptions.streams))
        tasks = [asyncio.create_task(step) for step in (self._send(), self._keep_alive(), self._end_of_life())]
        try:
            await self._receive()
        finally:
            self._feed.leave(self, self._subscriptions.streams)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._closing is not None:
                await self._closing
            if self._silent:
                self.abort()
            self._log.info("client_disconnected")
        return self._socket

    async def _receive(self) -> None:
        while True:
            message = await self._socket.receive()
            if message.type not in _STILL_OPEN:
                if self._silent and message.type is WSMsgType.CLOSE:
                    await self._hung_up()
                return
            if self._silent:
                continue
            if not self._rate.allows(time.monotonic()):
                self._log.warning("too_many_messages", limit_per_second=self._rules.messages_per_second)
                await self.close(WSCloseCode.POLICY_VIOLATION, "Too many requests")
                return
            if not await self._heed(message):
                return

    async def _heed(self, message: WSMessage) -> bool:
        """Do what a message asks for; False where the connection has ended over it."""
        match message.type:
            case WSMsgType.TEXT:
                self._command(message.data)
            case WSMsgType.PING:
                if not self._keeps_pongs():
                    await self._socket.pong(message.data)
            case WSMsgType.PONG:
                self._pong(bytes(message.data))
            case _:
                await self.close(WSCloseCode.UNSUPPORTED_DATA, "Text frames only")
                return False
        return True

    async def _hung_up(self) -> None:
        """Wait, without an answer to its close, until the client gives the connection up."""
        while self._request.transport is not None and not self._request.transport.is_closing():  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(HANG_UP_LOOK_S)

    def _command(self, text: str) -> None:
        before = tuple(self._subscriptions.streams)
        reply = answer_command(text, self._subscriptions)
        now = self._subscriptions.streams
        self._feed.leave(self, (stream for stream in before if stream not in now))
        self._feed.listen(self, now)
        self.push(reply)

    def _pong(self, payload: bytes) -> None:
        """Only a pong that answers a ping of ours proves that the client is there; others are allowed."""
        if payload in self._pings:
            self._pings.clear()
            self._answered_s = time.monotonic()

    async def _send(self) -> None:
        with contextlib.suppress(ClientConnectionResetError, ConnectionError):
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._waiting:
                    message = self._waiting.popleft()
                    self._waiting_bytes -= len(message)
                    await self._socket.send_frame(message, WSMsgType.TEXT)

    async def _keep_alive(self) -> None:
        rules = self._rules
        with contextlib.suppress(ClientConnectionResetError, ConnectionError):
            while True:
                await asyncio.sleep(rules.ping_interval_s)
                if self._silent:
                    return
                if self._pings and time.monotonic() - self._answered_s > rules.pong_timeout_s:
                    self._log.warning("no_pong_disconnected", pong_timeout_s=rules.pong_timeout_s)
                    self.abort()
                    return
                payload = str(self._market_now_ms()).encode()
                self._pings[payload] = None
                await self._socket.ping(payload)

    async def _end_of_life(self) -> None:
        life_s = max(0.0, self._rules.life_s - self._rules.shutdown_notice_s)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._life_over.wait(), life_s)
        self.announce_shutdown()
        await asyncio.sleep(min(self._notice_s, self._rules.life_s))
        await self.close(WSCloseCode.GOING_AWAY, "Connection life is over")
