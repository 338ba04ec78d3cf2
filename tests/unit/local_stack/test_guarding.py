from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from local_stack.state import StackLock
from tests.unit.local_stack.stand_ins import PATIENCE_S, alive, journal, noted, until

REPOSITORY = Path(__file__).resolve().parents[3]

# A supervisor with two services. One leaves a daemon behind: its own session, its parent gone, perhaps deaf to SIGTERM.
GUARDED = """
import asyncio, signal, sys
from pathlib import Path
from local_stack.guarding import continue_guarded
from local_stack.state import StackLock
from local_stack.supervisor import Supervisor
from tests.unit.local_stack.stand_ins import RememberingReporter, StandIn

folder = Path(sys.argv[1])
DAEMON = '''
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        if "deaf" in name:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        note("daemon", os.getpid())
        serve()
    os._exit(0)
os.wait()
while not any(line.startswith("daemon") for line in open(journal)): time.sleep(0.01)
be_ready(); serve()
'''

async def main():
    supervisor = Supervisor(RememberingReporter())
    asked = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    supervisor.add(StandIn("plain", folder))
    supervisor.add(StandIn(sys.argv[2], folder, DAEMON))
    await supervisor.until_up()
    (folder / "up").touch()
    await asked.wait()
    await supervisor.stop()

lock = StackLock(folder)
lock.take()
lock.sign(continue_guarded(lock))
asyncio.run(main())
sys.exit(7)
"""


@dataclass(frozen=True, slots=True)
class Guarded:
    """A guarded supervisor that is up."""

    first: subprocess.Popen[str]
    supervisor: int
    guardian: int
    members: frozenset[int]


@contextmanager
def guarded(folder: Path, forking: str = "forking") -> Iterator[Guarded]:
    first = subprocess.Popen(
        [sys.executable, "-c", GUARDED, str(folder), forking],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        asyncio.run(until((folder / "up").exists))
        owner = json.loads((folder / "run" / "stack.lock").read_text())
        members = frozenset(line.pid for line in journal(folder))
        assert len(members) == 3
        assert all(alive(pid) for pid in members)
        yield Guarded(first, owner["supervisor"], owner["guardian"], members)
    finally:
        for pid in {first.pid, *(line.pid for line in journal(folder))}:
            if alive(pid):
                psutil.Process(pid).kill()
        first.communicate()


def all_gone(stack: Guarded) -> None:
    asyncio.run(until(lambda: not any(alive(pid) for pid in {stack.supervisor, *stack.members})))


def test_the_first_process_is_the_guardian_and_the_supervisor_has_a_session_of_its_own(tmp_path: Path) -> None:
    with guarded(tmp_path) as stack:
        assert stack.guardian == stack.first.pid
        assert psutil.Process(stack.supervisor).ppid() == stack.guardian
        assert os.getsid(stack.supervisor) == stack.supervisor


def test_nothing_is_left_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    with guarded(tmp_path, "deaf") as stack:
        os.kill(stack.supervisor, signal.SIGKILL)
        _, complaint = stack.first.communicate(timeout=PATIENCE_S * 2)
        assert not any(alive(pid) for pid in stack.members)
        assert stack.first.returncode == 128 + signal.SIGKILL
        assert "the supervisor ended with status 137; ended" in complaint
        assert noted(tmp_path, "got_SIGTERM", "plain")  # asked before it is killed


def test_nothing_is_left_when_the_guardian_is_killed(tmp_path: Path) -> None:
    with guarded(tmp_path) as stack:
        os.kill(stack.guardian, signal.SIGKILL)
        [daemon] = noted(tmp_path, "daemon", "forking")
        asyncio.run(until(lambda: not any(alive(pid) for pid in {stack.supervisor, *stack.members} - {daemon})))
        assert noted(tmp_path, "got_SIGTERM", "plain")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_guardian_stops_the_supervisor_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with guarded(tmp_path) as stack:
        os.kill(stack.guardian, number)
        stack.first.communicate(timeout=PATIENCE_S * 2)
        assert stack.first.returncode == 7  # the supervisor's own
        all_gone(stack)


def test_the_lock_is_held_until_the_last_process_is_gone(tmp_path: Path) -> None:
    with guarded(tmp_path) as stack:
        lock = StackLock(tmp_path)
        assert not lock.is_free()
        [daemon] = noted(tmp_path, "daemon", "forking")
        os.kill(stack.supervisor, signal.SIGKILL)
        asyncio.run(until(lambda: not alive(stack.supervisor)))
        while not lock.is_free():
            assert psutil.pid_exists(stack.guardian)
        assert not alive(daemon)
        lock.close()
