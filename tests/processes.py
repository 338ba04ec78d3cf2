"""Processes of the product, run by tests as their users run them, and always ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from local_stack.process import end_with_parent
from orderbook.settings import Settings
from runtime.readiness import READY_FILE_VARIABLE

REPOSITORY = Path(__file__).resolve().parents[1]
END_WITHIN_S = 20.0
Value = TypeVar("Value")


class Running:
    """A process that was started by a test; its output goes to `log`."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log

    def output(self) -> str:
        """Everything it has written so far."""
        return self.log.read_text(errors="replace")

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end and return its exit status; fails when it does not end in time."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(END_WITHIN_S)


def environment(settings: Settings) -> dict[str, str]:
    """The settings as environment variables, secrets included, beside this process's own environment."""
    values = settings.model_dump(mode="json")
    values["database_password"] = settings.database_password.get_secret_value()
    values["redis_password"] = settings.redis_password.get_secret_value()
    return {**os.environ, **{name.upper(): _written(value) for name, value in values.items()}}


def _written(value: object) -> str:
    if isinstance(value, dict):
        return ",".join(f"{name}={part}" for name, part in value.items())
    return ",".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


@contextmanager
def running(
    settings: Settings, arguments: list[str], folder: Path, *, ready: bool = True, **extra: str
) -> Iterator[Running]:
    """Run `python -m ARGUMENTS` with the settings in its environment; with `ready`, wait until it says that it is."""
    name = "-".join(arguments).replace("/", "_")[:60]
    log = folder / f"{name}-{time.monotonic_ns()}.log"
    ready_file = log.with_suffix(".ready")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=REPOSITORY,
            env={**environment(settings), READY_FILE_VARIABLE: str(ready_file), **extra},
            start_new_session=True,
            preexec_fn=end_with_parent(signal.SIGKILL),  # noqa: PLW1509 - one system call before the program
        )
    one = Running(process, log)
    try:
        if ready:
            eventually(lambda: ready_file.exists() or None, 90.0, process=one)
        yield one
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(END_WITHIN_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def eventually(
    look: Callable[[], Value | None],
    within_s: float = 30.0,
    *,
    what: str = "it",
    process: Running | None = None,
    every_s: float = 0.05,
) -> Value:
    """Return the first value that is not None; fails with the process's output when there is none in time.

    `what` is named in the failure.
    """
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        value = look()
        if value is not None:
            return value
        if process is not None and process.process.poll() is not None:
            raise AssertionError(f"ended with {process.process.returncode}:\n{process.output()[-4000:]}")
        time.sleep(every_s)
    told = f"; its process wrote:\n{process.output()[-4000:]}" if process is not None else ""
    raise AssertionError(f"{what} did not happen within {within_s:.0f} s{told}")


def wait_until(condition: Callable[[], bool], within_s: float, what: str) -> None:
    """Return as soon as the condition holds; fail where it does not in time."""
    eventually(lambda: condition() or None, within_s, what=what)
