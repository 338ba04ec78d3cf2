"""How much of the disk a recording may take, and what happens when it has it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors.recordings.segments import SUFFIX
from connectors.recordings.series import PART
from orderbook.settings import RecordWhenFull


@dataclass(frozen=True, slots=True)
class DiskLimit:
    """At most `max_bytes` of segments, and at least `keep_free_bytes` left free on their disk."""

    max_bytes: int
    keep_free_bytes: int
    when_full: RecordWhenFull


@dataclass(frozen=True, slots=True)
class ClosedSegment:
    """A closed segment and its size."""

    file: Path
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """`delete` these segments; `full` says that there is no room to go on even then."""

    delete: tuple[Path, ...]
    full: bool


def judge(closed: Sequence[ClosedSegment], open_bytes: int, free_bytes: int, limit: DiskLimit) -> Verdict:
    """Return what the limit asks for.

    `closed` are all closed segments, oldest first, and `open_bytes` is the size of those being written. Nothing is
    deleted in vain: where deleting all would not make room, nothing is.
    """
    used = open_bytes + sum(segment.size_bytes for segment in closed)
    over = max(used - limit.max_bytes, limit.keep_free_bytes - free_bytes)
    if over <= 0:
        return Verdict((), full=False)
    if limit.when_full == "stop":
        return Verdict((), full=True)
    delete: list[Path] = []
    for segment in closed:
        if over <= 0:
            break
        delete.append(segment.file)
        over -= segment.size_bytes
    return Verdict((), full=True) if over > 0 else Verdict(tuple(delete), full=False)


class DiskRoom:
    """The room for all segments below a folder."""

    def __init__(self, folder: Path, limit: DiskLimit, free_bytes: Callable[[Path], int] | None = None) -> None:
        self._folder = folder
        self._limit = limit
        self._free_bytes = free_bytes or _free_bytes

    def make(self) -> Verdict:
        """Delete what the limit asks for and return what was decided; raises OSError when the disk does."""
        closed = [
            ClosedSegment(file, file.stat().st_size)
            for file in sorted(self._folder.rglob(f"*{SUFFIX}"), key=lambda file: (file.name, file.parent))
        ]
        open_bytes = sum(file.stat().st_size for file in self._folder.rglob(f"*{SUFFIX}{PART}"))
        verdict = judge(closed, open_bytes, self._free_bytes(self._folder), self._limit)
        for file in verdict.delete:
            file.unlink(missing_ok=True)
        return verdict


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free
