"""From which value a rule alerts, how long it must hold, and when it is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from orderbook.messages import Severity
    from orderbook.settings import Settings

BASELINE_WARM_UP_BOOKS: Final = 100
"""Books a spread's rolling mean needs before it is compared with (fewer where the baseline itself is shorter)."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When an episode of one rule begins, worsens and ends: release < medium < high, in the unit of the rule's value.

    A value of at least `medium` held for `hold_ms` of the symbol's own time fires, `high` is reached at once, and a
    value below `release` followed by `hold_off_ms` without `medium` resolves.
    """

    medium: float
    high: float
    release: float
    hold_ms: int
    hold_off_ms: int

    def of(self, severity: Severity) -> float:
        """Return the value that makes an alert of this severity."""
        return self.high if severity == "high" else self.medium


@dataclass(frozen=True, slots=True)
class AlertRules:
    """The thresholds of every rule: |imbalance_ratio| for `imbalance`, spread over its rolling mean for `spread`."""

    imbalance: Thresholds
    spread: Thresholds

    @classmethod
    def of_settings(cls, settings: Settings) -> AlertRules:
        """Return the rules in force.

        The spread's high is twice the multiplier and its release half way from the multiplier back to the mean (1). It
        holds for a third of the imbalance's time: a wide spread costs whoever trades now, and it closes within seconds.
        """
        multiplier = settings.spread_alert_multiplier
        return cls(
            imbalance=Thresholds(
                medium=settings.alert_threshold_medium,
                high=settings.alert_threshold_high,
                release=settings.alert_threshold_release,
                hold_ms=settings.alert_hold_ms,
                hold_off_ms=settings.alert_hold_off_ms,
            ),
            spread=Thresholds(
                medium=multiplier,
                high=2 * multiplier,
                release=(1 + multiplier) / 2,
                hold_ms=settings.alert_hold_ms // 3,
                hold_off_ms=settings.alert_hold_off_ms,
            ),
        )
