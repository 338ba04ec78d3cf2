"""Judge the books of a whole exchange under faults: `python -m benchmarks.chaos`.

The simulator, as a process, trades 450 symbols and lets something go wrong each second; the live source follows all of
them over real sockets. Every book that is published as live is compared with the simulator's own at that update id.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import urllib3

from connectors.simulator.digest import book_digest
from connectors.simulator.ledger import read_ledger
from orderbook.messages import Book, FeedGap, Heartbeat, IngestMessage
from orderbook.settings import Settings
from runtime.logs import configure_logs
from tests.faults.consumer import Consumer
from tests.processes import eventually, running
from tests.servers import free_port

KINDS = (
    "drop_diff", "duplicate_diff", "reorder_diff", "delay", "corrupt", "crossed_book", "wrong_quote", "stall_symbol",
    "quiet_symbol", "clock_jump", "delist", "stale_snapshot", "rest_status", "slow_rest",
)  # fmt: skip
"""What goes wrong each second: everything that is not the whole connection, which SCRIPT ends a few times."""
LIVE_WITHIN_S = 300.0


class Judge:
    """Takes every message and keeps what the comparison and the figures need."""

    def __init__(self) -> None:
        self.digests: list[tuple[str, int, str]] = []
        self.states: dict[str, str] = {}
        self.counts: Counter[str] = Counter()
        self.gaps: Counter[str] = Counter()
        self.away_ms = 0
        self.closed = 0
        self.counting = False

    def take(self, message: IngestMessage) -> None:
        """One message, in order."""
        self.counts[type(message).__name__] += 1
        if isinstance(message, Book):
            if message.state == "live":
                digest = book_digest(message.bid_price, message.bid_qty, message.ask_price, message.ask_qty)
                self.digests.append((message.symbol, message.update_id, digest))
            else:
                self.counts["unverified"] += 1
        elif isinstance(message, Heartbeat) and message.symbol:
            self.states[message.symbol] = message.state
        elif isinstance(message, FeedGap) and message.end_receive_time_ms is not None and self.counting:
            self.gaps[message.cause] += 1
            self.closed += 1
            self.away_ms += message.end_receive_time_ms - message.start_receive_time_ms


def main() -> None:
    """Run the exchange and its consumer, and print the figures; ends with status 1 where a book was wrong."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=300.0)
    arguments.add_argument("--symbols", default="ALL:USDT")
    arguments.add_argument("--every", type=float, default=1.0, help="seconds between two faults")
    arguments.add_argument("--seed", type=int, default=1)
    asked = arguments.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    ledger = folder / "ledger.txt"
    settings = Settings(
        symbols=asked.symbols,
        feed="simulator",
        simulator_port=free_port(),
        simulator_light_after=0,
        simulator_ledger=ledger,
        state_dir=folder / "state",
        log_level="error",
    )
    configure_logs(level="error", form="console")
    judge = Judge()
    try:
        figures = run(settings, folder, judge, asked)
        figures |= compared(judge, ledger)
    finally:
        shutil.rmtree(folder)
    print(json.dumps(figures, indent=2))
    raise SystemExit(1 if figures["wrong books"] else 0)


def run(settings: Settings, folder: Path, judge: Judge, asked: argparse.Namespace) -> dict[str, Any]:
    """Let it run, and return what was seen from outside."""
    address = f"http://{settings.simulator_address}"
    consumer = Consumer(settings, judge.take)
    with running(settings, ["connectors.simulator"], folder) as simulator:
        started = time.monotonic()
        with consumer.running():
            eventually(lambda: all_live(consumer, judge), LIVE_WITHIN_S, every_s=0.5)
            live_after_s = time.monotonic() - started
            own = psutil.Process()
            server = psutil.Process(simulator.process.pid)
            cpu = own.cpu_times(), server.cpu_times()
            books = judge.counts["Book"]
            judge.counting = True
            begun = time.monotonic()
            schedule = {"seed": asked.seed, "every_s": asked.every, "duration_s": asked.seconds, "kinds": list(KINDS)}
            post(f"{address}/simulator/faults/random", schedule)
            post(f"{address}/simulator/faults/script", script(asked.seconds))
            while time.monotonic() - begun < asked.seconds and consumer.failed is None:
                time.sleep(1.0)
            lasted_s = time.monotonic() - begun
            books = judge.counts["Book"] - books
            spent = [
                (after.user + after.system - before.user - before.system) / lasted_s
                for before, after in zip(cpu, (own.cpu_times(), server.cpu_times()), strict=True)
            ]
            market = urllib3.request("GET", f"{address}/simulator/market").json()
            injected = urllib3.request("GET", f"{address}/simulator/faults").json()["injected"]
            eventually(lambda: all_live(consumer, judge), LIVE_WITHIN_S, every_s=0.5)
            healed_s = time.monotonic() - begun - lasted_s
    if consumer.failed is not None:
        raise consumer.failed
    symbols = len(consumer.symbols)
    return {
        "symbols": symbols,
        "seconds": round(lasted_s),
        "all live after start, s": round(live_after_s, 1),
        "books a second": round(books / lasted_s),
        "faults": len(injected),
        "faults by kind": dict(Counter(one["fault"]["kind"] for one in injected).most_common()),
        "stretches not live": judge.closed,
        "stretches by cause": dict(judge.gaps.most_common()),
        "symbol time live": f"{1 - judge.away_ms / 1000 / symbols / lasted_s:.2%}",
        "all live after the last fault, s": round(healed_s, 1),
        "most request weight a minute": market["most_weight_a_minute"],
        "budget of request weight a minute": int(6000 * settings.request_weight_share),
        "consumer, cores": round(spent[0], 2),
        "simulator, cores": round(spent[1], 2),
    }


def script(seconds: float) -> list[dict[str, Any]]:
    """Announced ends, which are to go unseen, and one that is not."""
    return [
        {"at_s": seconds * 0.2, "kind": "server_shutdown", "notice_s": 10.0},
        {"at_s": seconds * 0.5, "kind": "disconnect"},
        {"at_s": seconds * 0.8, "kind": "cut_24h"},
    ]


def compared(judge: Judge, ledger: Path) -> dict[str, Any]:
    """Compare every live book with the exchange's own."""
    truth = read_ledger(ledger)
    wrong = [(symbol, update_id) for symbol, update_id, ours in judge.digests if truth.get((symbol, update_id)) != ours]
    return {
        "live books compared": len(judge.digests),
        "wrong books": len(wrong),
        "unverified books": judge.counts["unverified"],
        "dead letters": judge.counts["DeadLetter"],
    }


def all_live(consumer: Consumer, judge: Judge) -> bool | None:
    """True once every symbol is live; None before."""
    if consumer.failed is not None:
        raise consumer.failed
    states = judge.states
    live = sum(1 for symbol in consumer.symbols if states.get(symbol) == "live")
    return True if consumer.symbols and live == len(consumer.symbols) else None


def post(address: str, body: object) -> None:
    """Ask the simulator for something."""
    answer = urllib3.request("POST", address, json=body)
    assert answer.status == 202, answer.data


if __name__ == "__main__":
    main()
