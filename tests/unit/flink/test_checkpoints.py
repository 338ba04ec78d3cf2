"""Which checkpoint a new process goes on from, and which are forgotten."""

from __future__ import annotations

import os
from pathlib import Path

from flink.checkpoints import Checkpoints


def checkpoint(checkpoints: Checkpoints, run: str, number: int, *, written_at: int | None) -> Path:
    """A checkpoint of a run; unfinished where `written_at` is None."""
    folder = checkpoints.folder / run / f"chk-{number}"
    folder.mkdir(parents=True)
    if written_at is not None:
        (folder / "_metadata").touch()
        os.utime(folder / "_metadata", (written_at, written_at))
    return folder


def test_the_newest_complete_one_is_taken_by_time_not_by_number(tmp_path: Path) -> None:
    checkpoints = Checkpoints.of_job(tmp_path, "abc")
    assert checkpoints.newest() is None
    checkpoint(checkpoints, "first", 900, written_at=1000)
    newest = checkpoint(checkpoints, "second", 3, written_at=2000)
    checkpoint(checkpoints, "second", 4, written_at=None)
    assert checkpoints.newest() == newest


def test_other_renderings_have_places_of_their_own(tmp_path: Path) -> None:
    checkpoint(Checkpoints.of_job(tmp_path, "abc"), "run", 1, written_at=1)
    assert Checkpoints.of_job(tmp_path, "def").newest() is None


def test_former_runs_are_forgotten(tmp_path: Path) -> None:
    checkpoints = Checkpoints.of_job(tmp_path, "abc")
    old = checkpoint(checkpoints, "first", 1, written_at=1)
    newest = checkpoint(checkpoints, "second", 2, written_at=2)
    other = checkpoint(Checkpoints.of_job(tmp_path, "def"), "third", 1, written_at=3)
    checkpoints.forget_all_but(newest)
    assert (old.exists(), newest.exists(), other.exists()) == (False, True, True)
