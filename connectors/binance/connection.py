"""The streams of some symbols over WebSockets that are replaced before they end: the thin shell around a `Line`.

What the sockets deliver goes, with its receive time, into the queue of the partition, and so does what happens to them.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from typing import Final

from connectors.binance.arrival_queue import ArrivalQueue
from connectors.binance.arrivals import Closed, Opened, OverlapBegan, OverlapEnded, Received, SymbolsChanged
from connectors.binance.attempts import AttemptLimiter
from connectors.binance.line import Change, Close, Line, LineRules, Open
from connectors.binance.receive_clock import MachineClock
from connectors.binance.stream_socket import StreamSocket
from connectors.binance.streams import stream_plan
from orderbook.settings import DepthStream
from runtime.logs import get_logger

FULL_WAIT_S: Final = 0.05
LIFE_EVERY_S: Final = 5.0

log = get_logger("binance_connection")


def monotonic_ms() -> int:
    """Milliseconds of a clock that goes forward."""
    return time.monotonic_ns() // 1_000_000


class StreamConnection:
    """The streams of `symbols` at a WebSocket base address, read into `arrivals`.

    `step` does what is due and is to be called often; it never waits. The arrivals say Opened before the first frame,
    Closed after the last one, and OverlapBegan and OverlapEnded around the time in which frames arrive twice.
    """

    def __init__(
        self,
        name: str,
        base: str,
        symbols: Sequence[str],
        arrivals: ArrivalQueue,
        *,
        attempts: AttemptLimiter,
        clock: MachineClock,
        rules: LineRules | None = None,
        depth: DepthStream = "depth",
    ) -> None:
        self._depth = depth
        self._base = base
        self._symbols = tuple(symbols)
        self._told = self._symbols
        self._arrivals = arrivals
        self._clock = clock
        self._line = Line(rules or LineRules(), attempts, random.random)
        self._lock = threading.Lock()
        self._sockets: dict[int, StreamSocket] = {}
        self._failed: BaseException | None = None
        self._stopped = False
        self._log = log.bind(connection=name)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols that are wanted now."""
        return self._symbols

    @property
    def complete(self) -> bool:
        """Whether the streams of all symbols that were told last flow."""
        with self._lock:
            return self._line.complete

    def step(self, *, silent: bool) -> None:
        """Do what is due; `silent` says that nothing was received for longer than these symbols ever pause."""
        with self._lock:
            if self._stopped:
                return
            for action in self._line.due(monotonic_ms(), silent=silent):
                match action:
                    case Open(number, why):
                        self._log.info("connecting", socket=number, why=why, symbols=len(self._symbols))
                        plan = stream_plan(self._base, self._symbols, self._depth)
                        socket = StreamSocket(self, number, self._symbols, plan)
                        self._sockets[number] = socket
                        socket.start()
                    case Close(number):
                        self._sockets[number].close()

    def follow(self, symbols: Sequence[str]) -> None:
        """Carry the streams of these symbols from now on; what flows goes on until the new streams flow too."""
        with self._lock:
            if tuple(symbols) == self._symbols:
                return
            self._symbols = tuple(symbols)
            self._line.symbols_changed(any_left=bool(symbols))
            if not symbols:
                self._tell_symbols(())

    def stop(self) -> None:
        """Close what is open and wait for the threads, at most some seconds."""
        with self._lock:
            self._stopped = True
            sockets = tuple(self._sockets.values())
        for socket in sockets:
            socket.close()
        for socket in sockets:
            socket.join(timeout=5.0)

    def check(self) -> None:
        """Raise the error that ended a thread, if one did: VenueRefused where this region is not served."""
        if self._failed is not None:
            raise self._failed

    # Called by the sockets' threads.

    def opened(self, socket: StreamSocket) -> None:
        """A socket is up."""
        with self._lock:
            change = self._line.opened(socket.number, monotonic_ms())
            self._log.info("connected", socket=socket.number, streams=change)
            self._tell_symbols(socket.symbols if self._symbols else ())  # with none left it is closed at once
            self._tell(change, "")

    def completed(self, number: int) -> None:
        """All streams of a socket are confirmed."""
        with self._lock:
            self._line.completed(number)

    def heard(self, number: int) -> None:
        """A socket delivered a frame."""
        with self._lock:
            self._line.heard(number, monotonic_ms())

    def shutdown_announced(self, number: int) -> None:
        """The exchange will close a socket."""
        self._log.info("shutdown_announced", socket=number)
        with self._lock:
            self._line.shutdown_announced(number)

    def ended(self, socket: StreamSocket, reason: str, wait_s: float) -> None:
        """A socket has ended, or could not be opened."""
        with self._lock:
            del self._sockets[socket.number]
            change = self._line.ended(socket.number, monotonic_ms(), wait_ms=int(wait_s * 1000))
            say = self._log.info if socket.closing else self._log.warning
            say("disconnected", socket=socket.number, reason=reason, streams=change)
            self._tell(change, reason)

    def failed(self, error: BaseException) -> None:
        """A thread ended by an error that trying again does not mend."""
        self._failed = error

    def received(self, payload: bytes) -> None:
        """A frame has arrived, now."""
        self._arrivals.put(Received(self._clock.now_ns(), payload))

    def wait_for_room(self, socket: StreamSocket) -> None:
        """Return when there is room in the queue; meanwhile the socket is not read."""
        waited_s = 0.0
        while not (self._arrivals.has_room or socket.closing):
            if waited_s >= LIFE_EVERY_S:
                self._log.warning("reader_waits", socket=socket.number)
                socket.show_life()
                waited_s = 0.0
            time.sleep(FULL_WAIT_S)
            waited_s += FULL_WAIT_S

    def _tell_symbols(self, symbols: tuple[str, ...]) -> None:
        added = tuple(symbol for symbol in symbols if symbol not in self._told)
        removed = tuple(symbol for symbol in self._told if symbol not in symbols)
        self._told = symbols
        if added or removed:
            self._arrivals.put(SymbolsChanged(self._clock.now_ns(), added, removed))

    def _tell(self, change: Change | None, reason: str) -> None:
        now_ns = self._clock.now_ns()
        match change:
            case "opened":
                self._arrivals.put(Opened(now_ns))
            case "overlap_began":
                self._arrivals.put(OverlapBegan(now_ns))
            case "overlap_ended":
                self._arrivals.put(OverlapEnded(now_ns))
            case "closed":
                self._arrivals.put(Closed(now_ns, reason))
            case None:
                pass
