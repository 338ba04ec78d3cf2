"""A recording as a Bytewax source: the recorded arrivals drive the same sessions as live ones do.

The receive times of the recording are the sessions' clock, so a replay makes the same messages at any speed. The
source ends when the recording does, after heartbeats that let the last window close. It cannot resume in the middle:
what is published is a function of the whole recording, so an interrupted replay is started again from the beginning.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from connectors.binance.arrivals import NS_PER_MS
from connectors.recordings.files import RecordingSummary, read
from connectors.recordings.playing import Player
from connectors.recordings.recorded import RecordedLine
from orderbook.keeper import BookKeeper
from orderbook.messages import IngestMessage
from runtime.readiness import announce_ready

LINES_PER_BATCH: Final = 500
WINDOW_MS: Final = 1000

Speed = float | Literal["max"]


class RecordingSource(FixedPartitionedSource[IngestMessage, None]):
    """The files, which are one recording, at `speed` times their own pace or flat out.

    `watermark_delay_ms` is how far behind the newest event windows close, so that the last ones do. `progress` is
    called after each batch with the receive time reached and the keepers of all symbols.
    """

    def __init__(
        self,
        files: Sequence[Path],
        summary: RecordingSummary,
        *,
        speed: Speed,
        depth_levels: int,
        watermark_delay_ms: int,
        progress: Callable[[int, tuple[BookKeeper, ...]], None] | None = None,
    ) -> None:
        self._files = tuple(files)
        self._summary = summary
        self._speed = speed
        self._depth_levels = depth_levels
        self._beyond_ms = watermark_delay_ms + WINDOW_MS + 1
        self._progress = progress

    def list_parts(self) -> list[str]:
        """One part: the order of the recording is kept."""
        return ["recording"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> RecordingPartition:  # noqa: ARG002 - Bytewax's signature
        """Open the files."""
        player = Player(self._summary, depth_levels=self._depth_levels, covered=False)
        return RecordingPartition(self._files, player, self._speed, self._beyond_ms, self._progress)


class RecordingPartition(StatefulSourcePartition[IngestMessage, None]):
    """The recording as it is played."""

    def __init__(
        self,
        files: Sequence[Path],
        player: Player,
        speed: Speed,
        beyond_ms: int,
        progress: Callable[[int, tuple[BookKeeper, ...]], None] | None,
    ) -> None:
        self._lines = read(files)
        self._player = player
        self._speed = speed
        self._beyond_ms = beyond_ms
        self._progress = progress
        self._ahead: RecordedLine | None = next(self._lines, None)
        self._reached_ms = 0 if self._ahead is None else _ms(self._ahead)
        self._started_ms = self._reached_ms
        self._started = time.monotonic()
        self._ended = False

    def next_batch(self) -> list[IngestMessage]:
        """Return what the lines due make; raises StopIteration after the end."""
        if self._ended:
            raise StopIteration
        messages: list[IngestMessage] = []
        limit_ms = self._due_until_ms()
        for _ in range(LINES_PER_BATCH):
            if self._ahead is None or (limit_ms is not None and _ms(self._ahead) > limit_ms):
                break
            messages += self._player.play(self._ahead)
            self._reached_ms = _ms(self._ahead)
            self._ahead = next(self._lines, None)
        if self._ahead is None:
            messages += self._player.close_windows(self._beyond_ms, self._reached_ms)
            self._ended = True
        if self._progress is not None:
            self._progress(self._reached_ms, self._player.keepers)
        announce_ready()
        return messages

    def next_awake(self) -> datetime | None:
        """When the next line is due; at once when flat out."""
        if self._ahead is None or self._speed == "max":
            return None
        ahead_s = (_ms(self._ahead) - self._started_ms) / 1000 / self._speed
        return datetime.now(UTC) + timedelta(seconds=max(0.0, self._started + ahead_s - time.monotonic()))

    def snapshot(self) -> None:
        """Nothing: see the module."""

    def _due_until_ms(self) -> int | None:
        if self._speed == "max":
            return None
        return self._started_ms + int((time.monotonic() - self._started) * 1000 * self._speed)


def _ms(line: RecordedLine) -> int:
    return line.receive_time_ns // NS_PER_MS
