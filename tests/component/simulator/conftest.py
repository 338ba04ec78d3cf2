from __future__ import annotations

import asyncio
import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import websocket

from connectors.simulator.server import Exchange, ExchangeRules
from runtime.readiness import READY_FILE_VARIABLE
from tests.servers import end, free_port

REPOSITORY = Path(__file__).resolve().parents[3]
WITHIN_S = 60.0


def until(met: Callable[[], bool], *, within_s: float = WITHIN_S) -> None:
    """Wait for a condition; fails the test where it is not met in time."""
    deadline = time.monotonic() + within_s
    while not met():
        assert time.monotonic() < deadline, "the condition was not met in time"
        time.sleep(0.02)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - a JSON value
        return json.loads(self.body)


@dataclass(frozen=True)
class Address:
    """A simulator that listens on this machine."""

    port: int

    def request(self, method: str, path: str, body: bytes | None = None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WITHIN_S)
        try:
            connection.request(method, path, body=body)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def get(self, path: str) -> Answer:
        return self.request("GET", path)

    def fault(self, **fault: str) -> Answer:
        return self.request("POST", "/simulator/fault", json.dumps(fault).encode())

    @contextmanager
    def socket(self, path: str) -> Iterator[websocket.WebSocket]:
        connection = websocket.create_connection(f"ws://127.0.0.1:{self.port}{path}", timeout=WITHIN_S)
        try:
            yield connection
        finally:
            with suppress(OSError, websocket.WebSocketException):
                connection.close(timeout=1)
            connection.shutdown()  # type: ignore[no-untyped-call]  # websocket-client types it not


@contextmanager
def simulator_process(folder: Path, **environment: str) -> Iterator[tuple[Address, subprocess.Popen[bytes]]]:
    """`python -m connectors.simulator` on a free port, ready to be asked."""
    ready, port = folder / "ready", free_port()
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "connectors.simulator"],
            env={
                **os.environ,
                "PYTHONPATH": str(REPOSITORY),
                "SIMULATOR_PORT": str(port),
                READY_FILE_VARIABLE: str(ready),
                **environment,
            },
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    try:
        until(lambda: ready.exists() or process.poll() is not None)
        assert process.poll() is None, (folder / "log").read_text()
        yield Address(port), process
    finally:
        end(process)


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """The exchange at wall-clock speed, with the default symbols."""
    with simulator_process(tmp_path_factory.mktemp("simulator")) as (address, _):
        yield address


@contextmanager
def exchange_in_thread(rules: ExchangeRules) -> Iterator[Address]:
    """An exchange with rules of its own, on a free port, in a thread of this process."""
    ready = threading.Event()
    served: list[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        exchange = Exchange(rules)
        port = await exchange.serve("127.0.0.1", 0)
        pacing, ended = asyncio.create_task(exchange.pace()), asyncio.Event()
        served.append((port, asyncio.get_running_loop(), ended))
        ready.set()
        await ended.wait()
        pacing.cancel()
        await exchange.end()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(WITHIN_S)
    port, loop, ended = served[0]
    try:
        yield Address(port)
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(WITHIN_S)
