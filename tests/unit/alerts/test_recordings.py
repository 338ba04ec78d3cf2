"""The alerts over real markets: books rebuilt here without any code of the product, episodes counted elsewhere."""

from __future__ import annotations

import functools
import heapq
import itertools
from collections.abc import Iterator

import pytest

from orderbook.alerts import AlertRecord, SymbolAlerts, built_in_rules, observe
from orderbook.messages import Alert
from orderbook.settings import Settings
from tests.recordings import BTC, ETH, USDM_BTC, lines

DEPTH = 10
MEDIUM, HOLD_MS = 0.5, 3000


def imbalances(names: tuple[str, ...]) -> Iterator[tuple[int, float]]:
    """(event time in ms, imbalance ratio of the top ten) after each diff that follows the snapshot."""
    book: dict[str, dict[float, float]] = {"b": {}, "a": {}}
    snapshot_id: int | None = None
    waiting = []
    for _, line in lines(names):
        diff = line.get("data", line)
        if "lastUpdateId" in line:
            snapshot_id = line["lastUpdateId"]
            book = {side: {float(p): float(q) for p, q in line[key]} for side, key in (("b", "bids"), ("a", "asks"))}
        elif diff.get("e") == "depthUpdate":
            waiting.append(diff)
        if snapshot_id is None:
            continue
        for held in waiting:
            # Futures ("pu") keep an event that ends at the snapshot's id.
            if held["u"] < snapshot_id + ("pu" not in held):
                continue
            for side, levels in book.items():
                for price, quantity in held[side]:
                    levels[float(price)] = float(quantity)
                    if not float(quantity):
                        del levels[float(price)]
            bids = sum(book["b"][price] for price in heapq.nlargest(DEPTH, book["b"]))
            asks = sum(book["a"][price] for price in heapq.nsmallest(DEPTH, book["a"]))
            yield held["E"], (bids - asks) / (bids + asks)
        waiting.clear()


@functools.cache
def whole(names: tuple[str, ...]) -> list[tuple[int, float]]:
    """All of one recording."""
    return list(imbalances(names))


def alerts_of(market: list[tuple[int, float]]) -> list[Alert]:
    """Every step at the default settings."""
    rules = built_in_rules(Settings(_env_file=None))
    standing = SymbolAlerts()
    alerts: list[Alert] = []
    for event_time_ms, imbalance in market:
        values = tuple(imbalance if name == "imbalance_ratio" else None for name in rules.values)
        standing, steps = observe(standing, AlertRecord("binance", "BTCUSDT", event_time_ms, values), rules)
        alerts.extend(steps)
    return alerts


@pytest.mark.parametrize(
    ("names", "updates", "episodes", "flips"),
    [
        pytest.param(BTC, 6493, 17, 5, id="spot BTC"),
        pytest.param(ETH, 6468, 3, 0, id="spot ETH"),
        pytest.param(USDM_BTC, 6547, 6, 1, id="USD-M BTC"),
    ],
)
def test_episodes_of_extreme_imbalance(names: tuple[str, ...], updates: int, episodes: int, flips: int) -> None:
    market = whole(names)
    alerts = alerts_of(market)
    assert len(market) == updates
    extreme = [alert for alert in alerts if alert.rule == "extreme_imbalance"]
    assert len({alert.alert_id for alert in extreme}) == episodes
    assert len({alert.alert_id for alert in extreme if alert.severity == "high"}) == episodes
    assert len([alert for alert in alerts if alert.rule == "imbalance_flip"]) == flips


@pytest.mark.parametrize(
    "names",
    [pytest.param(BTC, id="spot BTC"), pytest.param(ETH, id="spot ETH"), pytest.param(USDM_BTC, id="USD-M BTC")],
)
@pytest.mark.parametrize(("side", "sign"), [("bid", 1), ("ask", -1)])
def test_no_stretch_that_holds_a_second_longer_is_missed(names: tuple[str, ...], side: str, sign: int) -> None:
    market = whole(names)
    alerts = alerts_of(market)
    told = [alert for alert in alerts if (alert.rule, alert.side) == ("extreme_imbalance", side)]
    changes = [(alert.event_time_ms, alert.status != "RESOLVED") for alert in told]
    missed = []
    for begin_ms, end_ms in stretches([(time_ms, sign * value) for time_ms, value in market]):
        until_ms = begin_ms + HOLD_MS + 1000
        if end_ms >= until_ms and not next((o for t, o in reversed(changes) if t <= until_ms), False):
            missed.append((begin_ms, end_ms))
    assert missed == []


def stretches(market: list[tuple[int, float]]) -> Iterator[tuple[int, int]]:
    """Begin and end of each run of records at or above medium."""
    for above, run in itertools.groupby(market, key=lambda record: record[1] >= MEDIUM):
        times = [time_ms for time_ms, _ in run]
        if above:
            yield times[0], times[-1]
