from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from local_stack import ending
from local_stack.state import Owner, StackLock, StackStatus, read_status, run_folder, write_status
from local_stack.supervisor import Phase, UnitState
from local_stack.survey import memory_bytes, survey
from orderbook.errors import StackError

KAFKA = UnitState(name="kafka", kind="service", phase=Phase.RUNNING, pid=None, restarts=2, since=1000.5)
STATUS = StackStatus(
    started=999.0, dashboard="http://127.0.0.1:1", feed="simulator", why="nothing answers", units=(KAFKA,)
)


def test_a_status_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    run_folder(tmp_path).mkdir()
    write_status(tmp_path, STATUS)
    write_status(tmp_path, msgspec.structs.replace(STATUS, units=(KAFKA, replace(KAFKA, name="flink"))))
    seen = read_status(tmp_path)
    assert seen is not None
    assert [unit.name for unit in seen.units] == ["kafka", "flink"]
    assert seen.units[0] == KAFKA
    assert seen.units[0].phase is Phase.RUNNING


@pytest.mark.parametrize("content", [None, b"", b"{"])
def test_no_status_is_told_from_one(tmp_path: Path, content: bytes | None) -> None:
    run_folder(tmp_path).mkdir()
    if content is not None:
        (run_folder(tmp_path) / "status.json").write_bytes(content)
    assert read_status(tmp_path) is None


def test_a_second_stack_is_refused_and_told_who_holds_the_folder(tmp_path: Path) -> None:
    first, second = StackLock(tmp_path), StackLock(tmp_path)
    first.take()
    first.sign(guardian=1)
    assert not second.is_free()
    with pytest.raises(StackError, match=rf"is already running \(process {os.getpid()}\).*orderbook stop"):
        second.take()
    first.close()
    assert second.is_free()
    second.take()
    second.close()


def test_looking_whether_it_is_free_does_not_take_it(tmp_path: Path) -> None:
    first, second = StackLock(tmp_path), StackLock(tmp_path)
    assert first.is_free()
    second.take()
    assert not first.is_free()
    first.close()
    second.close()


def test_an_owner_whose_number_was_given_to_another_process_is_gone() -> None:
    lasting = Owner(supervisor=os.getpid(), supervisor_started=12345.0, guardian=1)
    assert lasting.supervisor_process() is None


def test_stopping_where_nothing_runs_says_so(tmp_path: Path) -> None:
    assert ending.stop_stack(tmp_path) is None
    assert ending.stop_stack(tmp_path / "absent") is None
    assert not (tmp_path / "absent").exists()


HOLDER = """
import signal, sys, time
from pathlib import Path
from local_stack.state import StackLock
if sys.argv[2] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
lock = StackLock(Path(sys.argv[1])); lock.take(); lock.sign(guardian=1)
print("held", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize(("manner", "forced"), [("obedient", False), ("deaf", True)])
def test_stopping_waits_until_the_folder_is_free(tmp_path: Path, manner: str, *, forced: bool) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path), manner], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        ended = ending.stop_stack(tmp_path, gentle_s=1.0 if forced else 20.0, forced_s=20.0)
        assert ended is not None
        assert ended.forced is forced
        assert holder.wait() == -(signal.SIGKILL if forced else signal.SIGTERM)


def test_cleaning_removes_everything_and_says_what_and_how_much(tmp_path: Path) -> None:
    state = tmp_path / "state"
    (state / "kafka" / "log").mkdir(parents=True)
    (state / "kafka" / "log" / "0.log").write_bytes(b"x" * 1000)
    (state / "kafka" / "meta").write_bytes(b"x" * 24)
    (state / "note").write_bytes(b"xy")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    (state / "link").symlink_to(outside)
    removed = {entry.path.name: entry.size_bytes for entry in ending.clean(state)}
    assert removed["kafka"] == 1024
    assert removed["note"] == 2
    assert list(state.iterdir()) == []
    assert (outside / "kept").exists()  # a link is removed, never what it points to


def test_cleaning_is_refused_while_a_stack_runs(tmp_path: Path) -> None:
    (tmp_path / "kept").touch()
    lock = StackLock(tmp_path)
    lock.take()
    with pytest.raises(StackError, match="is already running"):
        ending.clean(tmp_path)
    lock.close()
    assert (tmp_path / "kept").exists()


def test_a_survey_sees_nothing_where_nothing_runs(tmp_path: Path) -> None:
    run_folder(tmp_path).mkdir()
    write_status(tmp_path, STATUS)  # left behind by a stack that has ended
    assert survey(tmp_path) is None
    assert survey(tmp_path / "absent") is None


def test_a_survey_tells_the_state_of_each_process(tmp_path: Path) -> None:
    lock = StackLock(tmp_path)
    lock.take()
    lock.sign(guardian=os.getpid())
    write_status(tmp_path, msgspec.structs.replace(STATUS, units=(replace(KAFKA, pid=os.getpid()),)))
    seen = survey(tmp_path)
    lock.close()
    assert seen is not None
    [kafka] = seen.processes
    assert (kafka.name, kafka.phase, kafka.pid, kafka.restarts) == ("kafka", "running", os.getpid(), 2)
    assert kafka.memory_bytes is not None
    assert seen.memory_bytes > 1 << 20
    assert (seen.feed, seen.why) == ("simulator", "nothing answers")


def test_the_memory_of_a_process_includes_its_children() -> None:
    alone = memory_bytes(os.getpid())
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    child = context.Process(target=_hold_memory, args=(queue,))
    child.start()
    try:
        queue.get(timeout=60)
        assert memory_bytes(os.getpid()) - alone > 90 << 20
    finally:
        child.kill()
        child.join()


def _hold_memory(queue: multiprocessing.Queue[str]) -> None:
    import time  # noqa: PLC0415

    held = bytearray(os.urandom(1 << 20) * 100)
    queue.put("held")
    time.sleep(600)
    assert held


def test_the_memory_of_a_process_that_is_gone_is_nothing() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert memory_bytes(gone.pid) == 0
