"""Tiny processes that behave well or badly on command, and a reporter that remembers; for the supervisor's tests."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from local_stack.process import Program
from local_stack.reports import Tone
from local_stack.service import Service

PATIENCE_S = 20.0

# Writes what happens to it, one line each, into the file of all stand-ins: `started NAME PID` and so on.
PRELUDE = """
import os, signal, subprocess, sys, time
name, journal, ready = sys.argv[1:4]
def note(word, pid=os.getpid()):
    with open(journal, "a") as f:
        f.write(f"{word} {name} {pid}\\n")
def leave(number, frame):
    note("got_" + signal.Signals(number).name)
    sys.exit(0)
def be_ready():
    open(ready, "w").close()
    note("ready")
def runs(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
def serve():
    while True:
        time.sleep(60)
signal.signal(signal.SIGTERM, leave)
note("started")
"""
WELL_BEHAVED = "be_ready(); serve()"
NEVER_READY = "serve()"
DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN); be_ready(); serve()"
SLEEPER = "[sys.executable, '-I', '-S', '-c', 'import time; time.sleep(600)']"
WITH_CHILD = f"note('child', subprocess.Popen({SLEEPER}).pid); be_ready(); serve()"


@dataclass(slots=True)
class StandIn(Service):
    """A service whose process runs `PRELUDE` and then `code`; ready when the code has called `be_ready`."""

    name: str
    folder: Path
    code: str = WELL_BEHAVED
    stop_signal: signal.Signals = signal.SIGTERM
    stop_group: bool = False
    stop_timeout_s: float = 10.0
    ready_timeout_s: float = PATIENCE_S
    ends_by_itself: bool = False

    async def prepare(self) -> None:
        self._ready_file.unlink(missing_ok=True)

    def program(self) -> Program:
        return stand_in_program(self.name, self.folder, self.code)

    async def ready(self) -> bool:
        return self._ready_file.exists()

    @property
    def _ready_file(self) -> Path:
        return self.folder / f"{self.name}.ready"


def stand_in_program(name: str, folder: Path, code: str) -> Program:
    journal, ready = folder / "journal", folder / f"{name}.ready"
    return Program((sys.executable, "-I", "-S", "-c", PRELUDE + code, name, str(journal), str(ready)))


@dataclass(frozen=True, slots=True)
class Noted:
    """One line of the stand-ins' journal."""

    word: str
    name: str
    pid: int


def journal(folder: Path) -> list[Noted]:
    path = folder / "journal"
    if not path.exists():
        return []
    lines = [line.split() for line in path.read_text().splitlines()]
    return [Noted(word, name, int(pid)) for word, name, pid in lines]


def noted(folder: Path, word: str, name: str) -> list[int]:
    """The process ids of all such lines."""
    return [line.pid for line in journal(folder) if (line.word, line.name) == (word, name)]


class RememberingReporter:
    """Remembers what it is told, in order."""

    def __init__(self) -> None:
        self.states: list[tuple[str, str, Tone]] = []
        self.outputs: list[tuple[str, str]] = []

    def state(self, name: str, text: str, tone: Tone = "plain") -> None:
        self.states.append((name, text, tone))

    def output(self, name: str, line: str) -> None:
        self.outputs.append((name, line))

    def texts(self, name: str) -> list[str]:
        return [text for source, text, _ in self.states if source == name]


async def until(condition: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
    """Wait for a condition; fails when it does not come true in time."""
    give_up_at = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < give_up_at, "the condition did not come true"
        await asyncio.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
