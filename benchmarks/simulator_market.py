"""Print what the simulated markets look like, beside the recorded ones: `python -m benchmarks.simulator_market`."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson
from rich.console import Console
from rich.table import Table

from benchmarks.market_facts import facts, read_tape, recorded_frames
from connectors.simulator.instruments import instrument
from connectors.simulator.market import FAST_MS, BestQuote, DepthDiff, Market, Trade
from connectors.simulator.wire import Wire
from orderbook.settings import Settings

OPENS_AT_MS: Final = 1_723_161_255_000
RECORDED: Final = {
    "spot BTCUSDT": (0.01, ("spot_btcusdt_20240808", "spot_btcusdt_20240809")),
    "spot ETHUSDT": (0.01, ("spot_ethusdt_20240808", "spot_ethusdt_20240809")),
    "USD-M BTCUSDT": (0.1, ("usdm_btcusdt_20240808",)),
}


def simulated_frames(
    symbol: str, *, seed: int, seconds: int, light: bool = False, warm_up_s: int = 20
) -> Iterator[dict[str, Any]]:
    """Frames of one simulated market as its server would send them: a snapshot, then diffs, quotes and trades."""
    scale = instrument(symbol, seed=seed)
    market, wire = Market(scale, seed=seed, opens_at_ms=OPENS_AT_MS, light=light), Wire(scale)
    opened = OPENS_AT_MS + warm_up_s * 1000
    for _ in market.advance(opened):
        pass
    book = market.book
    yield orjson.loads(wire.book(book.update_id, book.bids.top(5000), book.asks.top(5000)))
    name = symbol.lower()
    for event in market.advance(opened + seconds * 1000):
        match event:
            case BestQuote():
                yield {"stream": f"{name}@bookTicker", "data": orjson.loads(wire.best_quote(event))}
            case Trade():
                yield {"stream": f"{name}@trade", "data": orjson.loads(wire.trade(event))}
            case DepthDiff() if event.interval_ms == FAST_MS:
                yield {"stream": f"{name}@depth@100ms", "data": orjson.loads(wire.depth_diff(event))}
            case _:
                pass


def simulated_facts(symbol: str, *, seed: int, seconds: int, light: bool = False) -> dict[str, float]:
    """The facts of one simulated market."""
    tick = 10.0 ** -instrument(symbol, seed=seed).price_decimals
    return facts(read_tape(simulated_frames(symbol, seed=seed, seconds=seconds, light=light), tick))


def generation_speed(symbols: list[str], *, seed: int, seconds: int, light: bool = False) -> float:
    """Seconds of all these markets together that one second of a core generates."""
    markets = [
        Market(instrument(symbol, seed=seed), seed=seed, opens_at_ms=OPENS_AT_MS, light=light) for symbol in symbols
    ]
    started = time.process_time()
    for market in markets:
        for _ in market.advance(OPENS_AT_MS + seconds * 1000):
            pass
    return seconds / (time.process_time() - started)


def recorded_facts(folder: Path) -> dict[str, dict[str, float]]:
    """The facts of the recordings, by market; empty where the folder has none."""
    found = {}
    for name, (tick, stems) in RECORDED.items():
        paths = [folder / f"{stem}.jsonl.gz" for stem in stems]
        if all(path.exists() for path in paths):
            found[name] = facts(read_tape(recorded_frames(paths), tick))
    return found


def recordings_folder() -> Path:
    """Where the recordings are: ORDERBOOK_RECORDINGS, or beside the repository."""
    root = os.environ.get("ORDERBOOK_RECORDINGS") or Path(__file__).parents[2] / "shared" / "data"
    return Path(root) / "binance_captures" / "hftbacktest"


def main() -> None:
    """Print one row a fact, one column a market."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--symbols", default=",".join(Settings.model_fields["symbols"].default))
    arguments.add_argument("--seed", type=int, default=7)
    arguments.add_argument("--seconds", type=int, default=650, help="market seconds measured, after 20 of warm-up")
    arguments.add_argument("--light", action="store_true", help="with the cheap order flow")
    asked = arguments.parse_args()
    columns = recorded_facts(recordings_folder())
    symbols = asked.symbols.split(",")
    for symbol in symbols:
        columns[f"simulated {symbol}"] = simulated_facts(
            symbol, seed=asked.seed, seconds=asked.seconds, light=asked.light
        )
    table = Table("fact", *columns)
    for fact in next(iter(columns.values())):
        table.add_row(fact, *(f"{found[fact]:.4g}" for found in columns.values()))
    console = Console(width=40 + 18 * len(columns))
    console.print(table)
    speed = generation_speed(symbols, seed=asked.seed, seconds=asked.seconds, light=asked.light)
    console.print(f"{len(symbols)} symbols: {speed:.1f} market seconds a second of one core")


if __name__ == "__main__":
    main()
