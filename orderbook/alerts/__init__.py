"""Alerts: what is worth telling, from when to when. Pure: equal records in equal order give equal alerts.

`built_in` has the rules that are always there, `rules_file` reads what a user puts beside and over them, `episode` is
the lifecycle of one alert, and `observe` runs all of one symbol. docs/alerts.md tells it for users.
"""

from orderbook.alerts.built_in import built_in_rules
from orderbook.alerts.episode import Episode, Phase
from orderbook.alerts.record import AlertRecord
from orderbook.alerts.rules import AlertRules, FlipRule, Rule, Terms
from orderbook.alerts.symbol import SymbolAlerts, observe
from orderbook.alerts.thresholds import Thresholds
from orderbook.alerts.values import BASELINE_WARM_UP_BOOKS

__all__ = [
    "BASELINE_WARM_UP_BOOKS",
    "AlertRecord",
    "AlertRules",
    "Episode",
    "FlipRule",
    "Phase",
    "Rule",
    "SymbolAlerts",
    "Terms",
    "Thresholds",
    "built_in_rules",
    "observe",
]
