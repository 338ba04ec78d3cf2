"""kill -9 of the ingest, the bridge and the Flink job, in turn, while the stack runs."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import defaultdict
from typing import Any

import polars as pl
import psutil
import psycopg
import pytest

from orderbook.topics import Topics
from tests import oracle, window_oracle
from tests.processes import REPOSITORY, environment, eventually
from tests.stack import ORDERBOOK, Stack, running_stack, stack_settings
from tests.topics import TopicReader

pytestmark = [pytest.mark.recovery, pytest.mark.timeout(900)]

LATE_MS = 3000


def kill(stack: Stack, name: str) -> None:
    """kill -9 the process of that name, and wait until another one has taken its place and is ready."""
    before = stack.status()[name]
    os.kill(before["pid"], signal.SIGKILL)

    def back() -> bool | None:
        now = stack.status().get(name, {})
        return (now.get("phase") == "running" and now.get("pid") != before["pid"]) or None

    eventually(back, 180.0, process=stack.run, every_s=0.5)
    assert stack.status()[name]["restarts"] == before["restarts"] + 1


def numbers_move(stack: Stack) -> None:
    """Wait until every symbol's newest number is one that did not exist before."""
    for symbol in stack.settings.symbols:
        seen = stack.newest(symbol)
        before = seen["update_id"] if seen else 0

        def moved(symbol: str = symbol, before: int = before) -> bool | None:
            now = stack.newest(symbol)
            return (now is not None and now["update_id"] > before) or None

        eventually(moved, 120.0, process=stack.run)


def stored_windows(stack: Stack) -> pl.DataFrame:
    columns = ["symbol", "updates", "first_update_id", "last_update_id", *window_oracle.WINDOW_NUMBERS]
    with psycopg.connect(stack.settings.database_conninfo) as connection:
        cursor = connection.execute(
            "SELECT (extract(epoch FROM window_start) * 1000)::bigint AS window_start_ms, "  # noqa: S608 - our own names
            f"{', '.join(columns)} FROM orderbook_metrics WHERE window_ms = 1000 ORDER BY symbol, window_start"
        )
        rows, names = cursor.fetchall(), ["window_start_ms", *columns]
        return pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None)


def test_each_comes_back_by_itself_and_the_store_holds_every_window_exactly_once(stack: Stack) -> None:
    for name in ("ingest", "bridge", "flink"):
        kill(stack, name)
        numbers_move(stack)
    raw = TopicReader(stack.settings.kafka_bootstrap_servers, Topics(stack.settings.topic_prefix).raw)
    rows: list[dict[str, Any]] = raw.read_all()
    raw.close()
    breaks: dict[str, int] = defaultdict(int)
    proven = []
    for row in rows:
        if row["type"] == "feed_gap" or row["state"] != "live":
            breaks[row["symbol"]] += 1
        elif row["type"] == "book":
            taken = ("symbol", "event_time_ms", "update_id", "bid_price", "bid_qty", "ask_price", "ask_qty")
            proven.append({name: row[name] for name in (*taken, *oracle.DEPTH_ARRAYS)} | {"run": breaks[row["symbol"]]})
    books = pl.DataFrame(proven, schema_overrides=dict.fromkeys(oracle.DEPTH_ARRAYS, pl.List(pl.Float64)))
    assert books.select(pl.struct("symbol", "update_id").is_duplicated().any()).item() is False
    closed_ms = min(max(row["event_time_ms"] for row in rows if row["symbol"] == one) for one in stack.settings.symbols)
    expected = window_oracle.windows(oracle.metrics(books)).filter(
        pl.col("window_start_ms") + 1000 <= closed_ms - LATE_MS
    )

    def complete() -> pl.DataFrame | None:
        stored = stored_windows(stack).filter(pl.col("window_start_ms") + 1000 <= closed_ms - LATE_MS)
        return stored if stored.height >= expected.height else None

    stored = eventually(complete, 60.0)
    oracle.assert_equal(
        stored,
        expected,
        exact=["symbol", "window_start_ms", "updates", "first_update_id", "last_update_id"],
        close=window_oracle.WINDOW_NUMBERS,
    )
    oracle.assert_measured(stored, window_oracle.WINDOW_DEPTHS)
    assert expected["symbol"].n_unique() == len(stack.settings.symbols)
    letters = TopicReader(stack.settings.kafka_bootstrap_servers, Topics(stack.settings.topic_prefix).dead_letter)
    assert letters.read_all() == []
    letters.close()


def test_a_stopped_stack_leaves_no_process_and_keeps_its_windows(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("stopped")
    settings = stack_settings(folder)
    with running_stack(settings, folder) as one:
        eventually(lambda: stored_windows(one).height >= 10 or None, 60.0, process=one.run)
        pids = one.pids()
        assert len(pids) > 8
        stopped = subprocess.run([ORDERBOOK, "stop"], cwd=REPOSITORY, env=environment(settings), check=False)
        assert stopped.returncode == 0
        assert eventually(one.run.process.poll, 15.0) == 0
        eventually(lambda: not any(map(psutil.pid_exists, pids)) or None, 5.0)
    with running_stack(settings, folder) as again:
        assert stored_windows(again).height >= 10
        pids = again.pids()
        again.run.process.kill()  # the supervisor itself: what it started must not outlive it
        again.run.process.wait()
        eventually(lambda: not any(map(psutil.pid_exists, pids)) or None, 30.0)
