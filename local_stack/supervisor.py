"""Runs one-shot steps and long-lived services in the order of their needs, and keeps the services running.

What it promises:
- a step runs once, when everything it needs is ready; a service starts when everything it needs is ready;
- a service that ends unasked is started again after a pause that doubles with each crash; those that need it are left
  alone; after too many crashes in a minute it is given up, and the rest goes on;
- `stop` ends whoever needs a service before the service, within a budget of time, by force if it must.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from local_stack.process import Program, RunningProcess, exit_text, run_to_end
from local_stack.reports import Reporter
from local_stack.service import Service
from orderbook.errors import StackError

PROBE_PAUSE_S: Final = 0.1
STOP_BUDGET_S: Final = 13.0
LEAST_STOP_S: Final = 0.3
LAST_WORDS: Final = 5


class Phase(StrEnum):
    """Where a step or a service is."""

    WAITING = "waiting"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "restarting"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Step:
    """A program that runs to its end once; `timeout_s` seconds at most."""

    name: str
    program: Program
    timeout_s: float = 120.0


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """How often a service may crash within a time before it is given up, and the pauses before its restarts."""

    crashes: int = 5
    within_s: float = 60.0
    first_pause_s: float = 0.5
    longest_pause_s: float = 8.0

    def pause_s(self, crashes: int) -> float:
        """Seconds to wait after the latest of so many crashes."""
        return min(self.first_pause_s * 2.0 ** (crashes - 1), self.longest_pause_s)


@dataclass(frozen=True, slots=True)
class UnitState:
    """A step or service as it is now. `pid` None: no process. `since`: seconds since 1970 of the last change."""

    name: str
    kind: str
    phase: Phase
    pid: int | None
    restarts: int
    since: float


@dataclass(slots=True)
class _Unit:
    """A step or service and everything the supervisor remembers of it."""

    what: Step | Service
    needs: tuple[_Unit, ...]
    settled: asyncio.Future[list[str]]
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    phase: Phase = Phase.WAITING
    since: float = field(default_factory=time.time)
    restarts: int = 0
    crashes: deque[float] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None
    process: RunningProcess | None = None
    last_words: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_WORDS))

    @property
    def name(self) -> str:
        return self.what.name


class Supervisor:
    """Starts, watches, restarts and stops; to be used in one running event loop."""

    def __init__(
        self,
        reporter: Reporter,
        *,
        policy: RestartPolicy | None = None,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._reporter = reporter
        self._policy = policy or RestartPolicy()
        self._on_change = on_change
        self._units: dict[str, _Unit] = {}
        self._stop_by: float | None = None

    def add(self, what: Step | Service, *, after: Sequence[str] = ()) -> None:
        """Take a step or service in; it starts as soon as those named in `after`, added before, are ready."""
        if what.name in self._units:
            raise ValueError(f"{what.name} was added before")
        settled: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        # A failure that nobody waits for is reported where it happens.
        settled.add_done_callback(lambda done: done.cancelled() or done.exception())
        unit = _Unit(what, tuple(self._units[name] for name in after), settled)
        self._units[what.name] = unit
        unit.task = asyncio.create_task(self._look_after(unit), name=what.name)

    async def outcome(self, name: str) -> list[str]:
        """Wait until a step is done and return its last lines, or until a service is ready for the first time.

        Raises StackError when it failed or was given up.
        """
        return await asyncio.shield(self._units[name].settled)

    async def until_up(self) -> None:
        """Wait until all that was added is done or ready; raises StackError when one of them failed."""
        await asyncio.gather(*(self.outcome(name) for name in self._units))

    def states(self) -> tuple[UnitState, ...]:
        """Everything that was added, in that order."""
        return tuple(
            UnitState(
                name=unit.name,
                kind="step" if isinstance(unit.what, Step) else "service",
                phase=unit.phase,
                pid=unit.process.pid if unit.process is not None and unit.process.status is None else None,
                restarts=unit.restarts,
                since=unit.since,
            )
            for unit in self._units.values()
        )

    async def stop(self, *, budget_s: float = STOP_BUDGET_S) -> None:
        """End everything, those that need others first; whatever still runs when the budget is used up is killed."""
        self._stop_by = time.monotonic() + budget_s
        await asyncio.gather(*(self._stop_unit(unit) for unit in self._units.values()))

    def kill(self) -> None:
        """Kill every process at once; for somebody who does not want to wait for `stop`."""
        for unit in self._units.values():
            if unit.process is not None:
                unit.process.send(signal.SIGKILL, group=True)

    async def _look_after(self, unit: _Unit) -> None:
        try:
            if isinstance(unit.what, Step):
                await self._run_step(unit, unit.what)
            else:
                await self._keep(unit, unit.what)
        except StackError as failed:
            self._fail(unit, str(failed))

    async def _run_step(self, unit: _Unit, step: Step) -> None:
        await _all_ready(unit.needs)
        self._enter(unit, Phase.STARTING)
        began = time.monotonic()
        lines = await run_to_end(
            step.program, timeout_s=step.timeout_s, take=lambda line: self._reporter.output(step.name, line)
        )
        self._enter(unit, Phase.DONE)
        unit.ready.set()
        unit.settled.set_result(lines)
        self._reporter.state(unit.name, f"done in {time.monotonic() - began:.1f} s", "good")

    async def _keep(self, unit: _Unit, service: Service) -> None:
        while True:
            if not all(need.ready.is_set() for need in unit.needs):
                self._enter(unit, Phase.WAITING)
            await _all_ready(unit.needs)
            why = await self._live(unit, service)
            if why is None:
                self._enter(unit, Phase.DONE)
                self._reporter.state(unit.name, "has come to its end", "good")
                return
            pause_s = self._count_crash(unit, why)
            self._enter(unit, Phase.PAUSED)
            await asyncio.sleep(pause_s)
            unit.restarts += 1

    async def _live(self, unit: _Unit, service: Service) -> str | None:
        """One life of a service; returns why it counts as a crash, None for an end that was its purpose."""
        began = time.monotonic()
        self._enter(unit, Phase.STARTING)
        await service.prepare()
        unit.last_words.clear()
        unit.process = process = RunningProcess(
            service.program(), lambda line: self._hear(unit, line), at_parents_death=service.stop_signal
        )
        ended = asyncio.create_task(process.wait())
        try:
            if not await _until_ready(service, ended):
                why = f"was not ready within {service.ready_timeout_s:.0f} s"
            elif ended.done():
                why = f"ended with {exit_text(ended.result())} before it was ready"
            else:
                await service.furnish()
                self._came_up(unit, time.monotonic() - began)
                status = await asyncio.shield(ended)
                if status == 0 and service.ends_by_itself:
                    return None
                why = f"ended with {exit_text(status)}"
        finally:
            unit.ready.clear()
            ended.cancel()
        await self._terminate(unit, service)
        return why

    def _hear(self, unit: _Unit, line: str) -> None:
        unit.last_words.append(line)
        self._reporter.output(unit.name, line)

    def _came_up(self, unit: _Unit, took_s: float) -> None:
        self._enter(unit, Phase.RUNNING)
        unit.ready.set()
        if not unit.settled.done():
            unit.settled.set_result([])
        again = f", restart {unit.restarts}" if unit.restarts else ""
        self._reporter.state(unit.name, f"ready in {took_s:.1f} s{again}", "good")

    def _count_crash(self, unit: _Unit, why: str) -> float:
        """Report a crash and return the pause before the restart in seconds; raises StackError to give up."""
        now = time.monotonic()
        unit.crashes.append(now)
        while unit.crashes[0] < now - self._policy.within_s:
            unit.crashes.popleft()
        count, most = len(unit.crashes), self._policy.crashes
        for line in unit.last_words:
            self._reporter.state(unit.name, line, "faint")
        if count >= most:
            raise StackError(f"{unit.name} {why}; given up after {count} crashes within {self._policy.within_s:.0f} s")
        pause_s = self._policy.pause_s(count)
        self._reporter.state(unit.name, f"{why}; restart in {pause_s:g} s (crash {count} of {most})", "bad")
        return pause_s

    def _fail(self, unit: _Unit, why: str) -> None:
        self._enter(unit, Phase.FAILED)
        self._reporter.state(unit.name, why, "bad")
        if not unit.settled.done():
            unit.settled.set_exception(StackError(why))

    def _enter(self, unit: _Unit, phase: Phase) -> None:
        unit.phase = phase
        unit.since = time.time()
        self._on_change()

    async def _stop_unit(self, unit: _Unit) -> None:
        await asyncio.gather(*(other.gone.wait() for other in self._units.values() if unit in other.needs))
        if unit.task is not None:
            unit.task.cancel()
            await asyncio.wait({unit.task})
        if isinstance(unit.what, Service) and unit.process is not None:
            ran = unit.process.status is None
            await self._terminate(unit, unit.what)
            if ran:
                self._reporter.state(unit.name, "stopped")
        if unit.phase not in {Phase.DONE, Phase.FAILED}:
            self._enter(unit, Phase.STOPPED)
        unit.gone.set()

    async def _terminate(self, unit: _Unit, service: Service) -> None:
        """End a service's process, by force after its time, and whoever is left of its session."""
        process = unit.process
        if process is None:
            return
        limit_s = service.stop_timeout_s
        if self._stop_by is not None:
            limit_s = max(min(limit_s, self._stop_by - time.monotonic()), LEAST_STOP_S)
        process.send(service.stop_signal, group=service.stop_group)
        try:
            async with asyncio.timeout(limit_s):
                await process.wait()
        except TimeoutError:
            text = f"did not end within {limit_s:.0f} s of {service.stop_signal.name}; killed"
            self._reporter.state(unit.name, text, "bad")
        await process.end()


async def _all_ready(needs: Sequence[_Unit]) -> None:
    for need in needs:
        await need.ready.wait()


async def _until_ready(service: Service, ended: asyncio.Task[int]) -> bool:
    """Probe until the service is ready or its process has ended; False when its time is up."""
    give_up_at = time.monotonic() + service.ready_timeout_s
    while not ended.done() and not await service.ready():
        if time.monotonic() > give_up_at:
            return False
        await asyncio.wait({ended}, timeout=PROBE_PAUSE_S)
    return True
