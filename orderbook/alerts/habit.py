"""Thresholds that follow a symbol's own past day: how large a value usually is there, and how far out that moves them.

The value's size, a sample a second of the symbol's own time, goes into a histogram of logarithmic bins, 9 % wide. Every
full hour of event time the histogram forgets exp(-1/24) of itself, so that it weighs the past day most, and says anew
how far the thresholds are moved; between two hours they stand still. Until an hour's samples are there they are not
moved.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from orderbook.alerts.record import AlertRecord
    from orderbook.alerts.rules import Slot

SAMPLE_EVERY_MS: Final = 1_000
HOUR_MS: Final = 3_600_000
LEAST_SAMPLES: Final = 3_600
BINS_AN_OCTAVE: Final = 8
KEPT_AN_HOUR: Final = math.exp(-1 / 24)
LEAST_FACTOR: Final = 1e-9
"""Thresholds above 0 stay there, also where the past is full of zeros."""
NOTHING: Final = -(1 << 20)
"""The bin of sizes that are not above 0."""


class Habit(msgspec.Struct, frozen=True, array_like=True):
    """What is known of one value of a symbol: samples by bin, and the factor by which its thresholds are moved."""

    counts: dict[int, float] = {}
    sampled_ms: int | None = None
    hour: int = 0
    factor: float = 1.0


def adapted(
    habits: dict[int, Habit], slots: tuple[Slot, ...], record: AlertRecord
) -> tuple[dict[int, Habit], tuple[Slot, ...]]:
    """Return the habits after a record, by the index of their slot, and the slots with the thresholds in force at it.

    The ask of a rule of both sides has the habit of the bid before it.
    """
    known, moved = dict(habits), list(slots)
    for index, slot in enumerate(slots):
        if slot.rarer_than is None or slot.position is None:
            continue
        first = index - 1 if slot.side == "ask" else index
        value = record.values[slot.position] if record.values and record.untrusted is None else None
        if first == index and value is not None:
            known[index] = _learned(known.get(index, Habit()), record.event_time_ms, value, slot)
        habit = known.get(first)
        if habit is not None and habit.factor != 1.0:
            moved[index] = dataclasses.replace(slot, thresholds=slot.thresholds.times(habit.factor))
    return known, tuple(moved)


def _learned(habit: Habit, time_ms: int, value: float, slot: Slot) -> Habit:
    if habit.sampled_ms is not None and time_ms - habit.sampled_ms < SAMPLE_EVERY_MS:
        return habit
    hour, factor, counts = time_ms // HOUR_MS, habit.factor, dict(habit.counts)
    if habit.sampled_ms is not None and hour > habit.hour:
        factor = _factor(counts, slot)
        kept = KEPT_AN_HOUR ** (hour - habit.hour)
        counts = {number: count * kept for number, count in counts.items()}
    number = _bin(abs(value) if slot.side is not None else value)
    counts[number] = counts.get(number, 0.0) + 1
    return Habit(counts, time_ms, hour, factor)


def _factor(counts: dict[int, float], slot: Slot) -> float:
    """How far out the thresholds move: never inwards, and not at all on too few samples."""
    total = sum(counts.values())
    if total < LEAST_SAMPLES or slot.rarer_than is None:
        return 1.0
    small_is_bad = slot.sign < 0 and slot.side is None
    beyond = 0.0
    usual = 0.0
    for number in sorted(counts, reverse=not small_is_bad):
        beyond += counts[number]
        if beyond > slot.rarer_than * total:
            usual = _middle(number)
            break
    factor = usual / abs(slot.thresholds.medium)
    return min(max(factor, LEAST_FACTOR), 1.0) if small_is_bad else max(factor, 1.0)


def _bin(size: float) -> int:
    return math.floor(math.log2(size) * BINS_AN_OCTAVE) if size > 0 else NOTHING


def _middle(number: int) -> float:
    """The size that stands for a bin, within 5 % of every size in it."""
    return 0.0 if number == NOTHING else float(2 ** ((number + 0.5) / BINS_AN_OCTAVE))
