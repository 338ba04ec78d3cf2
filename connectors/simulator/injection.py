"""Carries faults out on a running exchange, one by one or by a schedule, and keeps what was done and when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

import msgspec

from connectors.simulator.connection import Connection
from connectors.simulator.faults import (
    Close,
    Cut24h,
    Disconnect,
    Fault,
    HalfOpen,
    NoPong,
    Refuse,
    RestStatusFault,
    ServerShutdown,
    SlowRest,
    StaleSnapshot,
    described,
)
from connectors.simulator.feed import Feed
from connectors.simulator.outages import Outages
from connectors.simulator.rest import Listing
from connectors.simulator.scenes import Scene, described_scene
from connectors.simulator.schedule import TimedFault
from runtime.logs import get_logger

MOST_KEPT: Final = 100_000
"""Injected faults that are kept; the oldest go first."""

Origin = Literal["request", "script", "random"]


class Injected(msgspec.Struct, frozen=True):
    """One fault as it was carried out: where it came from, and when by the market's and the machine's clock."""

    origin: Origin
    market_time_ms: int
    wall_time_ms: int
    fault: Mapping[str, Any]


class Injector:
    """The way of every fault into the exchange. Belongs to the event loop of the exchange."""

    def __init__(
        self, feed: Feed, listings: Mapping[str, Listing], connections: Mapping[Connection, None], outages: Outages
    ) -> None:
        self._feed = feed
        self._listings = listings
        self._connections = connections
        self._outages = outages
        self._injected: list[Injected] = []
        self._running: set[asyncio.Task[None]] = set()
        self._log = get_logger("simulator")

    @property
    def injected(self) -> tuple[Injected, ...]:
        """What was carried out, in order."""
        return tuple(self._injected)

    @property
    def schedules(self) -> int:
        """Schedules that are under way."""
        return len(self._running)

    def inject(self, fault: Fault, origin: Origin) -> None:
        """Carry a fault out."""
        self._carry_out(fault)
        told = described(fault)
        self._keep(told, origin)
        self._log.warning("fault_injected", origin=origin, **told)

    def stage(self, scene: Scene) -> None:
        """Have a symbol's market play a scene; it is kept among what was carried out."""
        self._feed.perform(scene)
        told = described_scene(scene)
        self._keep(told, "request")
        self._log.info("scene_begun", **told)

    def run(self, schedule: Iterable[TimedFault], origin: Origin) -> None:
        """Carry out each fault `at_s` seconds from now, beside the schedules that run already."""
        task = asyncio.get_running_loop().create_task(self._run(schedule, origin))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def _keep(self, told: Mapping[str, Any], origin: Origin) -> None:
        if len(self._injected) >= MOST_KEPT:
            del self._injected[0]
        self._injected.append(Injected(origin, int(self._feed.now_ms), time.time_ns() // 1_000_000, told))

    async def end(self) -> None:
        """Give up what is still scheduled."""
        running = tuple(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _run(self, schedule: Iterable[TimedFault], origin: Origin) -> None:
        started_s = time.monotonic()
        for timed in schedule:
            await asyncio.sleep(max(0.0, started_s + timed.at_s - time.monotonic()))
            self.inject(timed.fault, origin)

    def _carry_out(self, fault: Fault) -> None:
        now_s = time.monotonic()
        match fault:
            case StaleSnapshot(symbol=symbol, count=count, age_ms=age_ms):
                self._listings[symbol].stale_ages_ms.extend([age_ms] * count)
            case RestStatusFault():
                self._outages.fail_rest(fault, now_s)
            case SlowRest():
                self._outages.slow(fault, now_s)
            case Refuse(duration_s=duration_s):
                self._outages.refuse(now_s + duration_s)
            case NoPong(duration_s=duration_s):
                self._outages.keep_pongs(now_s + duration_s)
            case Disconnect() | Close() | HalfOpen() | ServerShutdown() | Cut24h():
                for connection in tuple(self._connections):
                    _break(connection, fault)
            case _:
                self._feed.disturb(fault)


def _break(connection: Connection, fault: Disconnect | Close | HalfOpen | ServerShutdown | Cut24h) -> None:
    match fault:
        case Disconnect():
            connection.abort()
        case Close(code=code):
            connection.end_with(code, "Closed by a fault")
        case HalfOpen():
            connection.fall_silent()
        case ServerShutdown(notice_s=notice_s):
            connection.end_after_notice(notice_s)
        case Cut24h():
            connection.end_after_notice(None)
