"""What a symbol's book has been through, and one diff with its times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from orderbook.market import DepthDiff


@dataclass(slots=True)
class KeeperCounters:
    """What happened to one symbol's book since the process started."""

    books: int = 0
    gaps: int = 0
    backwards: int = 0
    crossed: int = 0
    impossible: int = 0
    repeated: int = 0
    resyncs: int = 0
    refreshes: int = 0
    held_back: int = 0


class Timed(NamedTuple):
    """A diff with its times: the receive clock's, the exchange's as believed, and the latency between, ms."""

    diff: DepthDiff
    receive_time_ms: int
    event_time_ms: int
    latency_ms: int | None
