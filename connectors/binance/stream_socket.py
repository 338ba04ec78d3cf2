"""One WebSocket from its handshake to its end, in a thread that connects, reads and never decides anything.

While there is no room for what it reads it stops reading, so that TCP pushes back, and sends a pong now and then, which
the exchange takes as a sign of life. Where nothing arrives, not even a ping, it sends a ping of its own and gives up
when that is not answered: so a half-open connection is found.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from http import HTTPStatus
from typing import Final, Protocol

import websocket

from connectors.binance.attempts import asked_wait_s
from connectors.binance.streams import StreamPlan, confirmed
from orderbook.errors import VenueRefused

CONNECT_TIMEOUT_S: Final = 10.0
WAIT_S: Final = 5.0
"""How long one read waits before the thread looks around."""
PING_AFTER_S: Final = 15.0
DEAD_AFTER_S: Final = 25.0
"""A socket is pinged when nothing has arrived for `PING_AFTER_S`, and given up at this."""
COMMAND_EVERY_S: Final = 0.25
"""Four commands a second: the exchange takes five messages, pongs among them."""
HEARD_EVERY_S: Final = 0.25
SHUTDOWN: Final = b"serverShutdown"
SHUTDOWN_WITHIN: Final = 64
COMBINED: Final = b'{"stream"'
FRAMES: Final = (websocket.ABNF.OPCODE_TEXT, websocket.ABNF.OPCODE_BINARY)
LIMITED: Final = (HTTPStatus.TOO_MANY_REQUESTS, 418)
CLOSED: Final = "it was closed"
NETWORK: Final = (OSError, websocket.WebSocketException)


class SocketOwner(Protocol):
    """Who is told what happens to a socket, in the socket's own thread; `ended` is the last that it hears."""

    def opened(self, socket: StreamSocket) -> None:
        """It is up; frames follow."""

    def completed(self, number: int) -> None:
        """All its streams are confirmed."""

    def received(self, payload: bytes) -> None:
        """A frame has arrived just now."""

    def heard(self, number: int) -> None:
        """It delivers what its streams carry, and not only answers to commands; told a few times a second."""

    def wait_for_room(self, socket: StreamSocket) -> None:
        """Return when more may be received."""

    def shutdown_announced(self, number: int) -> None:
        """The exchange will close it."""

    def failed(self, error: BaseException) -> None:
        """An error ended it that trying again does not mend: VenueRefused, or one that nobody foresaw."""

    def ended(self, socket: StreamSocket, reason: str, wait_s: float) -> None:
        """It has ended, or could not be opened; the exchange asks to wait so long."""


