"""Print what a whole exchange costs with a client on every stream: `python -m benchmarks.simulator_scale`."""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import subprocess
import sys
import time
from collections import Counter

import psutil
import websocket

from connectors.simulator.server import Exchange, ExchangeRules
from connectors.simulator.streams import MOST_STREAMS
from connectors.simulator.universe import ALL_SYMBOLS

WARM_UP_S = 5.0
READ_BYTES = 1 << 18
DIFFS_READ = 20_000


def main() -> None:
    """Print the share of one core that the server process took, and what it sent."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=40.0)
    arguments.add_argument("--symbols", type=int, default=len(ALL_SYMBOLS))
    arguments.add_argument("--kinds", default="depth@100ms,bookTicker,trade")
    arguments.add_argument("--light-after", type=int, default=0)
    arguments.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    asked = arguments.parse_args()
    symbols = ALL_SYMBOLS[: asked.symbols]
    if asked.serve is not None:
        asyncio.run(serve(ExchangeRules(symbols=symbols, light_after=asked.light_after), asked.serve))
        return
    streams = [f"{symbol.lower()}@{kind}" for kind in asked.kinds.split(",") for symbol in symbols]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = [sys.executable, "-m", "benchmarks.simulator_scale", "--symbols", str(asked.symbols)]
    server = subprocess.Popen(
        [*own, "--light-after", str(asked.light_after), "--serve", str(port)], stdout=subprocess.PIPE
    )
    try:
        assert server.stdout is not None
        server.stdout.readline()
        measure(server.pid, port, streams, asked.seconds)
    finally:
        server.terminate()
        server.wait()


async def serve(rules: ExchangeRules, port: int) -> None:
    """Serve until killed; one line says when it can be asked."""
    exchange = Exchange(rules)
    await exchange.serve("127.0.0.1", port)
    print("ready", flush=True)
    await exchange.pace()


def measure(pid: int, port: int, streams: list[str], seconds: float) -> None:
    """Read every stream for a while; then look at what the diffs say, and print."""
    process = psutil.Process(pid)
    started_s = time.monotonic()
    parts = [streams[at : at + MOST_STREAMS] for at in range(0, len(streams), MOST_STREAMS)]
    clients = [websocket.create_connection(f"ws://127.0.0.1:{port}/stream?streams={'/'.join(part)}") for part in parts]
    for client in clients:
        client.sock.setblocking(False)
    drain(clients, WARM_UP_S)
    first_s, used_s = time.monotonic(), sum(process.cpu_times()[:2])
    received = drain(clients, seconds)
    elapsed_s, used_s = time.monotonic() - first_s, sum(process.cpu_times()[:2]) - used_s
    memory = process.memory_info().rss / 2**20
    for client in clients:
        client.close()
    print(f"{len(streams)} streams, {received / elapsed_s / 1e6:.2f} MB a second for {elapsed_s:.0f} s")
    print(f"server: {used_s / elapsed_s:.1%} of one core, {memory:.0f} MiB, started {first_s - started_s:.0f} s before")
    chain(port, streams)


def drain(clients: list[websocket.WebSocket], seconds: float) -> int:
    """Bytes that came within a while, unread: the client is to cost little."""
    received, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        for client in clients:
            try:
                received += len(client.sock.recv(READ_BYTES))
            except BlockingIOError:
                continue
        time.sleep(0.01)
    return received


def chain(port: int, streams: list[str]) -> None:
    """Read diffs whole, and print how many came a symbol and second and how many broke the chain of update ids."""
    diffs = "/".join(stream for stream in streams if "@depth" in stream)
    client = websocket.create_connection(f"ws://127.0.0.1:{port}/stream?streams={diffs}")
    last: dict[str, int] = {}
    counts: Counter[str] = Counter()
    broken, levels, first_ms, last_ms = 0, 0, 0, 0
    for _ in range(DIFFS_READ):
        diff = json.loads(client.recv())["data"]
        broken += last.get(diff["s"], diff["U"] - 1) != diff["U"] - 1
        last[diff["s"]] = diff["u"]
        counts[diff["s"]] += 1
        levels += len(diff["b"]) + len(diff["a"])
        first_ms, last_ms = first_ms or diff["E"], diff["E"]
    client.close()
    span_s = (last_ms - first_ms) / 1000
    print(
        f"{len(counts)} symbols, {DIFFS_READ / span_s / len(counts):.2f} diffs a symbol and second, "
        f"{levels / DIFFS_READ:.1f} levels a diff, {broken} gaps"
    )


if __name__ == "__main__":
    main()
