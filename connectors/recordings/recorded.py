"""What reading a recording gives, line by line, each with the place it stands at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from connectors.binance.arrivals import Arrival


@dataclass(frozen=True, slots=True)
class Place:
    """Where a line stands. `series` names the connection part whose segments these are, empty for other formats."""

    file: Path
    line: int
    series: str = ""

    def __str__(self) -> str:
        """The place as a person looks for it."""
        return f"{self.file.name}, line {self.line}"


@dataclass(frozen=True, slots=True)
class Recorded:
    """An arrival as it was recorded."""

    place: Place
    arrival: Arrival

    @property
    def receive_time_ns(self) -> int:
        """When it arrived."""
        return self.arrival.receive_time_ns


@dataclass(frozen=True, slots=True)
class UnreadableLine:
    """A line that is nothing of the recording's format; the lines around it are used."""

    place: Place
    receive_time_ns: int
    reason: str
    text: bytes = b""


@dataclass(frozen=True, slots=True)
class LostFrames:
    """Frames that the recorder could not keep were received here."""

    place: Place
    receive_time_ns: int
    count: int


RecordedLine: TypeAlias = Recorded | UnreadableLine | LostFrames
