"""Print what the simulator costs at speed 1 with a client on every stream: `python -m benchmarks.simulator_server`."""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import websocket

from orderbook.settings import Settings
from runtime.readiness import READY_FILE_VARIABLE

KINDS = ("depth@100ms", "trade", "bookTicker")
READY_WITHIN_S = 60.0


def main() -> None:
    """Print messages a second and the share of one core that the server process took."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=30.0)
    asked = arguments.parse_args()
    symbols = Settings.model_fields["symbols"].default
    streams = "/".join(f"{symbol.lower()}@{kind}" for symbol in symbols for kind in KINDS)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready"
        server = subprocess.Popen(
            [sys.executable, "-m", "connectors.simulator"],
            env={
                **os.environ,
                "SYMBOLS": ",".join(symbols),
                "SIMULATOR_PORT": str(port),
                "SIMULATOR_SPEED": "1",
                "LOG_LEVEL": "error",
                READY_FILE_VARIABLE: str(ready),
            },
        )
        try:
            deadline = time.monotonic() + READY_WITHIN_S
            while not ready.exists():
                assert time.monotonic() < deadline, "the simulator did not start"
                time.sleep(0.05)
            measure(server.pid, f"ws://127.0.0.1:{port}/stream?streams={streams}", asked.seconds)
        finally:
            server.terminate()
            server.wait()


def measure(pid: int, address: str, seconds: float) -> None:
    """Listen for a while and print the rates."""
    process = psutil.Process(pid)
    client = websocket.create_connection(address)
    started, messages = time.monotonic(), 0
    used = sum(process.cpu_times()[:2])
    while (elapsed := time.monotonic() - started) < seconds:
        client.recv()
        messages += 1
    used = sum(process.cpu_times()[:2]) - used
    client.close()
    memory = process.memory_info().rss / 2**20
    print(f"{messages / elapsed:.0f} messages a second, {used / elapsed:.1%} of one core, {memory:.0f} MiB")


if __name__ == "__main__":
    main()
