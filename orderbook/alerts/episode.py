"""The lifecycle of one alert: INACTIVE -> PENDING -> FIRING -> RECOVERING -> RESOLVED, for one symbol, rule and side.

With x the rule's value, signed so that larger is worse, and t the event time of the symbol's record, a book or a
heartbeat; a record without a value repeats the last one:

| phase | at a record | becomes | step |
|---|---|---|---|
| inactive | x >= medium | pending, onset = t | |
| pending | x < medium | inactive | |
| pending | x >= medium and t >= onset + hold | firing | FIRING |
| firing | x >= high for the first time | firing | ESCALATED |
| firing | x < release | recovering, fall = t | RECOVERING |
| recovering | x >= medium | firing, the same episode | FIRING |
| recovering | x < medium and t >= fall + hold-off | inactive | RESOLVED |
| firing, recovering | the book is not trusted | inactive | SUPPRESSED |

A high reached while pending, or at the record that fires, makes FIRING itself high. The peak counts from the onset.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec

from orderbook.messages import AlertStatus, Severity

if TYPE_CHECKING:
    from orderbook.alerts.thresholds import Thresholds

Phase = Literal["inactive", "pending", "firing", "recovering"]


class Episode(msgspec.Struct, frozen=True, array_like=True):
    """Where one alert stands. Times in milliseconds of event time; meaningless fields are 0 while inactive.

    `steps` counts the steps told so far. `against` says whether the other side's episode was open at the onset.
    """

    phase: Phase = "inactive"
    onset_ms: int = 0
    fall_ms: int = 0
    value: float = 0.0
    peak: float = 0.0
    steps: int = 0
    against: bool = False
    severity: Severity = "medium"

    @property
    def is_open(self) -> bool:
        """Whether a FIRING was told and its end was not."""
        return self.phase in {"firing", "recovering"}


class Step(msgspec.Struct, frozen=True):
    """One step to tell: the status, and the episode as it stands at it, `steps` still without this step."""

    status: AlertStatus
    episode: Episode


INACTIVE: Final = Episode()


def advance(
    episode: Episode, time_ms: int, value: float | None, thresholds: Thresholds
) -> tuple[Episode, tuple[Step, ...]]:
    """Return the episode after one trusted record, and the steps this record makes, in order (at most two)."""
    if episode.phase == "inactive":
        if value is None or value < thresholds.medium:
            return episode, ()
        episode = Episode("pending", onset_ms=time_ms, value=value, peak=value)
    now = _with_value(episode, episode.value if value is None else value, thresholds)
    if now.phase == "pending":
        return _while_pending(now, time_ms, thresholds)
    if now.phase == "firing":
        return _while_firing(now, time_ms, thresholds, worse=now.severity != episode.severity)
    return _while_recovering(now, time_ms, thresholds)


def suppress(episode: Episode) -> tuple[Episode, tuple[Step, ...]]:
    """Return the episode after a record that says the book is not trusted: inactive, told where it was open."""
    return INACTIVE, (Step("SUPPRESSED", episode),) if episode.is_open else ()


def _with_value(episode: Episode, value: float, thresholds: Thresholds) -> Episode:
    severity: Severity = "high" if value >= thresholds.high else episode.severity
    return msgspec.structs.replace(episode, value=value, peak=max(episode.peak, value), severity=severity)


def _while_pending(episode: Episode, time_ms: int, thresholds: Thresholds) -> tuple[Episode, tuple[Step, ...]]:
    if episode.value < thresholds.medium:
        return INACTIVE, ()
    return _fire(episode) if time_ms >= episode.onset_ms + thresholds.hold_ms else (episode, ())


def _while_firing(
    episode: Episode, time_ms: int, thresholds: Thresholds, *, worse: bool
) -> tuple[Episode, tuple[Step, ...]]:
    if episode.value >= thresholds.release:
        return _tell("ESCALATED", episode) if worse else (episode, ())
    fallen, told = _tell("RECOVERING", msgspec.structs.replace(episode, phase="recovering", fall_ms=time_ms))
    after, resolved = _while_recovering(fallen, time_ms, thresholds)
    return after, (*told, *resolved)


def _while_recovering(episode: Episode, time_ms: int, thresholds: Thresholds) -> tuple[Episode, tuple[Step, ...]]:
    if episode.value >= thresholds.medium:
        return _fire(episode)
    if time_ms >= episode.fall_ms + thresholds.hold_off_ms:
        return INACTIVE, (Step("RESOLVED", episode),)
    return episode, ()


def _fire(episode: Episode) -> tuple[Episode, tuple[Step, ...]]:
    return _tell("FIRING", msgspec.structs.replace(episode, phase="firing"))


def _tell(status: AlertStatus, episode: Episode) -> tuple[Episode, tuple[Step, ...]]:
    return msgspec.structs.replace(episode, steps=episode.steps + 1), (Step(status, episode),)
