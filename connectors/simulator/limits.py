"""How much a client may ask: request weight a minute over REST, connections, messages a second on each.

Pure: time is an argument, in seconds of the machine's clock. The market's own time, which may run faster, has no part
in the limits.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

MINUTE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request is served: HTTP status 200, 429 (slow down) or 418 (banned); `used` is the minute's weight.

    `retry_after_s`: seconds to wait, 0 when the request is served. `until_s`: when a ban ends.
    """

    status: int
    used: int
    retry_after_s: int = 0
    until_s: float = 0.0


@dataclass(slots=True)
class _Client:
    minute: int = 0
    used: int = 0
    refused: int = 0
    banned_until_s: float = 0.0


class RequestWeight:
    """Counts request weight a minute for each client address.

    Above the limit a request is refused by 429. A client that goes on for `patience` requests in that minute is banned
    by 418 for `ban_s` seconds.
    """

    def __init__(self, *, limit: int = 6000, patience: int = 20, ban_s: float = 120.0) -> None:
        self.limit = limit
        self.most = 0
        """The most weight that any address has used in a minute."""
        self._patience = patience
        self._ban_s = ban_s
        self._clients: dict[str, _Client] = {}

    def spend(self, address: str, weight: int, now_s: float) -> Verdict:
        """Count a request of `weight` from `address` at `now_s` (epoch seconds)."""
        client = self._clients.setdefault(address, _Client())
        if now_s < client.banned_until_s:
            return _refusal(418, client.used, client.banned_until_s - now_s, client.banned_until_s)
        minute = int(now_s // MINUTE_S)
        if minute != client.minute:
            client.minute, client.used, client.refused = minute, 0, 0
        client.used += weight
        self.most = max(self.most, client.used)
        if client.used <= self.limit:
            return Verdict(200, client.used)
        client.refused += 1
        if client.refused > self._patience:
            client.banned_until_s = now_s + self._ban_s
            return _refusal(418, client.used, self._ban_s, client.banned_until_s)
        return _refusal(429, client.used, (minute + 1) * MINUTE_S - now_s, 0.0)


class MessageRate:
    """Refuses the message that comes after `limit` others within one second."""

    def __init__(self, *, limit: int = 5) -> None:
        self._limit = limit
        self._times: deque[float] = deque()

    def allows(self, now_s: float) -> bool:
        """Count a message at `now_s` (seconds of a clock that never goes back)."""
        while self._times and self._times[0] <= now_s - 1.0:
            self._times.popleft()
        self._times.append(now_s)
        return len(self._times) <= self._limit


class ConnectionAttempts:
    """Refuses the connection attempt of an address that comes after `limit` others within `window_s` seconds.

    A refused attempt counts as well.
    """

    def __init__(self, *, limit: int = 300, window_s: float = 300.0) -> None:
        self._limit = limit
        self._window_s = window_s
        self._times: dict[str, deque[float]] = {}

    def allows(self, address: str, now_s: float) -> bool:
        """Count an attempt from `address` at `now_s` (seconds of a clock that never goes back)."""
        times = self._times.setdefault(address, deque(maxlen=self._limit + 1))
        while times and times[0] <= now_s - self._window_s:
            times.popleft()
        times.append(now_s)
        return len(times) <= self._limit


def _refusal(status: int, used: int, wait_s: float, until_s: float) -> Verdict:
    return Verdict(status, used, max(1, int(-(-wait_s // 1))), until_s)
