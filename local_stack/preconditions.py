"""What must be so before anything is started; each refusal is one sentence that says what to do."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from orderbook.errors import StackError

PYTHON: Final = (3, 11)
LEAST_FREE_BYTES: Final = 1 << 30
LOOPBACK_HOSTS: Final = frozenset({"127.0.0.1", "localhost"})
GIB: Final = float(1 << 30)


@dataclass(frozen=True, slots=True)
class WantedPort:
    """A TCP port that the stack will listen on, and the setting that names it."""

    setting: str
    host: str
    port: int


def check_platform(*, version: tuple[int, int] | None = None, platform: str = sys.platform) -> None:
    """Raise StackError unless this is Python 3.11 on Linux, which Bytewax and the embedded servers are built for."""
    seen = version or (sys.version_info.major, sys.version_info.minor)
    if seen != PYTHON:
        raise StackError(
            f"this is Python {seen[0]}.{seen[1]}: the stack needs Python {PYTHON[0]}.{PYTHON[1]}; run `make run`"
        )
    if platform != "linux":
        raise StackError(f"this is {platform}: the local stack runs on Linux only; use the compose stack instead")


def check_loopback(setting: str, host: str) -> None:
    """Raise StackError unless the stack can serve at `host`: its servers listen on the loopback interface only."""
    if host not in LOOPBACK_HOSTS:
        raise StackError(
            f"{setting} names {host}, but `orderbook run` starts its own server on 127.0.0.1: "
            f"unset {setting}, or start the processes by themselves against {host}"
        )


def check_state_dir(state_dir: Path) -> None:
    """Create the state folder where it is missing; raise StackError when nothing can be written there."""
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=state_dir):
            pass
    except OSError as refused:
        raise StackError(
            f"STATE_DIR={state_dir} cannot be written ({refused.strerror}): set STATE_DIR to a folder of yours"
        ) from None


def check_space(state_dir: Path, *, least_bytes: int = LEAST_FREE_BYTES) -> None:
    """Raise StackError when less than `least_bytes` are free on the disk of the state folder."""
    free = shutil.disk_usage(state_dir).free
    if free < least_bytes:
        raise StackError(
            f"{free / GIB:.1f} GiB are free on the disk of STATE_DIR={state_dir}, "
            f"{least_bytes / GIB:.1f} GiB are needed: free some space, or set STATE_DIR to another disk"
        )


def check_ports(wanted: Iterable[WantedPort]) -> None:
    """Raise StackError when two settings name the same port or somebody else listens on one of them."""
    names: dict[int, str] = {}
    for want in wanted:
        if want.port in names:
            raise StackError(f"{names[want.port]} and {want.setting} both name port {want.port}: give each its own")
        names[want.port] = want.setting
        _check_port(want)


def _check_port(want: WantedPort) -> None:
    with socket.socket() as probe:
        # As the servers do, so that a port whose last connections are only fading out counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((want.host, want.port))
        except OSError as refused:
            if refused.errno == errno.EADDRINUSE:
                raise StackError(
                    f"port {want.port} is already in use{_listener(want.port)}: "
                    f"end that, or set {want.setting} to a free port"
                ) from None
            reason = os.strerror(refused.errno or 0).lower() if refused.errno else str(refused)
            raise StackError(f"{want.setting}: cannot listen on {want.host}:{want.port} ({reason})") from None


def _listener(port: int) -> str:
    """` by NAME (process PID)`, or nothing where the system does not tell."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.Error:
        return ""
    for connection in connections:
        listens = connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port
        if listens and connection.pid:
            try:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
            except psutil.Error:
                return f" by process {connection.pid}"
    return ""
