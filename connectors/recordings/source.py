"""A recording as a Bytewax source: the recorded frames drive the same session as a live connection would.

The receive times of the recording are the session's clock, so a replay makes the same messages at any speed. The
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

from connectors.binance.frames import Acknowledgement, ServerShutdown, decode_frame
from connectors.recordings.files import Recorded, RecordedSnapshot, RecordingSummary, read
from orderbook.errors import UnreadableMessage
from orderbook.keeper import BookKeeper
from orderbook.messages import IngestMessage
from orderbook.session import IngestSession
from runtime.readiness import announce_ready

VENUE: Final = "recording"
FRAMES_PER_BATCH: Final = 500
WINDOW_MS: Final = 1000

Speed = float | Literal["max"]


class RecordingSource(FixedPartitionedSource[IngestMessage, None]):
    """The files, which are one recording, at `speed` times their own pace or flat out.

    `watermark_delay_ms` is how far behind the newest event windows close, so that the last ones do. `progress` is
    called after each batch with the receive time reached and the session's keepers.
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
        session = IngestSession(
            venue=VENUE,
            symbols=self._summary.symbols,
            depth_levels=self._depth_levels,
            market=self._summary.market,
        )
        return RecordingPartition(self._files, session, self._speed, self._beyond_ms, self._progress)


class RecordingPartition(StatefulSourcePartition[IngestMessage, None]):
    """The recording as it is played."""

    def __init__(
        self,
        files: Sequence[Path],
        session: IngestSession,
        speed: Speed,
        beyond_ms: int,
        progress: Callable[[int, tuple[BookKeeper, ...]], None] | None,
    ) -> None:
        self._lines = read(files)
        self._session = session
        self._speed = speed
        self._beyond_ms = beyond_ms
        self._progress = progress
        self._ahead: Recorded | None = next(self._lines, None)
        self._reached_ms = 0 if self._ahead is None else self._ahead.receive_time_ms
        self._started_ms = self._reached_ms
        self._started = time.monotonic()
        self._ended = False

    def next_batch(self) -> list[IngestMessage]:
        """Return what the frames due now make; raises StopIteration after the end."""
        if self._ended:
            raise StopIteration
        messages: list[IngestMessage] = []
        limit_ms = self._due_until_ms()
        for _ in range(FRAMES_PER_BATCH):
            if self._ahead is None or (limit_ms is not None and self._ahead.receive_time_ms > limit_ms):
                break
            messages += self._play(self._ahead)
            self._reached_ms = self._ahead.receive_time_ms
            self._ahead = next(self._lines, None)
        if self._ahead is None:
            messages += self._session.close_windows(self._beyond_ms, self._reached_ms)
            self._ended = True
        if self._progress is not None:
            self._progress(self._reached_ms, self._session.keepers)
        announce_ready()
        return messages

    def next_awake(self) -> datetime | None:
        """When the next frame is due; at once when flat out."""
        if self._ahead is None or self._speed == "max":
            return None
        ahead_s = (self._ahead.receive_time_ms - self._started_ms) / 1000 / self._speed
        return datetime.now(UTC) + timedelta(seconds=max(0.0, self._started + ahead_s - time.monotonic()))

    def snapshot(self) -> None:
        """Nothing: see the module."""

    def _due_until_ms(self) -> int | None:
        if self._speed == "max":
            return None
        return self._started_ms + int((time.monotonic() - self._started) * 1000 * self._speed)

    def _play(self, recorded: Recorded) -> list[IngestMessage]:
        receive_time_ms = recorded.receive_time_ms
        if isinstance(recorded, RecordedSnapshot):
            return self._session.snapshot(recorded.symbol, recorded.snapshot, receive_time_ms)
        try:
            frame = decode_frame(recorded.payload)
        except UnreadableMessage as unreadable:
            return self._session.unreadable(recorded.payload, str(unreadable), "recording", receive_time_ms)
        if isinstance(frame, Acknowledgement | ServerShutdown):
            return []
        return self._session.event(frame, receive_time_ms)
