"""How long the stack takes from `orderbook run` to the first live number, and the memory it then uses.

`python -m benchmarks.startup [--symbol BTCUSDT] [--steady-s 60] [--cold]` in the repository. The stack gets a state
folder and ports of its own and FEED=simulator, unless FEED is set. Warm, the default, means that jars are there and
that every server's files were made by a run before, which is not measured; `--cold` starts with nothing but the jars.
Where PYTHONDONTWRITEBYTECODE is set, each process compiles anew what no run before has cached; the first line tells.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import redis
from rich.console import Console
from rich.table import Table

from orderbook import keys
from orderbook.settings import load_settings
from runtime.ending import end_on_sigterm

ORDERBOOK = Path(sys.executable).with_name("orderbook")
PATIENCE_S = 300.0
POLL_S = 0.02
MIB = float(1 << 20)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbol", default="BTCUSDT")
    parser.add_argument("--steady-s", type=float, default=60.0, help="seconds from up to the look at the memory")
    parser.add_argument("--cold", action="store_true", help="start with nothing but the jars")
    options = parser.parse_args()
    end_on_sigterm()
    jars = load_settings().state_dir.resolve() / "jars"
    with tempfile.TemporaryDirectory(prefix="orderbook-startup-") as folder:
        environment = new_environment(Path(folder) / "state", jars)
        if not options.cold:
            with stack(environment):
                when(lambda: is_live(environment, options.symbol, after_ms=0))
        start_ms = time.time() * 1000
        began = time.monotonic()
        with stack(environment) as run:
            when(lambda: is_live(environment, options.symbol, after_ms=start_ms))
            live_s = time.monotonic() - began
            when(lambda: all_ready(environment))
            up_s = time.monotonic() - began
            time.sleep(options.steady_s)
            show(environment, run, live_s=live_s, up_s=up_s, start="cold" if options.cold else "warm")


def new_environment(state_dir: Path, jars: Path) -> dict[str, str]:
    """Settings of a stack beside whatever else runs here, which shares the jars of the working copy."""
    state_dir.mkdir()
    jars.mkdir(parents=True, exist_ok=True)
    (state_dir / "jars").symlink_to(jars)
    ports = ("KAFKA_CONTROLLER_PORT", "DATABASE_PORT", "REDIS_PORT", "DASHBOARD_PORT", "SIMULATOR_PORT")
    return {
        "FEED": "simulator",
        **os.environ,
        "STATE_DIR": str(state_dir),
        "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}",
        **{name: str(free_port()) for name in ports},
    }


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def stack(environment: dict[str, str]) -> Iterator[psutil.Process]:
    """`orderbook run` for the length of the block; raises RuntimeError when it ends by itself."""
    with tempfile.TemporaryFile() as said:
        run = subprocess.Popen([str(ORDERBOOK), "run"], env=environment, stdout=said, stderr=said)
        try:
            yield psutil.Process(run.pid)
        finally:
            ended_by_itself = run.poll() is not None
            if not ended_by_itself:
                run.send_signal(signal.SIGTERM)
                run.wait(PATIENCE_S)
            if ended_by_itself:
                said.seek(0)
                raise RuntimeError(f"the stack ended by itself:\n{said.read().decode(errors='replace')}")


def when(happens: Callable[[], bool]) -> None:
    """Wait for it; raises TimeoutError after five minutes."""
    give_up_at = time.monotonic() + PATIENCE_S
    while not happens():
        if time.monotonic() > give_up_at:
            raise TimeoutError("it did not happen within five minutes: see the logs of the stack")
        time.sleep(POLL_S)


def is_live(environment: dict[str, str], symbol: str, *, after_ms: float) -> bool:
    """Whether the latest metrics of a symbol are of an event after `after_ms`, milliseconds since 1970."""
    try:
        with redis.Redis(port=int(environment["REDIS_PORT"]), socket_timeout=1) as client:
            latest = client.get(keys.latest(symbol))
    except redis.RedisError:
        return False
    return isinstance(latest, bytes) and float(json.loads(latest)["event_time_ms"]) > after_ms


def all_ready(environment: dict[str, str]) -> bool:
    """Whether every service runs and every step is done."""
    path = Path(environment["STATE_DIR"]) / "run" / "status.json"
    return all(unit["phase"] in {"running", "done"} for unit in json.loads(path.read_bytes())["units"])


def show(environment: dict[str, str], run: psutil.Process, *, live_s: float, up_s: float, start: str) -> None:
    """Print the times, and the memory of each service and of everything."""
    status = json.loads((Path(environment["STATE_DIR"]) / "run" / "status.json").read_bytes())
    table = Table("process", "PSS MiB", "RSS MiB", title="memory", title_justify="left")
    for unit in status["units"]:
        if unit["pid"] is not None:
            table.add_row(unit["name"], *(f"{size / MIB:.0f}" for size in memory(psutil.Process(unit["pid"]))))
    table.add_section()
    table.add_row("everything", *(f"{size / MIB:.0f}" for size in memory(run)))
    console = Console()
    bytecode = "off" if environment.get("PYTHONDONTWRITEBYTECODE") else "on"
    console.print(f"{start} start, feed {status['feed']}, {os.cpu_count()} cores, Python's bytecode cache {bytecode}")
    console.print(f"command to first live number  {live_s:.1f} s")
    console.print(f"command to everything ready   {up_s:.1f} s")
    console.print(table)


def memory(root: psutil.Process) -> tuple[int, int]:
    """Bytes of a process and all below it: proportional set size, and resident set size."""
    seen = [process.memory_full_info() for process in (root, *root.children(recursive=True))]
    return sum(size.pss for size in seen), sum(size.rss for size in seen)


if __name__ == "__main__":
    main()
