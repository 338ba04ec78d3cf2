"""The lifecycle of one alert: INACTIVE -> PENDING -> FIRING -> RECOVERING -> RESOLVED, for one symbol, rule and side.

With x the rule's value, signed so that larger is worse, and t the event time of the symbol's record, a book or a
heartbeat; a trusted record without a value repeats the last one:

| phase | at a record | becomes | step |
|---|---|---|---|
| inactive | x >= medium | pending, onset = t | |
| pending | x < medium | inactive | |
| pending | x >= medium and t >= onset + hold | firing | FIRING |
| pending | the book is not trusted | inactive | |
| firing | x >= high for the first time | firing | ESCALATED |
| firing | x < release | recovering, fall = t | RECOVERING |
| recovering | x >= medium | firing, the same episode | FIRING |
| recovering | x < medium and t >= fall + hold-off | inactive | RESOLVED |
| firing, recovering | the book is not trusted, since = t | doubted | SUPPRESSED, or NODATA where nothing comes |
| doubted | t >= since + suppression limit | inactive | RESOLVED, with the reason |
| doubted | trusted, without a value of its own | doubted | |
| doubted | trusted, x >= medium, or x >= release and it was firing | firing | FIRING |
| doubted | trusted, any other x | recovering, fall = t | RECOVERING |

A high reached while pending, at the record that fires or at the first one after a doubt makes FIRING itself high. The
peak counts from the onset. So every episode that was told FIRING is told RESOLVED once, and nothing after that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec

from orderbook.messages import AlertStatus, Severity

if TYPE_CHECKING:
    from orderbook.alerts.thresholds import Thresholds

Phase = Literal["inactive", "pending", "firing", "recovering"]
Doubt = Literal["SUPPRESSED", "NODATA"]


class Episode(msgspec.Struct, frozen=True, array_like=True):
    """Where one alert stands. Times in milliseconds of event time; meaningless fields are 0 while inactive.

    `steps` counts the steps told so far. `against` says whether the other side's episode was open at the onset.
    `doubted_ms` is since when its book is not trusted; `phase` is then the one before. `context` is what its first
    step will tell of the onset.
    """

    phase: Phase = "inactive"
    onset_ms: int = 0
    fall_ms: int = 0
    value: float = 0.0
    peak: float = 0.0
    steps: int = 0
    against: bool = False
    severity: Severity = "medium"
    doubted_ms: int | None = None
    context: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether a FIRING was told and its end was not."""
        return self.phase in {"firing", "recovering"}


class Step(msgspec.Struct, frozen=True):
    """One step to tell: the status, the episode as it stands at it, `steps` still without this step, and why."""

    status: AlertStatus
    episode: Episode
    reason: str | None = None


INACTIVE: Final = Episode()


def advance(
    episode: Episode, time_ms: int, value: float | None, thresholds: Thresholds
) -> tuple[Episode, tuple[Step, ...]]:
    """Return the episode after one trusted record, and the steps this record makes, in order."""
    if episode.phase == "inactive":
        if value is None or value < thresholds.medium:
            return episode, ()
        episode = Episode("pending", onset_ms=time_ms, value=value, peak=value)
    elif episode.doubted_ms is not None:
        return _trusted_again(episode, time_ms, value, thresholds)
    now = _with_value(episode, episode.value if value is None else value, thresholds)
    if now.phase == "pending":
        return _while_pending(now, time_ms, thresholds)
    if now.phase == "firing":
        return _while_firing(now, time_ms, thresholds, worse=now.severity != episode.severity)
    return _while_recovering(now, time_ms, thresholds)


def doubt(
    episode: Episode, time_ms: int, thresholds: Thresholds, status: Doubt, reason: str
) -> tuple[Episode, tuple[Step, ...]]:
    """Return the episode after a record that says the book is not trusted, and the steps this record makes."""
    if not episode.is_open:
        return INACTIVE, ()
    told: tuple[Step, ...] = ()
    if episode.doubted_ms is None:
        episode, told = _tell(status, msgspec.structs.replace(episode, doubted_ms=time_ms), reason)
    after, ended = _outlasted(episode, time_ms, thresholds, reason)
    return after, (*told, *ended)


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
    return _fall(episode, time_ms, thresholds)


def _while_recovering(episode: Episode, time_ms: int, thresholds: Thresholds) -> tuple[Episode, tuple[Step, ...]]:
    if episode.value >= thresholds.medium:
        return _fire(episode)
    if time_ms >= episode.fall_ms + thresholds.hold_off_ms:
        return INACTIVE, (Step("RESOLVED", episode),)
    return episode, ()


def _trusted_again(
    episode: Episode, time_ms: int, value: float | None, thresholds: Thresholds
) -> tuple[Episode, tuple[Step, ...]]:
    after, ended = _outlasted(episode, time_ms, thresholds, None)
    if ended:
        # The limit passed without a record: what this one says begins anew.
        begun, steps = advance(after, time_ms, value, thresholds)
        return begun, (*ended, *steps)
    if value is None:
        return episode, ()
    now = msgspec.structs.replace(_with_value(episode, value, thresholds), doubted_ms=None)
    if value >= (thresholds.release if now.phase == "firing" else thresholds.medium):
        return _fire(now)
    return _fall(now, time_ms, thresholds)


def _outlasted(
    episode: Episode, time_ms: int, thresholds: Thresholds, reason: str | None
) -> tuple[Episode, tuple[Step, ...]]:
    """End a doubted episode whose limit has passed."""
    limit_ms = thresholds.suppression_limit_ms
    if episode.doubted_ms is None or time_ms < episode.doubted_ms + limit_ms:
        return episode, ()
    why = f"not trusted for {limit_ms / 1000:g} s"
    return INACTIVE, (Step("RESOLVED", episode, f"{why}: {reason}" if reason else why),)


def _fire(episode: Episode) -> tuple[Episode, tuple[Step, ...]]:
    return _tell("FIRING", msgspec.structs.replace(episode, phase="firing"))


def _fall(episode: Episode, time_ms: int, thresholds: Thresholds) -> tuple[Episode, tuple[Step, ...]]:
    fallen, told = _tell("RECOVERING", msgspec.structs.replace(episode, phase="recovering", fall_ms=time_ms))
    after, resolved = _while_recovering(fallen, time_ms, thresholds)
    return after, (*told, *resolved)


def _tell(status: AlertStatus, episode: Episode, reason: str | None = None) -> tuple[Episode, tuple[Step, ...]]:
    return msgspec.structs.replace(episode, steps=episode.steps + 1), (Step(status, episode, reason),)
