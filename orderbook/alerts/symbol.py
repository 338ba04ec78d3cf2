"""Every alert of one symbol: its records in, in their order, and the steps of its episodes out."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from orderbook.alerts.context import Trail, keep, onset_context
from orderbook.alerts.episode import INACTIVE, Episode, Step, advance, doubt
from orderbook.alerts.feed import Stretch, doubt_of, follow
from orderbook.alerts.habit import Habit, adapted
from orderbook.messages import Alert

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orderbook.alerts.record import AlertRecord
    from orderbook.alerts.rules import AlertRules, Side, Slot


class SymbolAlerts(msgspec.Struct, frozen=True, array_like=True):
    """Where the alerts of one symbol stand between two of its records.

    `episodes` has one for each of `AlertRules.slots`, None where it is inactive; empty before the first record.
    """

    episodes: tuple[Episode | None, ...] = ()
    stretch: Stretch | None = None
    trail: Trail = ()
    habits: dict[int, Habit] = {}


def observe(standing: SymbolAlerts, record: AlertRecord, rules: AlertRules) -> tuple[SymbolAlerts, tuple[Alert, ...]]:
    """Return where the symbol's alerts stand after one record, and the steps it makes, in order.

    Records come in the symbol's order, their event times never going back. Every time limit is compared with the
    records' own times, so equal records give equal alerts, ids included, at any speed.
    """
    slots, habits = rules.slots(record.symbol), standing.habits
    if rules.adapt:
        habits, slots = adapted(habits, slots, record)
    before = standing.episodes or (None,) * len(slots)
    stretch = follow(standing.stretch, record)
    after: list[Episode | None] = []
    told: list[tuple[Step, ...]] = []
    for slot, episode in zip(slots, before, strict=True):
        now, steps = _step(slot, episode, record, stretch)
        if now is not None and (episode is None or episode.onset_ms != now.onset_ms):
            now, steps = _with_context(now, steps, onset_context(standing.trail, record))
        after.append(now)
        told.append(steps)
    for bid, slot in enumerate(slots):
        if slot.side == "bid":
            ask = bid + 1
            after[bid] = _opposed(before[bid], after[bid], opponent=after[ask])
            after[ask] = _opposed(before[ask], after[ask], opponent=after[bid])
    alerts = tuple(_alerts(slots, after, told, record)) if any(told) else ()
    return SymbolAlerts(tuple(after), stretch, keep(standing.trail, record), habits), alerts


def alert_id(venue: str, symbol: str, rule: str, side: Side | None, onset_time_ms: int) -> str:
    """Return the id of an episode: 32 hexadecimal digits, the same for the same episode in every run."""
    key = f"{venue}|{symbol}|{rule}|{side or ''}|{onset_time_ms}"
    return hashlib.blake2b(key.encode(), digest_size=16).hexdigest()


def _step(
    slot: Slot, episode: Episode | None, record: AlertRecord, stretch: Stretch | None
) -> tuple[Episode | None, tuple[Step, ...]]:
    """One slot's episode after the record; None stands for an inactive one."""
    if not slot.enabled:
        return None, ()
    time_ms = record.event_time_ms
    value: float | None = None
    if slot.position is None:
        value = stretch.seconds(time_ms) if stretch is not None and stretch.value == slot.value else 0.0
    elif record.untrusted is not None:
        if episode is None:
            return None, ()
        after, steps = doubt(episode, time_ms, slot.thresholds, doubt_of(record), record.untrusted)
        return _unless_inactive(after), steps
    elif record.values:
        value = record.values[slot.position]
    signed = None if value is None else slot.sign * value
    if episode is None and (signed is None or signed < slot.thresholds.medium):
        return None, ()
    after, steps = advance(episode or INACTIVE, time_ms, signed, slot.thresholds)
    return _unless_inactive(after), steps


def _unless_inactive(episode: Episode) -> Episode | None:
    """The episode to keep. A context that has been told is not kept."""
    if episode.phase == "inactive":
        return None
    if episode.steps and episode.context is not None:
        return msgspec.structs.replace(episode, context=None)
    return episode


def _with_context(episode: Episode, steps: tuple[Step, ...], context: str | None) -> tuple[Episode, tuple[Step, ...]]:
    """Note the context of an onset, on its first step where that is told at once and otherwise on the episode."""
    if not episode.steps:
        return msgspec.structs.replace(episode, context=context), steps
    return episode, tuple(
        msgspec.structs.replace(step, episode=msgspec.structs.replace(step.episode, context=context))
        if _is_first(step)
        else step
        for step in steps
    )


def _is_first(step: Step) -> bool:
    return step.status == "FIRING" and step.episode.steps == 0


def _opposed(before: Episode | None, after: Episode | None, *, opponent: Episode | None) -> Episode | None:
    """Note at an episode's onset whether the other side's was still open."""
    if before is not None or after is None or opponent is None or not opponent.is_open:
        return after
    return msgspec.structs.replace(after, against=True)


def _alerts(
    slots: Sequence[Slot], after: Sequence[Episode | None], told: Sequence[tuple[Step, ...]], record: AlertRecord
) -> Iterator[Alert]:
    for index, (slot, steps) in enumerate(zip(slots, told, strict=True)):
        yield from (_alert(record, slot, slot.rule, step) for step in steps)
        for flip in slot.flips:
            bid, ask = index - 1, index
            yield from _flips(record, slots[bid], flip, told[bid], opponent=after[ask])
            yield from _flips(record, slots[ask], flip, told[ask], opponent=after[bid])


def _flips(
    record: AlertRecord, slot: Slot, rule: str, steps: tuple[Step, ...], *, opponent: Episode | None
) -> Iterator[Alert]:
    """One MATCHED step where this record establishes a side whose pressure began against an open episode."""
    for step in steps:
        at_once = step.episode.onset_ms == record.event_time_ms and opponent is not None and opponent.is_open
        if _is_first(step) and (step.episode.against or at_once):
            yield _alert(record, slot, rule, Step("MATCHED", step.episode))


def _alert(record: AlertRecord, slot: Slot, rule: str, step: Step) -> Alert:
    episode, sign = step.episode, slot.told_sign
    # A feed value stands for the book that is not live: why it is not is why the step is told.
    reason = step.reason if slot.position is not None else record.untrusted
    return Alert(
        venue=record.venue,
        symbol=record.symbol,
        alert_id=alert_id(record.venue, record.symbol, rule, slot.side, episode.onset_ms),
        step=episode.steps,
        rule=rule,
        side=slot.side,
        status=step.status,
        severity=episode.severity,
        event_time_ms=record.event_time_ms,
        onset_time_ms=episode.onset_ms,
        value=sign * episode.value,
        peak=sign * episode.peak,
        threshold=sign * slot.thresholds.of(episode.severity),
        reason=reason,
        context=episode.context if step.status in {"FIRING", "MATCHED"} else None,
    )
