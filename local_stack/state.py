"""What the stack leaves in its state folder for other commands to read: who runs, and how everything is."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Final

import msgspec
import psutil

from local_stack.supervisor import UnitState
from orderbook.errors import StackError

LOCK_PATIENCE_S: Final = 0.5


class Owner(msgspec.Struct, frozen=True):
    """The processes that hold a state folder; `supervisor_started` is seconds since 1970, as psutil tells it."""

    supervisor: int
    supervisor_started: float
    guardian: int

    def supervisor_process(self) -> psutil.Process | None:
        """The supervisor, None when it is gone, also when its number belongs to another process by now."""
        try:
            process = psutil.Process(self.supervisor)
            return process if process.create_time() == self.supervisor_started else None
        except psutil.NoSuchProcess:
            return None


class StackStatus(msgspec.Struct, frozen=True):
    """How everything is. `started`: seconds since 1970; `feed` and `why` None until the feed is known."""

    started: float
    dashboard: str
    feed: str | None
    why: str | None
    units: tuple[UnitState, ...]


def run_folder(state_dir: Path) -> Path:
    """Where lock, status and ready files are."""
    return state_dir / "run"


def write_status(state_dir: Path, status: StackStatus) -> None:
    """Replace the status of the stack; a reader sees the old or the new one, never half."""
    path = run_folder(state_dir) / "status.json"
    half = path.with_suffix(".half")
    half.write_bytes(msgspec.json.encode(status))
    half.replace(path)


def read_status(state_dir: Path) -> StackStatus | None:
    """The last status that was written; None where there is none."""
    try:
        return msgspec.json.decode((run_folder(state_dir) / "status.json").read_bytes(), type=StackStatus)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


class StackLock:
    """The right to use a state folder: held by one stack, from before its first process until after its last."""

    def __init__(self, state_dir: Path) -> None:
        folder = run_folder(state_dir)
        folder.mkdir(parents=True, exist_ok=True)
        self._state_dir = state_dir
        self._file = os.open(folder / "stack.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def take(self) -> None:
        """Take it, raises StackError when another stack holds it."""
        give_up_at = time.monotonic() + LOCK_PATIENCE_S  # `stop` and `status` hold it for moments
        while not self._try():
            if time.monotonic() > give_up_at:
                owner = self.owner()
                who = f" (process {owner.supervisor})" if owner else ""
                raise StackError(
                    f"the stack of {self._state_dir} is already running{who}: "
                    "end it with `orderbook stop`, or set STATE_DIR to another folder"
                )
            time.sleep(0.05)

    def sign(self, guardian: int) -> None:
        """Write down this process as the supervisor, and its guardian."""
        process = psutil.Process()
        owner = Owner(supervisor=process.pid, supervisor_started=process.create_time(), guardian=guardian)
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, msgspec.json.encode(owner), 0)

    def owner(self) -> Owner | None:
        """Who signed last; None where nobody has."""
        try:
            return msgspec.json.decode(os.pread(self._file, 4096, 0), type=Owner)
        except msgspec.DecodeError:
            return None

    def is_free(self) -> bool:
        """Whether nobody holds it."""
        if not self._try():
            return False
        fcntl.flock(self._file, fcntl.LOCK_UN)
        return True

    def keep_across_exec(self) -> None:
        """Let the program that replaces this one go on holding it."""
        os.set_inheritable(self._file, True)  # noqa: FBT003 - the library's signature

    def close(self) -> None:
        """Let go of it."""
        os.close(self._file)

    def _try(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
