"""How often each rule alerts on the shared recordings, beside simpler ways to alert on the same values.

    python -m benchmarks.alert_rates

Books are rebuilt here from the recorded snapshot and diffs, without any code of the product; only the alerts are its.
Prints the table of docs/alerts.md, in alerts a minute.
"""

from __future__ import annotations

import gzip
import heapq
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from orderbook.alerts import BASELINE_WARM_UP_BOOKS, AlertRecord, AlertRules, Rule, SymbolAlerts, observe
from orderbook.alerts.built_in import built_in_rules
from orderbook.settings import Settings

DEPTH: Final = 10
BASELINE: Final = 600
COOLDOWN_MS: Final = 60_000
FOLDER: Final = Path(os.environ.get("ORDERBOOK_RECORDINGS", Path(__file__).resolve().parents[2] / "shared" / "data"))
RECORDINGS: Final = {
    "spot BTC": ("spot_btcusdt_20240808", "spot_btcusdt_20240809"),
    "spot ETH": ("spot_ethusdt_20240808", "spot_ethusdt_20240809"),
    "USD-M BTC": ("usdm_btcusdt_20240808",),
}

Values = dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Rates:
    """Alerts a minute of one rule, one number a way to alert. None where a way makes no sense."""

    level: float | None
    edge: float
    hysteresis: float | None
    cooldown: float
    ours: float
    episodes: int
    high: int


def files(name: str) -> tuple[Path, ...]:
    """The files of one recording."""
    folder = FOLDER / "binance_captures" / "hftbacktest"
    return tuple(folder / f"{part}.jsonl.gz" for part in RECORDINGS[name])


def books(paths: Iterable[Path]) -> Iterator[tuple[int, Values]]:
    """(event time in ms, the values that the built-in rules watch) after each diff that follows the snapshot."""
    sides: dict[str, dict[float, float]] = {"b": {}, "a": {}}
    usual: dict[str, list[float]] = {name: [] for name in ("spread", "b", "a")}
    snapshot_id: int | None = None
    waiting = []
    for frame in _frames(paths):
        diff = frame.get("data", frame)
        if "lastUpdateId" in frame:
            snapshot_id = frame["lastUpdateId"]
            sides = {side: {float(p): float(q) for p, q in frame[key]} for side, key in (("b", "bids"), ("a", "asks"))}
        elif diff.get("e") == "depthUpdate":
            waiting.append(diff)
        if snapshot_id is None:
            continue
        for held in waiting:
            # Futures ("pu") keep an event that ends at the snapshot's id.
            if held["u"] >= snapshot_id + ("pu" not in held):
                _apply(held, sides)
                yield held["E"], _values(sides, usual)
        waiting.clear()


def _frames(paths: Iterable[Path]) -> Iterator[Any]:
    for path in paths:
        with gzip.open(path) as lines:
            for line in lines:
                yield orjson.loads(line.split(b" ", 1)[1])


def _apply(diff: dict[str, list[list[str]]], sides: dict[str, dict[float, float]]) -> None:
    for side, levels in sides.items():
        for price, quantity in diff[side]:
            levels[float(price)] = float(quantity)
            if not float(quantity):
                del levels[float(price)]


