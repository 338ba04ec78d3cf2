"""Looking at a running stack from outside: the state of its processes and the memory they use."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import psutil

from local_stack.state import StackLock, read_status


class ProcessSeen(msgspec.Struct, frozen=True):
    """One step or service. `for_s`: seconds in its phase. `memory_bytes`: of its process and all below it, as PSS."""

    name: str
    phase: str
    pid: int | None
    restarts: int
    for_s: float
    memory_bytes: int | None


class StackSeen(msgspec.Struct, frozen=True):
    """A running stack. `memory_bytes`: of every process, supervisor and guardian included, as PSS."""

    dashboard: str
    feed: str | None
    why: str | None
    memory_bytes: int
    processes: tuple[ProcessSeen, ...]


def survey(state_dir: Path) -> StackSeen | None:
    """The stack that runs in a state folder; None when there is none."""
    if not state_dir.exists():
        return None
    lock = StackLock(state_dir)
    try:
        if lock.is_free():
            return None
        owner = lock.owner()
    finally:
        lock.close()
    status = read_status(state_dir)
    if status is None:
        return None
    now = time.time()
    processes = tuple(
        ProcessSeen(
            name=unit.name,
            phase=unit.phase,
            pid=unit.pid,
            restarts=unit.restarts,
            for_s=now - unit.since,
            memory_bytes=None if unit.pid is None else memory_bytes(unit.pid),
        )
        for unit in status.units
    )
    return StackSeen(
        dashboard=status.dashboard,
        feed=status.feed,
        why=status.why,
        memory_bytes=memory_bytes(owner.guardian) if owner else 0,
        processes=processes,
    )


def memory_bytes(pid: int) -> int:
    """The memory of a process and all below it: each page counted once, shared ones in parts (PSS).

    A process that this user may not look into counts with its resident set; one that is gone counts nothing.
    """
    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    total = 0
    for process in family:
        try:
            total += process.memory_full_info().pss
        except psutil.AccessDenied:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total
