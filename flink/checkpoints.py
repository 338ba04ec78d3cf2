"""Where the job's checkpoints lie, and which one a new process goes on from."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The checkpoints of one rendering of the job: `<state_dir>/flink/<fingerprint>/<Flink job id>/chk-<n>`."""

    folder: Path

    @classmethod
    def of_job(cls, state_dir: Path, fingerprint: str) -> Checkpoints:
        """Return the place for the job with this fingerprint, creating it."""
        folder = (state_dir / "flink" / fingerprint).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        return cls(folder)

    @property
    def uri(self) -> str:
        """The folder as Flink wants it."""
        return self.folder.as_uri()

    def newest(self) -> Path | None:
        """Return the newest complete checkpoint, None before the first.

        By the time its `_metadata` was written: that file is written last, and the highest number may be unfinished.
        """
        complete = list(self.folder.glob("*/chk-*/_metadata"))
        return max(complete, key=lambda metadata: metadata.stat().st_mtime_ns).parent if complete else None

    def forget_all_but(self, checkpoint: Path) -> None:
        """Delete the checkpoints of former processes, except those of the run `checkpoint` belongs to."""
        for run in self.folder.iterdir():
            if run != checkpoint.parent:
                shutil.rmtree(run, ignore_errors=True)