class StreamSocket(threading.Thread):
    """A socket for the streams of `plan`, those of `symbols`."""

    def __init__(self, owner: SocketOwner, number: int, symbols: tuple[str, ...], plan: StreamPlan) -> None:
        super().__init__(name=f"binance-socket-{number}", daemon=True)
        self.number = number
        self.symbols = symbols
        self.closing = False
        self._owner = owner
        self._plan = plan
        self._socket: websocket.WebSocket | None = None
        self._commands = list(plan.commands)
        self._unconfirmed = {command.id for command in plan.commands}
        self._sent_s = 0.0
        self._told_s = 0.0
        self._idle_s = 0.0

    def close(self) -> None:
        """End it from outside; the thread notices at once, or when its handshake is over."""
        self.closing = True
        socket = self._socket
        if socket is not None:
            with suppress(*NETWORK):
                socket.send_close()
            with suppress(*NETWORK):
                socket.abort()  # type: ignore[no-untyped-call]  # the library leaves it untyped

    def show_life(self) -> None:
        """Send a pong that nobody asked for."""
        if self._socket is not None:
            with suppress(*NETWORK):
                self._socket.pong()

    def run(self) -> None:
        """Connect and read until the end, and report it."""
        reason, wait_s = "an unexpected error", 0.0
        try:
            reason, wait_s = self._connect_and_read()
        except BaseException as failed:  # noqa: BLE001 - kept for the owner, who raises it in its own thread
            self._owner.failed(failed)
            reason = str(failed)
        finally:
            self._owner.ended(self, reason, wait_s)

    def _connect_and_read(self) -> tuple[str, float]:
        """Return why it ended and how many seconds the exchange asks to wait."""
        try:
            # The library checks a text's encoding byte by byte in Python, 0.8 ms for 1.5 KB; the decoder checks it too.
            socket = websocket.create_connection(
                self._plan.url, timeout=CONNECT_TIMEOUT_S, enable_multithread=True, skip_utf8_validation=True
            )
        except websocket.WebSocketBadStatusException as refused:
            return _refusal(self._plan.url, refused)
        except NETWORK as unreachable:
            return f"could not connect: {unreachable}", 0.0
        self._socket = socket
        try:
            self._owner.opened(self)
            return self._read(socket), 0.0
        finally:
            socket.shutdown()  # type: ignore[no-untyped-call]  # the library leaves it untyped

    def _read(self, socket: websocket.WebSocket) -> str:
        """Read until it ends and return why it did."""
        socket.settimeout(self._wait_s)
        if not self._unconfirmed:
            self._owner.completed(self.number)
        while not self.closing:
            self._send_command(socket)
            try:
                opcode, payload = socket.recv_data(control_frame=True)
            except websocket.WebSocketTimeoutException:
                if self._idle(socket):
                    return f"nothing was received for {DEAD_AFTER_S:.0f} s, nor an answer to a ping"
                continue
            except NETWORK as ended:
                return self._reason(f"the connection was lost: {ended}")
            self._idle_s = 0.0
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                return self._reason("the exchange closed the connection")
            if opcode in FRAMES:
                self._frame(payload)
        return CLOSED

    def _frame(self, payload: bytes) -> None:
        self._owner.received(payload)
        now_s = time.monotonic()
        streamed = payload.startswith(COMBINED)
        if streamed and now_s - self._told_s >= HEARD_EVERY_S:
            self._told_s = now_s
            self._owner.heard(self.number)
        self._owner.wait_for_room(self)
        if SHUTDOWN in payload[:SHUTDOWN_WITHIN]:
            self._owner.shutdown_announced(self.number)
        if self._unconfirmed and not streamed:
            self._unconfirmed.discard(confirmed(payload) or 0)
            if not self._unconfirmed:
                self._owner.completed(self.number)

    def _send_command(self, socket: websocket.WebSocket) -> None:
        """Send the next command when it is due."""
        if not self._commands or time.monotonic() - self._sent_s < COMMAND_EVERY_S:
            return
        self._sent_s = time.monotonic()
        with suppress(*NETWORK):  # the next read tells what is wrong
            socket.send(self._commands.pop(0).text)
        socket.settimeout(self._wait_s)

    def _idle(self, socket: websocket.WebSocket) -> bool:
        """A read has waited in vain: ask by a ping in good time; whether that was long enough to give up."""
        self._idle_s += self._wait_s
        if self._idle_s >= PING_AFTER_S:
            with suppress(*NETWORK):
                socket.ping()
        return self._idle_s >= DEAD_AFTER_S

    @property
    def _wait_s(self) -> float:
        return COMMAND_EVERY_S if self._commands else WAIT_S

    def _reason(self, otherwise: str) -> str:
        return CLOSED if self.closing else otherwise


def _refusal(url: str, refused: websocket.WebSocketBadStatusException) -> tuple[str, float]:
    """Why a handshake was refused and how long to wait; raises VenueRefused where this region is not served."""
    address = url.partition("?")[0]
    status = refused.status_code
    if status == HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS:
        raise VenueRefused(f"{address} does not serve this region (HTTP {status}): set FEED to another exchange")
    wait_s = 0.0
    if status in LIMITED:
        wait_s = asked_wait_s((refused.resp_headers or {}).get("retry-after"))
    return f"{address} answered HTTP {status}", wait_s
