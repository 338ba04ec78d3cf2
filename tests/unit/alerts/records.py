"""Rules with round numbers, and the records they are tried on."""

from __future__ import annotations

from collections.abc import Iterable

from orderbook.alerts import AlertRecord, AlertRules, FlipRule, Rule, SymbolAlerts, Terms, Thresholds, observe
from orderbook.messages import Alert

IMBALANCE = Thresholds(medium=0.5, high=0.7, release=0.3, hold_ms=3000, hold_off_ms=5000, suppression_limit_ms=20_000)
SPREAD = Thresholds(medium=2.0, high=4.0, release=1.5, hold_ms=1000, hold_off_ms=5000)
DEPTH = Thresholds(medium=0.25, high=0.1, release=0.5, hold_ms=1000, hold_off_ms=5000)
GAP = Thresholds(medium=1.0, high=10.0, release=0.5, hold_ms=0, hold_off_ms=5000)


def rules(imbalance: Thresholds = IMBALANCE) -> AlertRules:
    return AlertRules(
        (
            Rule("extreme_imbalance", "imbalance_ratio", "both", Terms(imbalance)),
            Rule("spread_widening", "spread_ratio", "above", Terms(SPREAD)),
            Rule("liquidity_drop", "depth_ratio", "below", Terms(DEPTH)),
            Rule("feed_gap", "feed_gap_s", "above", Terms(GAP)),
            Rule("feed_stale", "feed_stale_s", "above", Terms(GAP)),
        ),
        (FlipRule("imbalance_flip", of="extreme_imbalance"),),
    )


RULES = rules()


def book(time_ms: int, imbalance: float | None = 0.0, **values: float | None) -> AlertRecord:
    """A live book with these values and no others."""
    known = {"imbalance_ratio": imbalance, **values}
    return AlertRecord("test", "BTCUSDT", time_ms, tuple(known.get(name) for name in RULES.values))


def heartbeat(time_ms: int) -> AlertRecord:
    return AlertRecord("test", "BTCUSDT", time_ms)


def untrusted(time_ms: int, why: str = "lost", cause: str = "gap") -> AlertRecord:
    return AlertRecord("test", "BTCUSDT", time_ms, untrusted=why, cause=cause)


def run(records: Iterable[AlertRecord], under: AlertRules = RULES) -> list[Alert]:
    """Every step of these records of one symbol."""
    return go_on(SymbolAlerts(), records, under)[1]


def go_on(
    standing: SymbolAlerts, records: Iterable[AlertRecord], under: AlertRules = RULES
) -> tuple[SymbolAlerts, list[Alert]]:
    """Where the alerts stand after these records, and their steps."""
    steps: list[Alert] = []
    for record in records:
        standing, alerts = observe(standing, record, under)
        steps.extend(alerts)
    return standing, steps
