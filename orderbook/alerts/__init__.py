"""Alerts: what is worth telling, from when to when. Pure: equal records in equal order give equal alerts.

| rule | tells of | side |
|---|---|---|
| extreme_imbalance | one side's depth outweighs the other's: imbalance_ratio beyond medium, held | bid, ask |
| imbalance_flip | pressure of one side begins while the other side's episode is open, and holds | the new side |
| spread_widening | the spread is a multiple of its rolling mean, held | none |
"""

from orderbook.alerts.episode import Episode, Phase
from orderbook.alerts.symbol import AlertRecord, SymbolAlerts, observe
from orderbook.alerts.thresholds import BASELINE_WARM_UP_BOOKS, AlertRules, Thresholds

__all__ = [
    "BASELINE_WARM_UP_BOOKS",
    "AlertRecord",
    "AlertRules",
    "Episode",
    "Phase",
    "SymbolAlerts",
    "Thresholds",
    "observe",
]
