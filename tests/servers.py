"""Real servers for tests, each on free ports with fresh data, one of each a test session.

`kafka_server`, `postgres_server` and `valkey_server` start when a test first asks for them and are stopped, and their
files removed, when the session ends. Tests share them: give topics, keys and tables names of their own.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from local_stack.kafka import EmbeddedKafka, jars_program
from local_stack.postgres import EmbeddedPostgres
from local_stack.process import end_with_parent
from local_stack.service import Service
from local_stack.valkey import EmbeddedValkey

Served = TypeVar("Served", bound=Service)

REPOSITORY = Path(__file__).resolve().parents[1]
START_WITHIN_S = 60.0
STOP_WITHIN_S = 20.0


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(server: Served, log: Path) -> Iterator[Served]:
    """Run a server for the length of the block; its output goes to `log`, and to the error when it does not start."""
    process = start(server, log)
    try:
        yield server
    finally:
        stop(server, process)


def start(server: Service, log: Path) -> subprocess.Popen[bytes]:
    """Start a server, on the files that it left if it ran before, and return its process when it is ready."""
    asyncio.run(server.prepare())
    program = server.program()
    with log.open("ab") as output:
        process = subprocess.Popen(
            program.argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **program.environment},
            cwd=program.working_directory,
            start_new_session=True,
            preexec_fn=end_with_parent(signal.SIGKILL),  # noqa: PLW1509 - the child runs one system call before its program
            user=program.user_id,
            group=program.group_id,
            extra_groups=None if program.user_id is None else [],
        )
    try:
        _wait_until_ready(server, process, log)
    except BaseException:
        stop(server, process)
        raise
    return process


def stop(server: Service, process: subprocess.Popen[bytes]) -> None:
    """End a server's process, if need be by force."""
    end(process, server.stop_signal)


def end(process: subprocess.Popen[bytes], with_signal: signal.Signals = signal.SIGTERM) -> None:
    """End a process, by force where it takes longer than STOP_WITHIN_S."""
    process.send_signal(with_signal)
    try:
        process.wait(STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_until_ready(server: Service, process: subprocess.Popen[bytes], log: Path) -> None:
    def said() -> str:
        return log.read_text(errors="replace")[-2000:]

    async def ready() -> None:
        async with asyncio.timeout(START_WITHIN_S):
            while not await server.ready():
                if process.poll() is not None:
                    raise RuntimeError(f"{server.name} ended with {process.returncode}: {said()}")
                await asyncio.sleep(0.05)
            await server.furnish()

    asyncio.run(ready())


def broker_jars() -> Path:
    """The folder of the broker's jars: the working copy's own, filled by the first session that needs it."""
    folder = REPOSITORY / ".orderbook" / "jars" / "broker"
    program = jars_program(folder)
    fetched = subprocess.run(
        program.argv,
        env={**os.environ, **program.environment},
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if fetched.returncode:
        raise RuntimeError(f"the broker's jars are missing: {fetched.stdout.strip()}")
    return folder


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """A broker; use `.bootstrap_servers`. No topics: create your own, with names of your own."""
    folder = tmp_path_factory.mktemp("kafka")
    server = EmbeddedKafka(
        host="127.0.0.1",
        port=free_port(),
        controller_port=free_port(),
        folder=folder / "files",
        jars=broker_jars(),
    )
    with running(server, folder / "kafka.log"):
        yield server
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL with an empty database and its service role; use `.conninfo`, or `.host` .. `.password`."""
    folder = tmp_path_factory.mktemp("postgres")
    server = EmbeddedPostgres(
        host="127.0.0.1",
        port=free_port(),
        folder=folder / "files",
        dbname="orderbook",
        user="orderbook_user",
        password="orderbook",  # noqa: S106 - of a server that lives as long as the tests
    )
    with running(server, folder / "postgres.log"):
        yield server
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    """A Valkey without password; use `.host` and `.port`."""
    folder = tmp_path_factory.mktemp("valkey")
    server = EmbeddedValkey(host="127.0.0.1", port=free_port(), folder=folder / "files")
    with running(server, folder / "valkey.log"):
        yield server
    shutil.rmtree(folder)
