"""Starting and ending one operating-system process: its own session, dying with its parent, no one left behind."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

from orderbook.errors import StackError

PR_SET_PDEATHSIG: Final = 1
PR_SET_CHILD_SUBREAPER: Final = 36
GONE_WITHIN_S: Final = 2.0
LAST_LINES: Final = 12
LAST_OUTPUT_WITHIN_S: Final = 1.0
CHUNK_BYTES: Final = 65_536
LONGEST_LINE: Final = 20_000

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Program:
    """What to execute.

    `environment` is added to this process's own. `user_id` and `group_id` are switched to before the program starts;
    None keeps the caller's. `working_directory` None keeps the caller's.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    user_id: int | None = None
    group_id: int | None = None
    working_directory: Path | None = None


def python_program(*arguments: str, environment: Mapping[str, str] | None = None) -> Program:
    """A program run by this interpreter, whose own folder comes first on PATH (Flink's workers look for `python`)."""
    folder = str(Path(sys.executable).parent)
    path = os.pathsep.join([folder, *(part for part in os.environ.get("PATH", "").split(os.pathsep) if part != folder)])
    return Program(
        argv=(sys.executable, *arguments),
        environment={"PYTHONUNBUFFERED": "1", "PATH": path, **(environment or {})},
    )


def end_with_parent(sent: signal.Signals) -> Callable[[], None]:
    """A function for a new child, run before its program, that has the kernel send `sent` when its parent dies."""
    parent = os.getpid()

    def ask_kernel() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, int(sent))
        if os.getppid() != parent:  # it died before the kernel was asked
            os._exit(1)

    return ask_kernel


def adopt_orphans() -> None:
    """Make this process the parent of every orphan among its descendants, instead of init."""
    if _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER) was refused")


class RunningProcess:
    """A started program in a session of its own; standard output and error reach `take` line by line, mixed.

    Its end is noticed by a process file descriptor and not, as with asyncio's own subprocesses, only when its output
    ends too: a grandchild that lives on holds that open. The kernel sends it `at_parents_death` when this process
    dies. Raises StackError where the program cannot be executed. To be made in a running event loop.
    """

    def __init__(
        self, program: Program, take: Callable[[str], None], *, at_parents_death: signal.Signals = signal.SIGTERM
    ) -> None:
        try:
            self._popen = subprocess.Popen(
                program.argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**os.environ, **program.environment},
                cwd=program.working_directory,
                start_new_session=True,
                preexec_fn=end_with_parent(at_parents_death),  # noqa: PLW1509 - it makes two system calls, nothing else
                user=program.user_id,
                group=program.group_id,
                extra_groups=None if program.user_id is None else [],
            )
        except OSError as refused:
            raise StackError(f"{program.argv[0]} cannot be started: {refused.strerror}") from None
        self._ended = asyncio.Event()
        self._pidfd = os.pidfd_open(self._popen.pid)
        asyncio.get_running_loop().add_reader(self._pidfd, self._on_end)
        self._reading = asyncio.create_task(self._read(take))

    @property
    def pid(self) -> int:
        """Its process id, which is also that of its session and process group."""
        return self._popen.pid

    @property
    def status(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        return self._popen.poll()

    async def wait(self) -> int:
        """Wait for its end and return its exit status, negative for a signal."""
        await self._ended.wait()
        return self._popen.wait()

    def send(self, number: signal.Signals, *, group: bool = False) -> None:
        """Send it a signal, or its whole process group; harmless when it has ended."""
        if self.status is None:
            with suppress(ProcessLookupError):
                (os.killpg if group else os.kill)(self.pid, number)

    async def end(self) -> int:
        """Kill it and whoever else is left of its session, wait until all are gone, and hear its last output."""
        await end_session(self.pid)
        status = await self.wait()
        # Somebody who left the session may still hold the output open.
        await asyncio.wait({self._reading}, timeout=LAST_OUTPUT_WITHIN_S)
        self._reading.cancel()
        return status

    def _on_end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._popen.wait()
        self._ended.set()

    async def _read(self, take: Callable[[str], None]) -> None:
        output = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(output), self._popen.stdout
        )
        rest = b""
        try:
            while chunk := await output.read(CHUNK_BYTES):
                *lines, rest = (rest + chunk).split(b"\n")
                if len(rest) > LONGEST_LINE:
                    lines.append(rest)
                    rest = b""
                for line in lines:
                    take(line.decode(errors="replace").rstrip())
            if rest:
                take(rest.decode(errors="replace").rstrip())
        finally:
            transport.close()


async def run_to_end(program: Program, *, timeout_s: float, take: Callable[[str], None] | None = None) -> list[str]:
    """Run a program that ends by itself and return the last lines of its output.

    `take` gets every line as it comes. The program's whole session is killed when this is cancelled or takes longer
    than `timeout_s` seconds. Raises StackError with its last line when it fails or takes too long.
    """
    last: deque[str] = deque(maxlen=LAST_LINES)

    def keep(line: str) -> None:
        if line:
            last.append(line)
        if take is not None:
            take(line)

    process = RunningProcess(program, keep)
    try:
        async with asyncio.timeout(timeout_s):
            await process.wait()
    except TimeoutError:
        raise StackError(f"`{_shown(program)}` was not done within {timeout_s:.0f} s") from None
    finally:
        status = await process.end()
    if status:
        raise StackError(last[-1] if last else f"`{_shown(program)}` ended with {exit_text(status)}")
    return list(last)


def session_members(session: int) -> list[psutil.Process]:
    """The living processes of a session; zombies do not count."""
    members: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
        except (psutil.Error, ProcessLookupError, PermissionError):
            continue
    return members


async def end_session(session: int) -> int:
    """Kill whoever is left of a session, wait until they are gone, and return how many there were."""
    left = session_members(session)
    for process in left:
        try:
            process.kill()
        except psutil.Error:
            continue
    for _ in range(int(GONE_WITHIN_S / 0.02)):
        if not session_members(session):
            break
        await asyncio.sleep(0.02)
    return len(left)


def exit_text(status: int) -> str:
    """How a process ended, for a person: `status 1` or `SIGKILL`."""
    if status >= 0:
        return f"status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


def _shown(program: Program) -> str:
    return " ".join(Path(part).name if part.startswith("/") else part for part in program.argv[:4])
