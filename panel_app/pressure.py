"""Who presses, how hard and since when, read off the imbalance with the thresholds that the alerts use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from orderbook.alerts import Thresholds

Side = Literal["bid", "ask"]
Strength = Literal["balanced", "lean", "press", "press hard"]

SIDE_NAMES: Final[dict[Side, str]] = {"bid": "bids", "ask": "asks"}


@dataclass(frozen=True, slots=True)
class Pressure:
    """What one imbalance says: the side with more depth, None when balanced, and how strongly."""

    side: Side | None
    strength: Strength

    @property
    def words(self) -> str:
        """For a person: `balanced`, `bids lean`, `asks press hard`."""
        return "balanced" if self.side is None else f"{SIDE_NAMES[self.side]} {self.strength}"


@dataclass(frozen=True, slots=True)
class Pressing:
    """A side that has pressed since `since_ms` (event time, milliseconds).

    `start_seen` is False when it already pressed at the first record seen, so that the true start is earlier.
    """

    side: Side
    since_ms: int
    start_seen: bool


def pressure_of(imbalance: float, thresholds: Thresholds) -> Pressure:
    """Name an imbalance_ratio's pressure: balanced below release, lean, press from medium, press hard from high."""
    size = abs(imbalance)
    if size < thresholds.release:
        return Pressure(None, "balanced")
    side: Side = "bid" if imbalance > 0 else "ask"
    if size >= thresholds.high:
        return Pressure(side, "press hard")
    return Pressure(side, "press" if size >= thresholds.medium else "lean")


class PressureClock:
    """Since when a side has pressed: from the first record at or above medium until one below release.

    It sees the records it is given, which may be a sample; an alert's onset, where there is one, is exact.
    """

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._pressing: Pressing | None = None
        self._newest_ms: int | None = None

    def observe(self, event_time_ms: int, imbalance: float | None) -> Pressing | None:
        """Take one record in; return who presses now. A record older than the last one starts afresh."""
        if self._newest_ms is not None and event_time_ms < self._newest_ms:
            self._pressing, self._newest_ms = None, None
        first = self._newest_ms is None
        self._newest_ms = event_time_ms
        if imbalance is None:
            self._pressing = None
            return None
        side: Side = "bid" if imbalance > 0 else "ask"
        if self._pressing is not None and (side != self._pressing.side or abs(imbalance) < self._thresholds.release):
            self._pressing = None
        if self._pressing is None and abs(imbalance) >= self._thresholds.medium:
            self._pressing = Pressing(side, event_time_ms, start_seen=not first)
        return self._pressing
