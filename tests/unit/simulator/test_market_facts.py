"""The simulated markets look like the recorded ones: handbook ranges of the recordings, widened."""

from __future__ import annotations

import functools

import pytest

from benchmarks.market_facts import facts, read_tape, recorded_frames
from benchmarks.simulator_market import simulated_facts
from tests import recordings

SECONDS = 240

# Fact: the lowest and the highest value allowed. The three recordings give, in this order, spot BTC, spot ETH, USD-M:
RANGES = {
    "levels in a diff, p50": (11, 45),  # 22, 18, 34
    "levels in a diff, p95": (24, 350),  # 173, 175, 252; a coarse tick has fewer levels to change
    "removals among level updates": (0.18, 0.53),  # .48, .28, .22
    "level updates within 10 bps": (0.42, 0.80),  # .70, .56, .64
    "spread of one tick": (0.985, 1.0),  # .993, .994, .992
    "level 1 over level 2": (3.0, 250),  # 208, 27, 120
    "level 1 over level 10": (3.0, 80),  # 22, 6.9, 63
    "gap between ask levels, ticks": (1.2, 60),  # 35, 2.7, 3.8; a coarse tick leaves no room for gaps
    "levels a side": (1000, 5000),  # 1971, 1665, 4578
    "1 s return, std bps": (0.5, 2.5),  # 1.10, 1.24, 1.22
    "1 s return, kurtosis": (4.0, 80),  # 11, 5.5, 26
    "1 s return, share of zero": (0.3, 0.85),  # .50, .40, .47; a coarse tick moves more rarely
    "trades a second": (9, 90),  # 31, 22, 62
    "share of buys": (0.35, 0.65),  # .46, .52, .45
    "trade signs, autocorrelation at 1": (0.7, 0.96),  # .79, .84, .79
    "trade signs, autocorrelation at 5": (0.35, 0.85),  # .66, .66, .65
    "trade signs, autocorrelation at 10": (0.2, 0.75),  # .57, .51, .58
    "trades in the millisecond of the one before": (0.5, 0.85),  # .64, .66, .75
    "bookTickers a second": (35, 250),  # 112, 90, 192
    "queue imbalance, AUC of the next move": (0.8, 0.95),  # .896, .898, .860
    "order flow imbalance, R2 at 10 s": (0.25, 0.92),  # .61, .68, .57
}


@functools.cache
def simulated(symbol: str) -> dict[str, float]:
    return simulated_facts(symbol, seed=7, seconds=SECONDS)


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT", "ADAUSDT"])
def test_simulated_markets_lie_within_the_recorded_ranges_widened(symbol: str) -> None:
    found = simulated(symbol)
    outside = {
        fact: (found[fact], limits) for fact, limits in RANGES.items() if not limits[0] <= found[fact] <= limits[1]
    }
    assert outside == {}


def test_the_measurement_itself_gives_the_published_facts_of_a_recording() -> None:
    found = facts(read_tape(recorded_frames(recordings.recording(recordings.ETH)), 0.01))
    published = {  # handbook/simulator.md and handbook/metrics.md, measured by somebody else
        "levels in a diff, p50": 18,
        "levels in a diff, p99": 341,
        "removals among level updates": 0.28,
        "spread of one tick": 0.994,
        "1 s return, std bps": 1.26,
        "trades a second": 22.3,
        "trade signs, autocorrelation at 2": 0.78,
        "queue imbalance, AUC of the next move": 0.898,
        "order flow imbalance, R2 at 10 s": 0.684,
    }
    assert {fact: found[fact] for fact in published} == pytest.approx(published, rel=0.02)
