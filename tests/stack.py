"""The whole stack as its users start it, `orderbook run`, on free ports with state of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from local_stack.process import end_with_parent
from orderbook import keys
from orderbook.settings import Settings
from tests.processes import REPOSITORY, Running, environment, eventually
from tests.servers import free_port

ORDERBOOK = str(Path(sys.executable).parent / "orderbook")
START_WITHIN_S = 240.0
STOP_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack: its settings, and the process of `orderbook run`."""

    settings: Settings
    run: Running

    def status(self) -> dict[str, dict[str, Any]]:
        """What `orderbook status --json` tells of each process, by name; empty while none is known."""
        told = subprocess.run(
            [ORDERBOOK, "status", "--json"],
            cwd=REPOSITORY,
            env=environment(self.settings),
            capture_output=True,
            text=True,
            check=False,
        )
        seen = json.loads(told.stdout) if told.returncode == 0 else {"processes": []}
        return {process["name"]: process for process in seen["processes"]}

    def pids(self) -> set[int]:
        """Every process of the stack, down to the last grandchild."""
        root = psutil.Process(self.run.process.pid)
        return {root.pid, *(child.pid for child in root.children(recursive=True))}

    def newest(self, symbol: str) -> dict[str, Any] | None:
        """The symbol's `latest` value in Redis."""
        with redis.Redis(self.settings.redis_host, self.settings.redis_port) as client:
            value = client.get(keys.latest(symbol))
        assert value is None or isinstance(value, bytes)
        return None if value is None else json.loads(value)


def stack_settings(folder: Path) -> Settings:
    """Settings of a stack that nothing else on this machine gets in the way of."""
    return Settings(
        feed="simulator",
        state_dir=folder / "state",
        kafka_bootstrap_servers=f"127.0.0.1:{free_port()}",
        kafka_controller_port=free_port(),
        database_port=free_port(),
        redis_port=free_port(),
        simulator_port=free_port(),
        dashboard_port=free_port(),
    )


@contextmanager
def running_stack(settings: Settings, folder: Path) -> Iterator[Stack]:
    """Run the stack for the length of the block; it is up when every symbol has a live number in Redis."""
    log = folder / "run.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [ORDERBOOK, "run"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=REPOSITORY,
            env=environment(settings),
            start_new_session=True,
            preexec_fn=end_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one system call before the program
        )
    stack = Stack(settings, Running(process, log))
    try:
        eventually(lambda: "Dashboard" in stack.run.output() or None, START_WITHIN_S, process=stack.run)
        eventually(
            lambda: all(stack.newest(symbol) for symbol in settings.symbols) or None, START_WITHIN_S, process=stack.run
        )
        yield stack
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@pytest.fixture
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of the test's own: it takes both cores, and would slow every test after it."""
    folder = tmp_path_factory.mktemp("stack")
    with running_stack(stack_settings(folder), folder) as one:
        yield one
