"""Splitting this process into a guardian and a supervisor, so that whichever is killed, nothing is left running."""

from __future__ import annotations

import os
import signal
import sys
from typing import Final

from local_stack import guardian
from local_stack.process import adopt_orphans, end_with_parent
from local_stack.state import StackLock

LOST_GUARDIAN: Final = signal.SIGTERM


def continue_guarded(lock: StackLock) -> int:
    """Return in a child process that is to be the supervisor; this process becomes its guardian and never returns.

    Returns the guardian's process id. The supervisor gets SIGTERM when the guardian dies; when the supervisor dies,
    the guardian ends all that is left. Both hold `lock`, so it is free only when everything is gone. To be called
    while there is one thread and no event loop.
    """
    adopt_orphans()
    sys.stdout.flush()
    sys.stderr.flush()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, guardian.SIGNALS)
    own = os.getpid()
    ask_kernel = end_with_parent(LOST_GUARDIAN)
    child = os.fork()
    if child:
        lock.keep_across_exec()
        os.execv(sys.executable, [sys.executable, "-I", "-S", guardian.__file__, str(child)])  # noqa: S606 - no shell is meant
    os.setsid()
    ask_kernel()
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return own