def _values(sides: dict[str, dict[float, float]], usual: dict[str, list[float]]) -> Values:
    bids, asks = heapq.nlargest(DEPTH, sides["b"]), heapq.nsmallest(DEPTH, sides["a"])
    now = {
        "spread": asks[0] - bids[0],
        "b": sum(sides["b"][price] for price in bids),
        "a": sum(sides["a"][price] for price in asks),
    }
    for name, value in now.items():
        if len(usual[name]) == BASELINE:
            # As in the job, a third at once.
            del usual[name][: BASELINE // 3]
        usual[name].append(value)
    warm = len(usual["spread"]) >= BASELINE_WARM_UP_BOOKS
    to_usual = {name: value * len(usual[name]) / sum(usual[name]) for name, value in now.items()}
    return {
        "imbalance_ratio": (now["b"] - now["a"]) / (now["b"] + now["a"]),
        "spread_ratio": to_usual["spread"] if warm else None,
        "depth_ratio": min(to_usual["b"], to_usual["a"]) if warm else None,
    }


def rates(market: list[tuple[int, Values]], rules: AlertRules) -> dict[str, Rates]:
    """The rates of every rule that watches a book, and of the flips."""
    minutes = (market[-1][0] - market[0][0]) / 60_000
    fired = _episodes(market, rules)
    found = {}
    for rule in rules.rules:
        if not rule.of_feed:
            ways = (_level(market, rule), _edges(market, rule), _swings(market, rule))
            level, edge, hysteresis = (len(way) / minutes for way in ways)
            cooldown = _cooled(ways[0]) / minutes
            severities = fired.get(rule.name, {})
            high = list(severities.values()).count("high")
            found[rule.name] = Rates(
                level, edge, hysteresis, cooldown, len(severities) / minutes, len(severities), high
            )
    for flip in rules.flips:
        changes = _changes_of_side(market, rules.rule(flip.of).value)
        severities = fired.get(flip.name, {})
        high = list(severities.values()).count("high")
        cooldown = _cooled(changes) / minutes
        ours = len(severities) / minutes
        found[flip.name] = Rates(None, len(changes) / minutes, None, cooldown, ours, len(severities), high)
    return found


def _episodes(market: list[tuple[int, Values]], rules: AlertRules) -> dict[str, dict[str, str]]:
    """Rule to alert id to the worst severity."""
    standing = SymbolAlerts()
    found: dict[str, dict[str, str]] = {}
    for time_ms, values in market:
        record = AlertRecord("recording", "BTCUSDT", time_ms, tuple(values.get(name) for name in rules.values))
        standing, steps = observe(standing, record, rules)
        for step in steps:
            found.setdefault(step.rule, {})[step.alert_id] = step.severity
    return found


def _worse(value: float, rule: Rule) -> float:
    return {"both": abs(value), "above": value, "below": -value}[rule.direction]


def _level(market: list[tuple[int, Values]], rule: Rule) -> list[int]:
    """The times of the updates that meet the condition."""
    medium = _worse(rule.terms.thresholds.medium, rule)
    return [
        time_ms for time_ms, values in market if (x := values[rule.value]) is not None and _worse(x, rule) >= medium
    ]


def _edges(market: list[tuple[int, Values]], rule: Rule) -> list[int]:
    """The times at which the condition begins to be met."""
    medium, met, times = _worse(rule.terms.thresholds.medium, rule), False, []
    for time_ms, values in market:
        x = values[rule.value]
        before, met = met, x is not None and _worse(x, rule) >= medium
        times += [time_ms] * (met and not before)
    return times


def _swings(market: list[tuple[int, Values]], rule: Rule) -> list[int]:
    """The same, begun anew only after the value fell below release."""
    medium, release = (_worse(x, rule) for x in (rule.terms.thresholds.medium, rule.terms.thresholds.release))
    met, times = False, []
    for time_ms, values in market:
        x = values[rule.value]
        if x is None:
            continue
        if not met and _worse(x, rule) >= medium:
            met = True
            times.append(time_ms)
        elif _worse(x, rule) < release:
            met = False
    return times


def _changes_of_side(market: list[tuple[int, Values]], name: str) -> list[int]:
    signed = [(time_ms, value > 0) for time_ms, values in market if (value := values[name])]
    return [time_ms for (time_ms, side), (_, before) in zip(signed[1:], signed, strict=False) if side is not before]


def _cooled(times: list[int]) -> int:
    """How many alerts are left with a cooldown after each."""
    told, free_ms = 0, -COOLDOWN_MS
    for time_ms in times:
        if time_ms >= free_ms:
            told, free_ms = told + 1, time_ms + COOLDOWN_MS
    return told


def table() -> str:
    """The table of docs/alerts.md."""
    rules = built_in_rules(Settings(_env_file=None))
    measured = {name: rates(list(books(files(name))), rules) for name in RECORDINGS}
    lines = [
        f"| rule | way | {' | '.join(RECORDINGS)} |",
        f"|---|---|{'---|' * len(RECORDINGS)}",
    ]
    ways = {
        "each update that meets it": "level",
        "each time it begins": "edge",
        "the same with hysteresis": "hysteresis",
        "each update, one-minute cooldown": "cooldown",
        "**ours**": "ours",
    }
    for rule in next(iter(measured.values())):
        for words, way in ways.items():
            numbers = [getattr(found[rule], way) for found in measured.values()]
            if None not in numbers:
                lines.append(f"| {rule} | {words} | {' | '.join(f'{number:.2f}' for number in numbers)} |")
        counts = [f"{found[rule].episodes}, {found[rule].high}" for found in measured.values()]
        lines.append(f"| {rule} | ours: episodes, of these high | {' | '.join(counts)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
