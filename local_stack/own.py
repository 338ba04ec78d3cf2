"""The product's own long-lived processes, as services."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from local_stack.process import Program, python_program
from local_stack.service import Service
from runtime.readiness import READY_FILE_VARIABLE

HTTP_TIMEOUT_S: Final = 2.0


@dataclass(slots=True)
class OwnProcess(Service):
    """`python ARGUMENTS`, ready when it has created its ready file."""

    name: str
    arguments: tuple[str, ...]
    run_folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    stop_group: bool = False
    stop_timeout_s: float = 7.0
    ready_timeout_s: float = 90.0
    ends_by_itself: bool = False

    async def prepare(self) -> None:
        """Forget that an earlier process was ready."""
        self._ready_file.unlink(missing_ok=True)

    def program(self) -> Program:
        """The process, told where to put its ready file."""
        environment = {**self.environment, READY_FILE_VARIABLE: str(self._ready_file.resolve())}
        return python_program(*self.arguments, environment=environment)

    async def ready(self) -> bool:
        """Whether the ready file is there."""
        return self._ready_file.exists()

    @property
    def _ready_file(self) -> Path:
        return self.run_folder / f"{self.name}.ready"


@dataclass(slots=True)
class WebProcess(OwnProcess):
    """An own process that serves HTTP: ready when `path` is answered without an error."""

    host: str = "127.0.0.1"
    port: int = 0
    path: str = "/"  # one that costs the server little: it is asked for often

    async def ready(self) -> bool:
        """Whether the page is answered with a status below 400."""
        try:
            async with asyncio.timeout(HTTP_TIMEOUT_S):
                return await _http_status(self.host, self.port, self.path) < 400  # noqa: PLR2004 - errors begin there
        except (OSError, TimeoutError, EOFError, ValueError):
            return False


async def _http_status(host: str, port: int, path: str) -> int:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        _, status, *_ = (await reader.readuntil(b"\r\n")).split()
        return int(status)
    finally:
        writer.close()
