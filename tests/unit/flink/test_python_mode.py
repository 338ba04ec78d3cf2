"""Where the job's Python runs, and that a state in one place is not gone on from in the other."""

from __future__ import annotations

from pathlib import Path

import pytest

import flink.python_mode
from flink.python_mode import checkpoints_of, python_mode
from flink.rendering import render
from orderbook.errors import SettingsError
from orderbook.settings import FlinkPython, Settings


def told(where: FlinkPython) -> Settings:
    return Settings(_env_file=None, flink_python=where)


@pytest.mark.parametrize(("where", "mode"), [("auto", "thread"), ("thread", "thread"), ("process", "process")])
def test_a_python_with_a_shared_library_is_loaded_by_the_jvm_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, where: FlinkPython, mode: str
) -> None:
    monkeypatch.setattr(flink.python_mode, "find_libpython", lambda: "/usr/lib/libpython3.11.so")
    assert python_mode(told(where)) == mode


def test_one_without_has_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flink.python_mode, "find_libpython", lambda: None)
    assert python_mode(told("auto")) == python_mode(told("process")) == "process"
    with pytest.raises(SettingsError, match=r"FLINK_PYTHON='thread'.*shared library.*auto"):
        python_mode(told("thread"))


def test_each_has_checkpoints_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(flink.python_mode, "find_libpython", lambda: "/usr/lib/libpython3.11.so")
    of = {}
    for where in ("thread", "process"):
        settings = told(where).model_copy(update={"state_dir": tmp_path})
        of[where] = checkpoints_of(settings, render(settings)).folder
    assert of["thread"] != of["process"]
