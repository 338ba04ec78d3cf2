"""Alert episodes as a trader reads them: each episode once, its newest step, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from orderbook.alerts.rules import (
    EXTREME_IMBALANCE,
    FEED_GAP,
    FEED_STALE,
    IMBALANCE_FLIP,
    LIQUIDITY_DROP,
    ORACLE_MISMATCH,
    SPREAD_WIDENING,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from orderbook.messages import Alert, AlertStatus, Severity
    from panel_app.pressure import Side

FEED_LENGTH: Final = 60
"""Episodes that the alert feed shows."""

KEPT_EPISODES: Final = 1_000
"""Episodes kept in memory; the oldest that are not active go first."""

OPEN_STATUSES: Final = frozenset({"FIRING", "ESCALATED", "RECOVERING", "SUPPRESSED", "NODATA"})

STATUS_WORDS: Final[dict[str, str]] = {
    "FIRING": "active",
    "ESCALATED": "active, raised",
    "RECOVERING": "easing",
    "RESOLVED": "over",
    "SUPPRESSED": "suppressed",
    "NODATA": "no data",
    "MATCHED": "seen",
}

RULE_WORDS: Final[dict[str, str]] = {
    EXTREME_IMBALANCE: "Imbalance",
    IMBALANCE_FLIP: "Imbalance flip",
    SPREAD_WIDENING: "Wide spread",
    LIQUIDITY_DROP: "Thin book",
    FEED_GAP: "Feed gap",
    FEED_STALE: "Feed silent",
    ORACLE_MISMATCH: "Wrong book",
}


@dataclass(frozen=True, slots=True)
class Episode:
    """One alert episode as of its newest step. Times are event times in milliseconds.

    `value` and `peak` are the rule's quantity, signed positive for the side; `threshold` is the level that alerts.
    """

    alert_id: str
    venue: str
    symbol: str
    rule: str
    side: Side | None
    severity: Severity
    status: AlertStatus
    step: int
    onset_ms: int
    newest_ms: int
    value: float
    peak: float
    threshold: float
    reason: str | None

    @property
    def rule_words(self) -> str:
        """What a screen calls the rule."""
        return RULE_WORDS.get(self.rule, self.rule.replace("_", " ").capitalize())

    def status_words(self, *, active: bool) -> str:
        """What a screen calls the status; an open one that is not among the active has an unknown end."""
        if self.status in OPEN_STATUSES and not active:
            return "end not recorded"
        return STATUS_WORDS[self.status]

    @property
    def peak_words(self) -> str:
        """The peak as a trader would put it.

        An imbalance of x means that (1 + x) / 2 of the depth rests on the pressing side; a spread's value already
        counts in usual spreads, a thin book's in usual depths. A rule unknown here shows its number.
        """
        if self.rule == SPREAD_WIDENING:
            return f"{self.peak:.1f} times the usual spread"
        if self.rule == LIQUIDITY_DROP:
            return f"{100 * self.peak:.0f} % of the usual depth"
        if self.rule in {FEED_GAP, FEED_STALE, ORACLE_MISMATCH}:
            return f"{self.peak:.0f} s without a book to believe"
        if self.rule in {EXTREME_IMBALANCE, IMBALANCE_FLIP} and self.side is not None:
            return f"{50 * (1 + self.peak):.0f} % of depth on the {self.side} ({self.peak:z.2f})"
        return f"peak {self.peak:z.2f}"


def episode_of(alert: Alert) -> Episode:
    """The episode as one step tells it."""
    return Episode(
        alert_id=alert.alert_id,
        venue=alert.venue,
        symbol=alert.symbol,
        rule=alert.rule,
        side=alert.side,
        severity=alert.severity,
        status=alert.status,
        step=alert.step,
        onset_ms=alert.onset_time_ms,
        newest_ms=alert.event_time_ms,
        value=alert.value,
        peak=alert.peak,
        threshold=alert.threshold,
        reason=alert.reason,
    )


class EpisodeBook:
    """Every episode known, from the stream of steps, the set of active ones and the database: the newest step wins."""

    def __init__(self) -> None:
        self._episodes: dict[str, Episode] = {}
        self._active: frozenset[str] = frozenset()

    def learn(self, episodes: Iterable[Episode]) -> None:
        """Take in episodes or steps of them, in any order and as often as they come."""
        for episode in episodes:
            known = self._episodes.get(episode.alert_id)
            if known is None or episode.step >= known.step:
                self._episodes[episode.alert_id] = episode
        self._forget_oldest()

    def activate(self, episodes: Iterable[Episode]) -> None:
        """Take in the whole set of episodes that are active now."""
        listed = tuple(episodes)
        self._active = frozenset(episode.alert_id for episode in listed)
        self.learn(listed)

    def forget_others(self, symbols: Collection[str]) -> None:
        """Forget the episodes of symbols that are not among these."""
        self._episodes = {
            alert_id: episode for alert_id, episode in self._episodes.items() if episode.symbol in symbols
        }
        self._active &= self._episodes.keys()

    def is_active(self, episode: Episode) -> bool:
        """Whether the episode still lasts."""
        return episode.status in OPEN_STATUSES and episode.alert_id in self._active

    def active(self) -> tuple[Episode, ...]:
        """The episodes that still last, the most severe and then the newest first."""
        lasting = [episode for episode in self._episodes.values() if self.is_active(episode)]
        return tuple(sorted(lasting, key=lambda episode: (episode.severity != "high", -episode.onset_ms)))

    def newest(self, count: int = FEED_LENGTH) -> tuple[Episode, ...]:
        """The newest episodes by onset, newest first; active ones are always among them."""
        by_onset = sorted(self._episodes.values(), key=lambda episode: episode.onset_ms, reverse=True)
        lasting = [episode for episode in by_onset if self.is_active(episode)]
        others = [episode for episode in by_onset if not self.is_active(episode)]
        chosen = [*lasting, *others[: max(0, count - len(lasting))]]
        return tuple(sorted(chosen, key=lambda episode: episode.onset_ms, reverse=True))

    def _forget_oldest(self) -> None:
        surplus = len(self._episodes) - KEPT_EPISODES
        if surplus <= 0:
            return
        idle = sorted(
            (episode for episode in self._episodes.values() if episode.alert_id not in self._active),
            key=lambda episode: episode.newest_ms,
        )
        for episode in idle[:surplus]:
            del self._episodes[episode.alert_id]
