"""The last one to leave: waits for the supervisor to end, then ends every process the supervisor left behind.

It is the supervisor's parent and, as a "child subreaper", becomes the parent of every orphan among its descendants,
also of those that left their session or process group. Terminal signals are passed on to the supervisor, which stands
in a session of its own. Run as `python -I -S guardian.py SUPERVISOR_PID` by a process that has already blocked
`SIGNALS`; the standard library only and no import of the project, so that it stays small.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

SIGNALS = frozenset({signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
GENTLE_S = 6.0
PAUSE_S = 0.05


def wait_for(ward: int) -> int:
    """Pass signals on until the child `ward` has ended; returns the exit status to end with."""
    while True:
        for pid, status in reaped():
            if pid == ward:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code
        received = signal.sigwait(SIGNALS)
        if received != signal.SIGCHLD:
            os.kill(ward, signal.SIGTERM)


def end_orphans(*, gentle_s: float = GENTLE_S) -> int:
    """End every child of this process and of its orphans, by force after `gentle_s`; returns how many were asked."""
    asked: set[int] = set()
    give_up_at = time.monotonic() + gentle_s
    while orphans := children():
        patient = time.monotonic() < give_up_at
        for pid in orphans:
            if not patient:
                os.kill(pid, signal.SIGKILL)
            elif pid not in asked:
                os.kill(pid, signal.SIGTERM)
            asked.add(pid)
        signal.sigtimedwait(SIGNALS, PAUSE_S)
        for _ in reaped():
            pass
    return len(asked)


def reaped() -> list[tuple[int, int]]:
    """Take the exit statuses of all children that have ended: pairs of process id and wait status."""
    ended: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended.append((pid, status))


def children() -> list[int]:
    """The process ids of this process's children."""
    own = str(os.getpid())
    found: list[int] = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                status = (folder / "stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue  # it ended meanwhile
            if status.rpartition(")")[2].split()[1] == own:
                found.append(int(folder.name))
    return found


def main() -> int:
    """Guard the process named on the command line; returns its exit status."""
    status = wait_for(int(sys.argv[1]))
    if left := end_orphans():
        sys.stderr.write(f"the supervisor ended with status {status}; ended {left} processes that it left behind\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
