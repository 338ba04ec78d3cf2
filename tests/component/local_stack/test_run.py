"""`orderbook run` with the real servers, as a user meets it: started, looked at, stopped, killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from orderbook.settings import Settings
from tests.servers import broker_jars, free_port

pytestmark = pytest.mark.component

ORDERBOOK = Path(sys.executable).with_name("orderbook")
PATIENCE_S = 120.0
SERVERS = {"valkey", "postgres", "kafka"}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Settings of a stack of its own: a new state folder, which shares the downloaded jars, and free ports."""
    jars = tmp_path / "state" / "jars"
    jars.mkdir(parents=True)
    (jars / "broker").symlink_to(broker_jars())
    outside = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
    return {
        **outside,
        "STATE_DIR": str(tmp_path / "state"),
        "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}",
        "KAFKA_CONTROLLER_PORT": str(free_port()),
        "DATABASE_PORT": str(free_port()),
        "REDIS_PORT": str(free_port()),
    }


def call(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    folder = Path(environment["STATE_DIR"]).parent
    return subprocess.run(
        [str(ORDERBOOK), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@contextmanager
def stack_running(environment: dict[str, str], only: str) -> Iterator[subprocess.Popen[bytes]]:
    """A stack that is up; whatever the block leaves of it is killed."""
    folder = Path(environment["STATE_DIR"]).parent
    shown = folder / "shown"
    with shown.open("wb") as output:
        run = subprocess.Popen(
            [str(ORDERBOOK), "run", "--only", only], cwd=folder, env=environment, stdout=output, stderr=output
        )
    try:
        give_up_at = time.monotonic() + PATIENCE_S
        while "orderbook stop" not in shown.read_text():
            assert run.poll() is None, shown.read_text()
            assert time.monotonic() < give_up_at, shown.read_text()
            time.sleep(0.05)
        yield run
    finally:
        if run.poll() is None:
            run.terminate()
        run.wait(PATIENCE_S)


def family(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def still_there(processes: list[psutil.Process]) -> list[str]:
    left = []
    for process in processes:
        try:
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                left.append(" ".join(process.cmdline()))
        except psutil.NoSuchProcess:
            continue
    return left


def test_a_run_from_start_to_stop_and_again_with_its_data(environment: dict[str, str]) -> None:
    settings = {"host": "127.0.0.1", "port": int(environment["DATABASE_PORT"]), "user": "orderbook_user"}
    settings |= {"password": "orderbook", "dbname": "orderbook"}
    with stack_running(environment, "valkey,postgres,kafka") as run:
        seen = json.loads(call(environment, "status", "--json").stdout)
        rows = {row["name"]: row for row in seen["processes"]}
        assert rows.keys() == {*SERVERS, "kafka-jars"}
        assert {name: rows[name]["phase"] for name in SERVERS} == dict.fromkeys(SERVERS, "running")
        assert all(rows[name]["memory_bytes"] > 1 << 20 for name in SERVERS)
        assert seen["memory_bytes"] > sum(rows[name]["memory_bytes"] for name in SERVERS)

        for arguments in (("run",), ("clean", "--yes")):
            refused = call(environment, *arguments)
            assert refused.returncode == 1
            assert "is already running" in refused.stderr

        with psycopg.connect(**settings) as connection:  # type: ignore[arg-type]  # the keywords differ in type
            connection.execute("CREATE TABLE kept (x int)")
        with redis.Redis(port=int(environment["REDIS_PORT"])) as client:
            client.set("kept", "yes")

        members = family(run.pid)
        assert len(members) > 8  # guardian, supervisor, three servers, PostgreSQL's own workers
        stopped = call(environment, "stop")
        assert stopped.returncode == 0
        assert "every process has ended" in stopped.stdout
        assert run.wait(PATIENCE_S) == 0
        assert still_there(members) == []
        assert "no stack is running" in call(environment, "status").stdout

    with stack_running(environment, "valkey,postgres"):
        with psycopg.connect(**settings) as connection:  # type: ignore[arg-type]  # as above
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
        with redis.Redis(port=int(environment["REDIS_PORT"])) as client:
            assert client.get("kept") == b"yes"

    cleaned = call(environment, "clean", "--yes")
    assert cleaned.returncode == 0
    assert list(Path(environment["STATE_DIR"]).iterdir()) == []
    assert broker_jars().exists()


@pytest.mark.parametrize("victim", ["supervisor", "guardian"])
def test_nothing_is_left_when_one_of_the_two_is_killed(environment: dict[str, str], victim: str) -> None:
    with stack_running(environment, "valkey,postgres,kafka") as run:
        members = family(run.pid)
        owner = json.loads((Path(environment["STATE_DIR"]) / "run" / "stack.lock").read_text())
        os.kill(owner[victim], signal.SIGKILL)
        psutil.wait_procs(members, timeout=PATIENCE_S)
        assert still_there(members) == []
    assert "no stack is running" in call(environment, "stop").stdout


def test_a_killed_server_comes_back_with_its_workers_while_the_others_stay(environment: dict[str, str]) -> None:
    def pids() -> dict[str, tuple[int, int]]:
        seen = json.loads(call(environment, "status", "--json").stdout)
        return {row["name"]: (row["pid"], row["restarts"]) for row in seen["processes"] if row["phase"] == "running"}

    with stack_running(environment, "valkey,postgres"):
        before = pids()
        killed = psutil.Process(before["postgres"][0])
        workers = killed.children(recursive=True)
        assert workers
        killed.kill()
        give_up_at = time.monotonic() + PATIENCE_S
        while (after := pids()).get("postgres", before["postgres"])[0] == before["postgres"][0]:
            assert time.monotonic() < give_up_at
        assert after["postgres"][1] == 1
        assert after["valkey"] == before["valkey"]
        assert still_there(workers) == []
        with psycopg.connect(
            host="127.0.0.1",
            port=int(environment["DATABASE_PORT"]),
            user="orderbook_user",
            password="orderbook",  # noqa: S106 - the default of the local stack
            dbname="orderbook",
        ) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
