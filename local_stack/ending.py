"""Ending a stack from another process, and removing what stacks have left on disk."""

from __future__ import annotations

import shutil
import signal
import stat
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from local_stack.state import StackLock
from orderbook.errors import StackError

GENTLE_S: Final = 20.0
FORCED_S: Final = 15.0
POLL_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Ended:
    """How a stack ended: `took_s` seconds; `forced` when its supervisor had to be killed."""

    took_s: float
    forced: bool


@dataclass(frozen=True, slots=True)
class Removed:
    """A file or folder that was removed, and the bytes it held."""

    path: Path
    size_bytes: int


def stop_stack(state_dir: Path, *, gentle_s: float = GENTLE_S, forced_s: float = FORCED_S) -> Ended | None:
    """End the stack of a state folder and wait until its last process is gone; None when there was none.

    After `gentle_s` the supervisor is killed, and its guardian ends the rest. Raises StackError when something is
    still there `forced_s` later.
    """
    if not state_dir.exists():
        return None
    lock = StackLock(state_dir)
    try:
        if lock.is_free():
            return None
        began = time.monotonic()
        _send(lock, signal.SIGTERM)
        if _free_within(lock, gentle_s):
            return Ended(time.monotonic() - began, forced=False)
        _send(lock, signal.SIGKILL)
        if _free_within(lock, forced_s):
            return Ended(time.monotonic() - began, forced=True)
        raise StackError(f"the stack of {state_dir} has not ended within {gentle_s + forced_s:.0f} s: see its logs")
    finally:
        lock.close()


def clean(state_dir: Path) -> list[Removed]:
    """Remove everything in the state folder and return what it was, by name.

    Raises StackError while a stack runs there, and where something cannot be removed.
    """
    if not state_dir.exists():
        return []
    lock = StackLock(state_dir)
    removed: list[Removed] = []
    try:
        lock.take()
        for path in sorted(state_dir.iterdir()):
            removed.append(Removed(path, size_bytes(path)))
            _remove(path)
    except OSError as refused:
        raise StackError(f"{refused.filename} cannot be removed: {refused.strerror}") from None
    finally:
        lock.close()
    return removed


def size_bytes(path: Path) -> int:
    """The bytes of all files below `path`, or of the file it is."""
    total = 0
    for file in (path, *path.rglob("*")):
        with suppress(OSError):
            seen = file.lstat()
            total += seen.st_size if stat.S_ISREG(seen.st_mode) else 0
    return total


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _send(lock: StackLock, number: signal.Signals) -> None:
    """Signal the supervisor; where it is gone already its guardian is at work, and there is nothing to send."""
    owner = lock.owner()
    process = owner.supervisor_process() if owner else None
    if process is not None:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def _free_within(lock: StackLock, limit_s: float) -> bool:
    give_up_at = time.monotonic() + limit_s
    while not lock.is_free():
        if time.monotonic() > give_up_at:
            return False
        time.sleep(POLL_S)
    return True
