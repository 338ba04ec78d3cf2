"""The faults in force on the whole exchange: handshakes refused, pings unanswered, REST failing or slow.

Pure: time is an argument, in seconds of a clock that never goes back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from connectors.simulator.faults import RestStatusFault, SlowRest

WAITED_FOR: Final = (418, 429)
"""Statuses that carry Retry-After."""

REASONS: Final[Mapping[int, tuple[int, str]]] = {
    403: (-1, "Forbidden."),
    418: (-1003, "Way too much request weight used; IP banned."),
    429: (-1003, "Too much request weight used."),
    451: (0, "Service unavailable from a restricted location according to 'b. Eligibility'."),
    500: (-1000, "An unknown error occurred while processing the request."),
    502: (-1001, "Bad gateway."),
    503: (-1008, "Server is currently overloaded with other requests. Please try again in a few minutes."),
    504: (-1007, "Timeout waiting for response from backend server."),
}
"""Code and message of the answer's body by its status."""


@dataclass(frozen=True, slots=True)
class RestOutage:
    """How a REST request is answered instead: HTTP `status`, and Retry-After in seconds where there is one."""

    status: int
    retry_after_s: int | None


@dataclass(slots=True)
class _RestTrouble:
    fault: RestStatusFault
    until_s: float
    left: float


class Outages:
    """What the exchange does not do at present."""

    def __init__(self) -> None:
        self._refuses_until_s = -math.inf
        self._no_pong_until_s = -math.inf
        self._slow_until_s = -math.inf
        self._delay_s = 0.0
        self._rest: list[_RestTrouble] = []

    def refuse(self, until_s: float) -> None:
        """Refuse new connections before `until_s`."""
        self._refuses_until_s = max(self._refuses_until_s, until_s)

    def refuses(self, now_s: float) -> bool:
        """Whether a handshake at `now_s` is refused."""
        return now_s < self._refuses_until_s

    def keep_pongs(self, until_s: float) -> None:
        """Answer no ping before `until_s`."""
        self._no_pong_until_s = max(self._no_pong_until_s, until_s)

    def keeps_pongs(self, now_s: float) -> bool:
        """Whether a ping at `now_s` stays unanswered."""
        return now_s < self._no_pong_until_s

    def slow(self, fault: SlowRest, now_s: float) -> None:
        """Answer REST late from now on."""
        self._delay_s, self._slow_until_s = fault.delay_s, now_s + fault.duration_s

    def rest_delay_s(self, now_s: float) -> float:
        """How late a REST request at `now_s` is answered."""
        return self._delay_s if now_s < self._slow_until_s else 0.0

    def fail_rest(self, fault: RestStatusFault, now_s: float) -> None:
        """Fail REST requests from now on; with neither a duration nor a count, the next one."""
        until_s = math.inf if fault.duration_s is None else now_s + fault.duration_s
        once = 1.0 if fault.duration_s is None else math.inf
        self._rest.append(_RestTrouble(fault, until_s, once if fault.count is None else fault.count))

    def rest_outage(self, path: str, now_s: float) -> RestOutage | None:
        """How a request of `path` at `now_s` is answered instead; None where it is served. Uses up one count."""
        self._rest = [trouble for trouble in self._rest if trouble.left > 0 and now_s < trouble.until_s]
        for trouble in self._rest:
            fault = trouble.fault
            if fault.path is None or path.endswith(fault.path):
                trouble.left -= 1
                return RestOutage(fault.status, fault.retry_after_s if fault.status in WAITED_FOR else None)
        return None
