"""The rules that are there without a rules file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orderbook.alerts.rules import (
    EXTREME_IMBALANCE,
    FEED_GAP,
    FEED_STALE,
    IMBALANCE_FLIP,
    LIQUIDITY_DROP,
    ORACLE_MISMATCH,
    SPREAD_WIDENING,
    AlertRules,
    FlipRule,
    Rule,
    Terms,
)
from orderbook.alerts.thresholds import Thresholds
from orderbook.alerts.values import FEED_GAP_S, FEED_STALE_S, ORACLE_MISMATCH_S

if TYPE_CHECKING:
    from orderbook.settings import Settings


def built_in_rules(settings: Settings) -> AlertRules:
    """Return the built-in rules under the settings.

    The spread's high is twice its multiplier and its release half way from the multiplier back to the mean (1). It and
    the depth hold for a third of the imbalance's time: they cost whoever trades now, and are over within seconds.
    """
    hold_ms, hold_off_ms = settings.alert_hold_ms, settings.alert_hold_off_ms
    multiplier = settings.spread_alert_multiplier
    imbalance = Thresholds(
        medium=settings.alert_threshold_medium,
        high=settings.alert_threshold_high,
        release=settings.alert_threshold_release,
        hold_ms=hold_ms,
        hold_off_ms=hold_off_ms,
    )
    spread = Thresholds(multiplier, 2 * multiplier, (1 + multiplier) / 2, hold_ms // 3, hold_off_ms)
    depth = Thresholds(0.25, 0.1, 0.5, hold_ms // 3, hold_off_ms)
    return AlertRules(
        rules=(
            Rule(EXTREME_IMBALANCE, "imbalance_ratio", "both", Terms(imbalance)),
            Rule(SPREAD_WIDENING, "spread_ratio", "above", Terms(spread)),
            Rule(LIQUIDITY_DROP, "depth_ratio", "below", Terms(depth)),
            Rule(FEED_GAP, FEED_GAP_S, "above", Terms(Thresholds(1.0, 10.0, 0.5, 0, hold_off_ms))),
            Rule(FEED_STALE, FEED_STALE_S, "above", Terms(Thresholds(5.0, 60.0, 0.5, 0, hold_off_ms))),
            # A wrong book is told at its first record, whose value is a thousandth of a second.
            Rule(ORACLE_MISMATCH, ORACLE_MISMATCH_S, "above", Terms(Thresholds(0.001, 10.0, 0.0005, 0, hold_off_ms))),
        ),
        flips=(FlipRule(IMBALANCE_FLIP, of=EXTREME_IMBALANCE),),
    )
