"""When the sockets of a connection are opened and closed, so that its streams never pause: a pure state machine.

A line carries the streams of some symbols over one socket, and over two while it changes from one to the next. It is
told what happened and the time (milliseconds of a clock that goes forward), and says what to do; `connection` does it.
A socket is replaced when it gets old, when the exchange announces its end, when the line's symbols have changed, when
not all of its streams are confirmed, and when nothing at all was heard for too long. The next one is up and delivering
before the old one is closed; where the old one dies first, the next one is opened at once, and then later after each
failure, for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from connectors.binance.attempts import AttemptLimiter, backoff_ms

Why = Literal["first", "lost", "age", "shutdown", "symbols", "incomplete", "silence"]
Change = Literal["opened", "overlap_began", "overlap_ended", "closed"]


@dataclass(frozen=True, slots=True)
class LineRules:
    """The times of a line, in milliseconds. Binance ends a connection after 24 h.

    A socket is renewed `renew_after_ms` after it opened, give or take `renew_spread_ms` by chance, so that the lines of
    a process do not renew together. Two sockets overlap for `overlap_ms` and until the next one is complete and has
    delivered; after `hopeless_ms` the one that delivered last is kept, and replaced if it is not complete. A socket
    that lived `settled_ms` ends the back-off. A line that stays silent after a renewal is renewed again after
    `silence_again_ms`, doubling.
    """

    renew_after_ms: int = 23 * 3_600_000
    renew_spread_ms: int = 1_800_000
    overlap_ms: int = 3_000
    hopeless_ms: int = 30_000
    settled_ms: int = 10_000
    silence_again_ms: int = 30_000
    longest_silence_again_ms: int = 600_000


@dataclass(frozen=True, slots=True)
class Open:
    """Open socket `number`, to carry the symbols as they are wanted now."""

    number: int
    why: Why


@dataclass(frozen=True, slots=True)
class Close:
    """Close socket `number`; its end is reported like any other."""

    number: int


Action = Open | Close

MOST_DOUBLINGS: Final = 5


@dataclass(slots=True)
class _Socket:
    number: int
    generation: int
    renew_at_ms: int
    opened_ms: int | None = None
    heard_ms: int | None = None
    complete: bool = False
    shutdown: bool = False
    closing: bool = False
    settled: bool = False


class Line:
    """One line. Not for use from several threads without a lock.

    `uniform` gives numbers in [0, 1) for jitter.
    """

    def __init__(self, rules: LineRules, attempts: AttemptLimiter, uniform: Callable[[], float]) -> None:
        self._rules = rules
        self._attempts = attempts
        self._uniform = uniform
        self._sockets: dict[int, _Socket] = {}
        self._generation = 0
        self._numbered = 0
        self._tries = 0
        self._next_try_ms = 0
        self._refused_until_ms = 0
        self._silent_renewals = 0
        self._wanted = True

    @property
    def up(self) -> bool:
        """Whether at least one socket carries the streams."""
        return bool(self._up())

    @property
    def complete(self) -> bool:
        """Whether a socket carries all streams of the symbols that the newest one up was opened for."""
        up = self._up()
        return any(socket.complete and socket.generation == up[-1].generation for socket in up)

    # What happened.

    def symbols_changed(self, *, any_left: bool) -> None:
        """The line's symbols are others now; with none left it ends its sockets and opens no more."""
        self._generation += 1
        self._wanted = any_left

    def opened(self, number: int, now_ms: int) -> Change:
        """A socket is up; returns what that is for the line."""
        overlapping = self.up
        self._sockets[number].opened_ms = now_ms
        return "overlap_began" if overlapping else "opened"

    def completed(self, number: int) -> None:
        """A socket's every stream is confirmed."""
        if number in self._sockets:
            self._sockets[number].complete = True

    def heard(self, number: int, now_ms: int) -> None:
        """A socket delivered a frame."""
        if number in self._sockets:
            self._sockets[number].heard_ms = now_ms
            self._silent_renewals = 0

    def shutdown_announced(self, number: int) -> None:
        """The exchange will close a socket soon."""
        if number in self._sockets:
            self._sockets[number].shutdown = True

    def ended(self, number: int, now_ms: int, *, wait_ms: int = 0) -> Change | None:
        """A socket ended, or could not be opened, and may not be tried again within `wait_ms`.

        Returns what that is for the line: None where the socket was never up, or two others still overlap.
        """
        socket = self._sockets.pop(number)
        self._settle(socket, now_ms)
        if wait_ms:
            self._refused_until_ms = max(self._refused_until_ms, now_ms + wait_ms)
        if not socket.closing:
            self._next_try_ms = now_ms + backoff_ms(self._tries, self._uniform)
        left = len(self._up())
        if socket.opened_ms is None or left > 1:
            return None
        return "overlap_ended" if left else "closed"

    # What to do.

    def due(self, now_ms: int, *, silent: bool) -> list[Action]:
        """What is to be done now; `silent` says that nothing was received for longer than this line ever pauses."""
        up = [socket for socket in self._up() if not socket.closing]
        for socket in up:
            self._settle(socket, now_ms)
        if not self._wanted:
            return [self._close(socket) for socket in self._sockets.values() if not socket.closing]
        opening = any(socket.opened_ms is None for socket in self._sockets.values())
        if len(up) > 1:
            over = self._replaced(up[0], up[-1], now_ms)
            return [] if over is None else [self._close(over)]
        if opening:
            return []
        why = self._reason_to_open(up[0] if up else None, now_ms, silent=silent)
        wait_until_ms = max(self._next_try_ms, self._refused_until_ms)
        if why is None or now_ms < wait_until_ms or not self._attempts.take(now_ms):
            return []
        return [self._open(why, now_ms)]

    def _up(self) -> list[_Socket]:
        """The sockets that are up, oldest first; those that are being closed are still among them."""
        return [socket for _, socket in sorted(self._sockets.items()) if socket.opened_ms is not None]

    def _reason_to_open(self, socket: _Socket | None, now_ms: int, *, silent: bool) -> Why | None:
        if socket is None:
            return "lost" if self._numbered else "first"
        age_ms = now_ms - (socket.opened_ms or 0)
        reasons: tuple[tuple[bool, Why], ...] = (
            (socket.shutdown, "shutdown"),
            (socket.generation != self._generation, "symbols"),
            (now_ms >= socket.renew_at_ms, "age"),
            (not socket.complete and age_ms >= self._rules.hopeless_ms, "incomplete"),
            (silent and age_ms >= self._silence_ms(), "silence"),
        )
        return next((why for holds, why in reasons if holds), None)

    def _silence_ms(self) -> int:
        """How old a socket must be to be replaced for its silence: any age at first, then more each time."""
        if self._silent_renewals == 0:
            return 0
        again_ms = self._rules.silence_again_ms << min(self._silent_renewals - 1, MOST_DOUBLINGS)
        return min(self._rules.longest_silence_again_ms, again_ms)

    def _replaced(self, old: _Socket, new: _Socket, now_ms: int) -> _Socket | None:
        """Which of two sockets has become unnecessary; None for neither yet."""
        overlapped_ms = now_ms - (new.opened_ms or now_ms)
        if overlapped_ms >= self._rules.overlap_ms and new.complete and new.heard_ms is not None:
            return old
        if overlapped_ms < self._rules.hopeless_ms:
            return None
        old_delivers = old.heard_ms is not None and old.heard_ms > now_ms - overlapped_ms
        if old_delivers and new.heard_ms is None:
            self._next_try_ms = now_ms + backoff_ms(self._tries, self._uniform)
            return new
        return old

    def _open(self, why: Why, now_ms: int) -> Open:
        self._numbered += 1
        self._tries += 1
        if why == "silence":
            self._silent_renewals += 1
        spread_ms = int((2 * self._uniform() - 1) * self._rules.renew_spread_ms)
        self._sockets[self._numbered] = _Socket(
            self._numbered, self._generation, now_ms + self._rules.renew_after_ms + spread_ms
        )
        self._next_try_ms = now_ms + backoff_ms(self._tries, self._uniform)
        return Open(self._numbered, why)

    @staticmethod
    def _close(socket: _Socket) -> Close:
        socket.closing = True
        return Close(socket.number)

    def _settle(self, socket: _Socket, now_ms: int) -> None:
        """End the back-off once for each socket that lasts: later failures beside it count again."""
        if socket.opened_ms is None or socket.settled:
            return
        if now_ms - socket.opened_ms >= self._rules.settled_ms:
            socket.settled = True
            self._tries = 0
