"""Print what a whole exchange costs with a client on every stream: `python -m benchmarks.simulator_scale`."""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import websocket

from connectors.simulator.server import Exchange, ExchangeRules
from connectors.simulator.streams import MOST_STREAMS
from connectors.simulator.universe import ALL_SYMBOLS

WARM_UP_S = 5.0
READ_BYTES = 1 << 18
DIFF_MARK = b'"e":"depthUpdate"'
DIFFS_A_SECOND = 10
DIFFS_READ = 20_000


def main() -> None:
    """Print the share of one core that the server process took, and what it sent."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=40.0)
    arguments.add_argument("--symbols", type=int, default=len(ALL_SYMBOLS))
    arguments.add_argument("--kinds", default="depth@100ms,bookTicker,trade")
    arguments.add_argument("--light-after", type=int, default=0)
    arguments.add_argument("--ledger", type=Path, help="keep the truth ledger in this file")
    arguments.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    asked = arguments.parse_args()
    symbols = ALL_SYMBOLS[: asked.symbols]
    if asked.serve is not None:
        asyncio.run(
            serve(ExchangeRules(symbols=symbols, light_after=asked.light_after, ledger=asked.ledger), asked.serve)
        )
        return
    streams = [f"{symbol.lower()}@{kind}" for kind in asked.kinds.split(",") for symbol in symbols]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = [sys.executable, "-m", "benchmarks.simulator_scale", "--symbols", str(asked.symbols)]
    own += ["--ledger", str(asked.ledger)] if asked.ledger is not None else []
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
    parts = [streams[at : at + MOST_STREAMS] for at in range(0, len(streams), MOST_STREAMS)]
    clients = [websocket.create_connection(f"ws://127.0.0.1:{port}/stream?streams={'/'.join(part)}") for part in parts]
    sockets = [client.sock for client in clients if client.sock is not None]
    for each in sockets:
        each.settimeout(0)
    drain(sockets, WARM_UP_S)
    first_s, used_s = time.monotonic(), sum(process.cpu_times()[:2])
    received, diffs = drain(sockets, seconds)
    elapsed_s, used_s = time.monotonic() - first_s, sum(process.cpu_times()[:2]) - used_s
    memory = process.memory_info().rss / 2**20
    for client in clients:
        client.close()
    symbols = sum("@depth" in stream for stream in streams)
    print(
        f"{len(streams)} streams, {received / elapsed_s / 1e6:.2f} MB a second for {elapsed_s:.0f} s, "
        f"{diffs / elapsed_s / symbols:.2f} diffs a symbol and second"
    )
    market_s = diffs / symbols / DIFFS_A_SECOND
    print(f"server: {used_s / elapsed_s:.1%} of one core, {used_s / market_s:.2f} CPU seconds a market second")
    print(f"memory: {memory:.0f} MiB")
    chain(port, streams)


def drain(sockets: list[socket.socket], seconds: float) -> tuple[int, int]:
    """Bytes and diffs that came within a while, not parsed: the client is to cost little."""
    received, diffs, end = 0, 0, time.monotonic() + seconds
    while time.monotonic() < end:
        for each in sockets:
            try:
                part = each.recv(READ_BYTES)
            except BlockingIOError:
                continue
            received += len(part)
            diffs += part.count(DIFF_MARK)
        time.sleep(0.01)
    return received, diffs


def chain(port: int, streams: list[str]) -> None:
    """Read diffs whole, and print how large they were and how many broke the chain of update ids."""
    diffs = "/".join(stream for stream in streams if "@depth" in stream)
    client = websocket.create_connection(f"ws://127.0.0.1:{port}/stream?streams={diffs}")
    last: dict[str, int] = {}
    broken, levels = 0, 0
    for _ in range(DIFFS_READ):
        diff = json.loads(client.recv())["data"]
        broken += last.get(diff["s"], diff["U"] - 1) != diff["U"] - 1
        last[diff["s"]] = diff["u"]
        levels += len(diff["b"]) + len(diff["a"])
    client.close()
    print(f"{len(last)} symbols, {levels / DIFFS_READ:.1f} levels a diff, {broken} gaps in {DIFFS_READ} diffs")


if __name__ == "__main__":
    main()
