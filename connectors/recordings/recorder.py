"""The recorder: keeps every arrival of the connections on disk, beside the books and never in their way.

Whoever takes arrivals hands each to a function that only queues it. A thread of the recorder's own writes them, flushes
each second, and keeps to the disk's limit. When the disk cannot keep up, frames are not kept, and the recording says
how many and where; connection events and snapshots are few and always kept. When the disk is full by the limit or
fails, the recorder says so and stops for good: the books go on.
"""

from __future__ import annotations

import atexit
import fcntl
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

from connectors.binance.arrivals import Arrival, Received
from connectors.recordings.disk import DiskLimit, DiskRoom
from connectors.recordings.lines import Line, Lost
from connectors.recordings.segments import SegmentSeries
from orderbook.errors import SettingsError
from orderbook.market import Market
from orderbook.settings import Settings
from runtime.logs import get_logger

BACKLOG_BYTES: Final = 64 << 20
"""Frames waiting for the disk: about a minute of 450 symbols."""
LINE_BYTES: Final = 200
"""What a queued arrival takes besides its payload."""
FLUSH_EVERY_S: Final = 1.0
FLUSHES_PER_ROOM: Final = 10
END_WITHIN_S: Final = 10.0

KeepArrival: TypeAlias = Callable[[Arrival], None]

log = get_logger("recorder")


class Backlog:
    """What waits to be written, in order, for each part; not safe to use from several threads by itself.

    Frames beyond `limit_bytes` are not taken but counted, and a `Lost` line stands where they would have.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._waiting: deque[tuple[str, Line]] = deque()
        self._bytes = 0
        self._lost: dict[str, Lost] = {}

    def put(self, part: str, arrival: Arrival) -> None:
        """Take an arrival, or count it as lost."""
        if isinstance(arrival, Received):
            size = len(arrival.payload) + LINE_BYTES
            if self._bytes + size > self._limit_bytes:
                before = self._lost.get(part)
                began_ns = arrival.receive_time_ns if before is None else before.receive_time_ns
                self._lost[part] = Lost(began_ns, 1 if before is None else before.count + 1)
                return
            self._bytes += size
        lost = self._lost.pop(part, None)
        if lost is not None:
            self._waiting.append((part, lost))
        self._waiting.append((part, arrival))

    def take(self) -> list[tuple[str, Line]]:
        """Return everything that waits, and forget it."""
        taken = [*self._waiting, *self._lost.items()]
        self._waiting.clear()
        self._lost.clear()
        self._bytes = 0
        return taken


@dataclass(frozen=True, slots=True)
class Kept:
    """What a recorder has done: lines written, frames lost, and why it stopped, None while it goes on."""

    lines: int
    lost: int
    stopped: str | None


class Recorder:
    """Records the parts that are announced with `part`. Its own failures never reach those who hand it arrivals.

    One recorder writes into a folder at a time: raises SettingsError when another one does, or the folder cannot be
    written.
    """

    def __init__(
        self, folder: Path, *, segment_bytes: int, limit: DiskLimit, backlog_bytes: int = BACKLOG_BYTES
    ) -> None:
        self._folder = folder
        self._lock = _locked(folder)
        self._segment_bytes = segment_bytes
        self._room = DiskRoom(folder, limit)
        self._backlog = Backlog(backlog_bytes)
        self._series: dict[str, SegmentSeries] = {}
        self._announced: dict[str, Callable[[], SegmentSeries]] = {}
        self._changed = threading.Condition()
        self._ending = False
        self._lines = 0
        self._lost = 0
        self._stopped: str | None = None
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    @property
    def kept(self) -> Kept:
        """What was done so far."""
        return Kept(self._lines, self._lost, self._stopped)

    def part(self, part: str, *, venue: str, market: Market, symbols: tuple[str, ...]) -> KeepArrival:
        """Announce a connection part and return the function that keeps its arrivals; it never blocks and never raises.

        What an earlier process left open of it is salvaged before its first line is written.
        """

        def begin() -> SegmentSeries:
            return SegmentSeries(
                self._folder,
                venue=venue,
                market=market,
                part=part,
                symbols=symbols,
                segment_bytes=self._segment_bytes,
            )

        def keep(arrival: Arrival) -> None:
            if self._stopped is None:
                with self._changed:
                    self._backlog.put(part, arrival)

        with self._changed:
            self._announced[part] = begin
        return keep

    def close(self) -> None:
        """Write what waits, close every segment, and end the thread; returns when that is done, or after 10 s."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        self._thread.join(END_WITHIN_S)
        self._lock.close()

    def _run(self) -> None:
        try:
            self._record()
        except OSError as failed:
            self._stop(f"the disk failed: {failed}")
        except Exception as failed:
            self._stop(f"unexpected {type(failed).__name__}: {failed}")
            log.exception("recorder_broken")

    def _record(self) -> None:
        flushes = 0
        while not self._ending and self._stopped is None:
            if flushes % FLUSHES_PER_ROOM == 0:
                self._make_room()
            flushes += 1
            with self._changed:
                self._changed.wait_for(lambda: self._ending, FLUSH_EVERY_S)
            self._write()
            for series in self._series.values():
                series.flush()
        if self._stopped is None:
            self._write()  # what came while the last was being written
        for series in self._series.values():
            series.close()

    def _write(self) -> None:
        with self._changed:
            waiting = self._backlog.take()
        for part, line in waiting:
            if part not in self._series:
                self._series[part] = begun = self._announced[part]()
                for file in begun.salvaged:
                    log.warning("segment_salvaged", file=str(file))
            if isinstance(line, Lost):
                self._lost += line.count
                log.warning("recorder_behind", part=part, frames_lost=line.count)
            self._series[part].write(line)
            self._lines += 1

    def _make_room(self) -> None:
        verdict = self._room.make()
        for file in verdict.delete:
            log.info("segment_deleted", file=str(file), why="RECORD_MAX_GB or RECORD_KEEP_FREE_GB is reached")
        if verdict.full:
            self._stop(f"{self._folder} has no room left within RECORD_MAX_GB and RECORD_KEEP_FREE_GB")

    def _stop(self, why: str) -> None:
        self._stopped = why
        with self._changed:
            self._backlog.take()
        log.error("recording_stopped", why=why)


def _locked(folder: Path) -> BinaryIO:
    """Open the folder's lock and take it; it is released when it is closed, or when the process ends."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("wb")
    except OSError as refused:
        raise SettingsError(f"RECORD_DIR={folder} cannot be written: {refused.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise SettingsError(
            f"RECORD_DIR={folder} is being recorded into by another process: end that one, or name another folder"
        ) from None
    return lock


def recorder_of(settings: Settings) -> Recorder:
    """Start the recorder that the settings describe; it is closed at the latest when the interpreter ends.

    Raises SettingsError as `Recorder` does.
    """
    limit = DiskLimit(
        max_bytes=int(settings.record_max_gb * 1e9),
        keep_free_bytes=int(settings.record_keep_free_gb * 1e9),
        when_full=settings.record_when_full,
    )
    recorder = Recorder(settings.record_dir, segment_bytes=int(settings.record_segment_mb * 1e6), limit=limit)
    atexit.register(recorder.close)
    return recorder
