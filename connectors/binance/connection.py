"""One WebSocket connection to an exchange: a thread that reads, reconnects for ever, and never decides anything.

What arrives goes, with its receive time, into a bounded queue. While the queue is full the thread stops reading, so
that TCP pushes back, and sends a pong now and then, which the exchange takes as a sign of life.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import websocket
from tenacity import Retrying, retry_if_exception_type, stop_when_event_set, wait_random_exponential

from orderbook.market import Snapshot
from runtime.logs import get_logger

QUEUED_FRAMES: Final = 20_000
SILENT_S: Final = 30.0
"""A connection without even a ping for so long is dead: the exchange pings every 20 s."""
FULL_WAIT_S: Final = 5.0
SETTLED_S: Final = 10.0
"""A connection that ends sooner than this waits before the next one, so that a flapping server is not hammered."""

log = get_logger("binance_connection")


@dataclass(frozen=True, slots=True)
class Received:
    """A frame as it arrived."""

    receive_time_ms: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection is up; its streams flow from now on."""

    receive_time_ms: int


@dataclass(frozen=True, slots=True)
class Closed:
    """The connection ended; updates may have been missed since."""

    receive_time_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class SnapshotArrived:
    """A snapshot that was asked for."""

    receive_time_ms: int
    symbol: str
    snapshot: Snapshot


Arrival: TypeAlias = Received | Opened | Closed | SnapshotArrived
ArrivalQueue: TypeAlias = "queue.Queue[Arrival]"


def now_ms() -> int:
    """The machine's clock, milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class StreamConnection:
    """The streams of one combined connection, read in a thread of its own into `arrivals`.

    `start` returns at once; `stop` ends the thread within about a second. An error that is not the network's is kept
    and raised by `check`.
    """

    def __init__(self, url: str, arrivals: ArrivalQueue) -> None:
        self._url = url
        self._arrivals = arrivals
        self._stopping = threading.Event()
        self._reconnect = threading.Event()
        self._failed: BaseException | None = None
        self._socket: websocket.WebSocket | None = None
        self._thread = threading.Thread(target=self._run, name="binance-connection", daemon=True)

    def start(self) -> None:
        """Begin to connect and read."""
        self._thread.start()

    def stop(self) -> None:
        """Close the connection and wait for the thread."""
        self._stopping.set()
        socket = self._socket
        if socket is not None:
            socket.abort()  # type: ignore[no-untyped-call]  # the library leaves it untyped
        self._thread.join(timeout=5.0)

    def renew(self) -> None:
        """Close the connection and open a new one at once, as after a serverShutdown event."""
        self._reconnect.set()

    def check(self) -> None:
        """Raise the error that ended the thread, if one did."""
        if self._failed is not None:
            raise self._failed

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._connect_and_read()
        except BaseException as failed:  # noqa: BLE001 - kept for the owner, who raises it in its own thread
            self._failed = failed

    def _connect_and_read(self) -> None:
        attempts = Retrying(
            retry=retry_if_exception_type((OSError, websocket.WebSocketException)),
            stop=stop_when_event_set(self._stopping),
            wait=wait_random_exponential(multiplier=0.5, max=30),
            sleep=self._pause,
            before_sleep=lambda state: log.warning(
                "connect_failed",
                attempt=state.attempt_number,
                reason=str(state.outcome.exception()) if state.outcome else "",
            ),
            reraise=True,
        )
        try:
            socket = attempts(websocket.create_connection, self._url, timeout=SILENT_S, enable_multithread=True)
        except (OSError, websocket.WebSocketException):
            return  # only when stopping: otherwise the attempts go on
        self._socket = socket
        self._reconnect.clear()
        opened = time.monotonic()
        log.info("connected", url=self._url.partition("?")[0])
        self._put(Opened(now_ms()), socket)
        reason = self._read(socket)
        self._socket = None
        socket.abort()  # type: ignore[no-untyped-call]  # the library leaves it untyped
        if self._stopping.is_set():
            return
        log.warning("disconnected", reason=reason, lived_s=round(time.monotonic() - opened, 1))
        self._put(Closed(now_ms(), reason), socket)
        if time.monotonic() - opened < SETTLED_S:
            self._pause(1.0)

    def _read(self, socket: websocket.WebSocket) -> str:
        """Read until the connection ends and return why it did."""
        while not (self._stopping.is_set() or self._reconnect.is_set()):
            try:
                opcode, payload = socket.recv_data()
            except websocket.WebSocketTimeoutException:
                return f"nothing was received for {SILENT_S:.0f} s"
            except (OSError, websocket.WebSocketException) as ended:
                return f"the connection was lost: {ended}"
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                return "the exchange closed the connection"
            self._put(Received(now_ms(), payload), socket)
        return "the exchange announced that it would close the connection"

    def _put(self, arrival: Arrival, socket: websocket.WebSocket) -> None:
        while not self._stopping.is_set():
            try:
                self._arrivals.put(arrival, timeout=FULL_WAIT_S)
            except queue.Full:
                log.warning("reader_waits", queued=QUEUED_FRAMES)
                _show_life(socket)
            else:
                return

    def _pause(self, seconds: float) -> None:
        self._stopping.wait(seconds)


def stream_url(base: str, symbols: Sequence[str]) -> str:
    """The combined stream of the depth diffs, trades and best quotes of the symbols."""
    names = [f"{symbol.lower()}@{stream}" for symbol in symbols for stream in ("depth@100ms", "trade", "bookTicker")]
    return f"{base}/stream?streams={'/'.join(names)}"


def _show_life(socket: websocket.WebSocket) -> None:
    try:
        socket.pong()
    except (OSError, websocket.WebSocketException):
        log.debug("pong_failed")
