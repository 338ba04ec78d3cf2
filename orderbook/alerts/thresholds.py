"""From which value a rule alerts, how long it must hold, and when it is over."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from orderbook.messages import Severity

SUPPRESSION_LIMIT_MS: Final = 60_000
"""How long an episode outlasts the trust in its book, where a rule says nothing else."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When an episode of one rule begins, worsens and ends: release < medium <= high, in the unit of the rule's value.

    A value of at least `medium` held for `hold_ms` of the symbol's own time fires, `high` is reached at once, and a
    value below `release` followed by `hold_off_ms` without `medium` resolves. An infinite `high` is never reached. An
    episode whose book is not trusted for `suppression_limit_ms` is over. Where small values are the bad ones, all three
    are the other way round (high <= medium < release) until they are `mirrored`.
    """

    medium: float
    high: float
    release: float
    hold_ms: int
    hold_off_ms: int
    suppression_limit_ms: int = SUPPRESSION_LIMIT_MS

    def of(self, severity: Severity) -> float:
        """Return the value that makes an alert of this severity."""
        return self.high if severity == "high" else self.medium

    def times(self, factor: float) -> Thresholds:
        """Return the same times with every value times `factor`, which is at least 0."""
        return replace(self, medium=self.medium * factor, high=self.high * factor, release=self.release * factor)

    def mirrored(self) -> Thresholds:
        """Return the same thresholds for the value with its sign turned."""
        return replace(self, medium=-self.medium, high=-self.high, release=-self.release)
