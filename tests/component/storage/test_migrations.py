from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from local_stack.postgres import EmbeddedPostgres
from migrations.errors import MigrationRefused
from migrations.runner import Limits, apply_pending, connected, discrepancies, standings
from migrations.script import read_scripts
from orderbook.errors import ServiceUnavailable
from orderbook.metrics import COUNT_COLUMNS, METRICS, WINDOW_COLUMNS
from orderbook.window_metrics import WINDOW_METRICS
from sinks.timescale import WINDOWS
from tests.component.storage.databases import Database
from tests.servers import REPOSITORY, free_port, running

pytestmark = pytest.mark.component


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connect() as opened:
        yield opened


def write(folder: Path, name: str, sql: str) -> None:
    (folder / name).write_text(sql, encoding="utf-8")


def tables(connection: Connection) -> set[str]:
    rows = connection.execute("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace").fetchall()
    return {name for (name,) in rows}


def test_an_empty_database_gets_tables_with_the_catalogue_s_columns(connection: Connection) -> None:
    done = apply_pending(connection, read_scripts())

    assert {"orderbook_metrics", "orderbook_alerts", "dashboard_summary"} <= tables(connection)
    assert {standing.script.file_name: standing.state for standing in done} == {
        "0001_orderbook_metrics.sql": "applied",
        "0002_orderbook_metrics_hypertable.sql": "skipped",
        "0003_orderbook_alerts.sql": "applied",
        "0004_dashboard_summary.sql": "applied",
        "0005_orderbook_alerts_context.sql": "applied",
        "0006_metric_windows.sql": "applied",
        "0007_depth_and_sweeps.sql": "applied",
        "0008_fitted_and_volume_metrics.sql": "applied",
    }
    columns = connection.execute(
        "SELECT attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum) FROM pg_attribute "
        "WHERE attrelid = 'orderbook_metrics'::regclass AND attnum > 0 AND NOT attisdropped"
    ).fetchall()
    kinds = {name: kind for name, kind, _comment in columns}
    wanted = {name: "bigint" if name in COUNT_COLUMNS else "double precision" for name in WINDOW_COLUMNS}
    assert {name: kinds[name] for name in wanted} == wanted
    assert set(kinds) - set(wanted) == {column.name for column in WINDOWS.columns} - set(wanted)
    comments = {name: comment for name, _kind, comment in columns}
    assert all(comments.values())
    says = {
        "open": "First {name} in the window: {definition} [{unit}]",
        "high": "Largest {name} in the window: {definition} [{unit}]",
        "low": "Least {name} in the window: {definition} [{unit}]",
        "close": "Last {name} in the window: {definition} [{unit}]",
        "sum": "Sum of {name} over the window: {definition} [{unit}]",
        "count": "Books in the window that have {name}",
    }
    for metric in METRICS:
        fields = {"name": metric.name, "definition": metric.definition, "unit": metric.unit}
        for statistic in metric.statistics:
            assert comments[f"{metric.name}_{statistic}"] == says[statistic].format(**fields)
    for of_window in WINDOW_METRICS:
        assert comments[of_window.name] == f"{of_window.label}: {of_window.definition} [{of_window.unit}]"


def test_the_keys_are_the_natural_ones(migrated: Database) -> None:
    with migrated.connect() as connection:
        keys = connection.execute(
            "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE contype = 'p' AND conrelid::regclass::text LIKE 'orderbook%' ORDER BY 1"
        ).fetchall()
    assert keys == [
        ("orderbook_alerts", "PRIMARY KEY (alert_id)"),
        ("orderbook_metrics", "PRIMARY KEY (symbol, window_ms, window_start, venue)"),
    ]


def test_a_second_run_applies_nothing(connection: Connection) -> None:
    apply_pending(connection, read_scripts())
    before = [standing.entry for standing in standings(connection, read_scripts()) if standing.state == "applied"]

    again = apply_pending(connection, read_scripts())

    assert [standing.state for standing in again] == ["skipped"]
    after = [standing.entry for standing in standings(connection, read_scripts()) if standing.state == "applied"]
    assert after == before


def test_a_file_changed_after_it_was_applied_is_refused(connection: Connection, tmp_path: Path) -> None:
    write(tmp_path, "0001_first.sql", "CREATE TABLE first (id integer);\n")
    apply_pending(connection, read_scripts(tmp_path))
    write(tmp_path, "0001_first.sql", "CREATE TABLE first (id bigint);\n")
    write(tmp_path, "0002_second.sql", "CREATE TABLE second (id integer);\n")

    with pytest.raises(
        MigrationRefused, match=r"0001_first\.sql was changed after it had been applied .* new migration"
    ):
        apply_pending(connection, read_scripts(tmp_path))

    assert "second" not in tables(connection)


def test_unix_and_dos_line_ends_are_the_same_file(connection: Connection, tmp_path: Path) -> None:
    write(tmp_path, "0001_first.sql", "CREATE TABLE first (id integer);\n")
    apply_pending(connection, read_scripts(tmp_path))
    (tmp_path / "0001_first.sql").write_bytes(b"CREATE TABLE first (id integer);\r\n")

    assert discrepancies(connection, read_scripts(tmp_path)) == []


@pytest.mark.parametrize(
    ("now", "sentence"),
    [
        ([], r"0002_second\.sql was applied here but its file is gone"),
        (["0002_other.sql"], r"0002_second\.sql was applied here but its file is now 0002_other\.sql"),
    ],
)
def test_a_lost_or_renamed_file_is_refused(
    connection: Connection, tmp_path: Path, now: list[str], sentence: str
) -> None:
    write(tmp_path, "0001_first.sql", "CREATE TABLE first (id integer);\n")
    write(tmp_path, "0002_second.sql", "CREATE TABLE second (id integer);\n")
    apply_pending(connection, read_scripts(tmp_path))
    (tmp_path / "0002_second.sql").unlink()
    for name in now:
        write(tmp_path, name, "CREATE TABLE second (id integer);\n")

    with pytest.raises(MigrationRefused, match=sentence):
        apply_pending(connection, read_scripts(tmp_path))


def test_a_failing_migration_leaves_nothing_and_those_before_it_stay(connection: Connection, tmp_path: Path) -> None:
    write(tmp_path, "0001_first.sql", "CREATE TABLE first (id integer);\n")
    write(tmp_path, "0002_second.sql", "CREATE TABLE second (id integer);\n\nSELECT nonsense FROM first;\n")

    with pytest.raises(
        MigrationRefused, match=r"0002_second\.sql, line 3 failed: .*nonsense.*nothing of it was applied"
    ):
        apply_pending(connection, read_scripts(tmp_path))

    assert {"first", "second"} & tables(connection) == {"first"}
    assert [standing.state for standing in standings(connection, read_scripts(tmp_path))] == ["applied", "pending"]
    write(tmp_path, "0002_second.sql", "CREATE TABLE second (id integer);\n")
    assert [standing.state for standing in apply_pending(connection, read_scripts(tmp_path))] == ["applied"]


def test_runners_at_once_apply_each_migration_once(database: Database, tmp_path: Path) -> None:
    for number in range(1, 4):
        write(tmp_path, f"000{number}_step.sql", f"CREATE TABLE step_{number} (id integer);\nSELECT pg_sleep(0.05);\n")
    scripts = read_scripts(tmp_path)
    together = threading.Barrier(4)

    def run() -> int:
        with database.connect() as connection:
            together.wait()
            return len(apply_pending(connection, scripts))

    with ThreadPoolExecutor(4) as pool:
        applied = [job.result() for job in [pool.submit(run) for _ in range(4)]]

    assert sorted(applied) == [0, 0, 0, 3]


def test_a_runner_that_waits_too_long_says_so(connection: Connection, database: Database) -> None:
    impatient = Limits(runner=timedelta(milliseconds=50))
    with database.connect() as other:
        waiting = threading.Event()
        leave = threading.Event()
        holder = threading.Thread(target=_hold_runner_lock, args=(other, waiting, leave))
        holder.start()
        waiting.wait(10)
        try:
            with pytest.raises(MigrationRefused, match="another migration run has held this database"):
                apply_pending(connection, read_scripts(), impatient)
        finally:
            leave.set()
            holder.join()


def _hold_runner_lock(connection: Connection, holding: threading.Event, leave: threading.Event) -> None:
    from migrations.runner import _only_runner  # noqa: PLC0415 - the lock as a runner takes it

    with _only_runner(connection, Limits()):
        holding.set()
        leave.wait(10)


def test_a_migration_that_waits_too_long_for_a_table_says_so(
    connection: Connection, database: Database, tmp_path: Path
) -> None:
    connection.execute("CREATE TABLE busy (id integer)")
    write(tmp_path, "0001_change.sql", "ALTER TABLE busy ADD COLUMN more integer;\n")
    with database.connect() as other, other.transaction():
        other.execute("LOCK TABLE busy")
        with pytest.raises(MigrationRefused, match=r"0001_change\.sql waited too long for a lock"):
            apply_pending(connection, read_scripts(tmp_path), Limits(lock=timedelta(milliseconds=50)))


def test_no_transaction_runs_what_cannot_run_in_one(connection: Connection, tmp_path: Path) -> None:
    write(tmp_path, "0001_first.sql", "CREATE TABLE first (id integer);\n")
    write(tmp_path, "0002_index.sql", "-- no-transaction\nCREATE INDEX CONCURRENTLY first_id ON first (id);\n")

    apply_pending(connection, read_scripts(tmp_path))

    assert "first_id" in tables(connection)


def test_no_transaction_takes_one_statement(connection: Connection, tmp_path: Path) -> None:
    write(tmp_path, "0001_two.sql", "-- no-transaction\nCREATE TABLE a (id integer);\nCREATE TABLE b (id integer);\n")

    with pytest.raises(MigrationRefused, match=r"0001_two\.sql.*multiple commands"):
        apply_pending(connection, read_scripts(tmp_path))

    assert {"a", "b"} & tables(connection) == set()


def test_what_an_extension_is_missing_for_is_applied_when_it_is_there(connection: Connection, tmp_path: Path) -> None:
    write(tmp_path, "0001_plain.sql", "CREATE TABLE plain (id integer);\n")
    write(tmp_path, "0002_special.sql", "-- requires: btree_gist\nCREATE INDEX special ON plain USING gist (id);\n")
    write(tmp_path, "0003_after.sql", "CREATE TABLE after (id integer);\n")

    apply_pending(connection, read_scripts(tmp_path))
    [skipped] = [standing for standing in standings(connection, read_scripts(tmp_path)) if standing.state == "skipped"]
    assert skipped.entry is not None
    assert skipped.entry.reason == "extension btree_gist is not installed in this database"
    assert "after" in tables(connection)

    connection.execute("CREATE EXTENSION btree_gist")
    [later] = apply_pending(connection, read_scripts(tmp_path))
    assert (later.script.file_name, later.state) == ("0002_special.sql", "applied")
    assert "special" in tables(connection)


def test_the_runner_waits_for_a_server_that_is_starting(tmp_path: Path) -> None:
    port = free_port()
    server = EmbeddedPostgres(
        host="127.0.0.1",
        port=port,
        folder=tmp_path / "pg",
        dbname="late",
        user="late",
        password="late",  # noqa: S106
    )
    asyncio.run(server.prepare())

    def version() -> str:
        with connected(server.conninfo, patience_s=60) as connection:
            return str(connection.execute("SELECT current_user").fetchall()[0][0])

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(version)
        with running(server, tmp_path / "log"):
            assert asked.result(60) == "late"


def test_a_server_that_stays_away_is_one_sentence() -> None:
    conninfo = f"host=127.0.0.1 port={free_port()} dbname=nowhere user=nobody"
    with (
        pytest.raises(ServiceUnavailable, match=r"does not let us in after 0\.3 s: .*refused") as raised,
        connected(conninfo, patience_s=0.3),
    ):
        pass
    assert "\n" not in str(raised.value)


@contextmanager
def no_settings_file(tmp_path: Path) -> Iterator[Path]:
    """A folder without a `.env`."""
    folder = tmp_path / "empty"
    folder.mkdir(exist_ok=True)
    yield folder


def command(database: Database, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": "",
        "PYTHONPATH": str(REPOSITORY),
        "DATABASE_HOST": database.host,
        "DATABASE_PORT": str(database.port),
        "DATABASE_NAME": database.name,
        "DATABASE_USER": database.user,
        "DATABASE_PASSWORD": database.password,
        "COLUMNS": "200",
    }
    return subprocess.run(
        [sys.executable, "-m", "migrations", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_line(database: Database, tmp_path: Path) -> None:
    scripts = len(read_scripts())
    with no_settings_file(tmp_path) as folder:
        pending = command(database, folder, "verify")
        assert pending.returncode == 1
        assert "0001_orderbook_metrics.sql is pending: run `python -m migrations up`" in pending.stderr

        first = command(database, folder, "up")
        assert (first.returncode, first.stdout.splitlines()[0]) == (
            0,
            f"{scripts - 1} applied, 1 skipped, {scripts} in all",
        )
        assert command(database, folder, "up").stdout.splitlines()[0] == f"0 applied, 1 skipped, {scripts} in all"
        status = command(database, folder, "status")
        assert re.search(r"0003_orderbook_alerts\.sql.*applied", status.stdout)
        assert command(database, folder, "verify").returncode == 0

        with database.connect() as connection:
            connection.execute("UPDATE schema_migrations SET sha256 = 'other' WHERE version = 3")
        changed = command(database, folder, "verify")
        assert changed.returncode == 1
        assert "0003_orderbook_alerts.sql was changed after it had been applied" in changed.stderr
        refused = command(database, folder, "up")
        assert refused.returncode == 1
        assert "Traceback" not in refused.stderr


def test_the_command_line_without_a_server_is_one_sentence(database: Database, tmp_path: Path) -> None:
    away = Database("127.0.0.1", free_port(), "nowhere", "nobody", "none", "")
    with no_settings_file(tmp_path) as folder:
        refused = command(away, folder, "up", "--wait", "0")
    assert refused.returncode == 1
    assert "the database does not let us in" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert database.name


def fill(connection: Connection, symbols: list[str], windows: int) -> None:
    connection.execute(
        """
        INSERT INTO orderbook_metrics (venue, symbol, window_start, window_end, updates, first_update_id,
                                       last_update_id, mid_close)
        SELECT 'simulator', symbol, start, start + interval '1 second', 10, n, n + 9, n
        FROM unnest(%s::text[]) AS symbol,
             generate_series(1, %s) AS n,
             LATERAL (SELECT timestamptz '2024-01-01 00:00:00Z' + n * interval '1 second' AS start) AS times
        """,
        (symbols, windows),
    )
    connection.execute("ANALYZE orderbook_metrics")


def test_the_summary_holds_the_newest_window_of_each_symbol(migrated: Database) -> None:
    with migrated.connect() as connection:
        assert connection.execute("SELECT * FROM dashboard_summary").fetchall() == []
        fill(connection, ["ADAUSDT", "BTCUSDT"], 50)
        fill(connection, ["ETHUSDT"], 7)
        connection.execute(
            "INSERT INTO orderbook_metrics (venue, symbol, window_start, window_end, updates, first_update_id, "
            "last_update_id) VALUES ('binance', 'BTCUSDT', '2023-01-01 00:00:00Z', '2023-01-01 00:00:01Z', 1, 1, 1)"
        )
        with connection.transaction():
            rows = connection.execute("SELECT symbol, venue, window_end, mid_close, age, now() FROM dashboard_summary")
            summary = sorted(rows.fetchall())
    ends = {
        symbol: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
        for symbol, seconds in (("ADAUSDT", 51), ("BTCUSDT", 51), ("ETHUSDT", 8))
    }
    assert [row[:4] for row in summary] == [
        ("ADAUSDT", "simulator", ends["ADAUSDT"], 50.0),
        ("BTCUSDT", "simulator", ends["BTCUSDT"], 50.0),
        ("ETHUSDT", "simulator", ends["ETHUSDT"], 7.0),
    ]
    assert all(age == now - ends[symbol] for symbol, _venue, _end, _mid, age, now in summary)


def _rows_read(plan: dict[str, Any]) -> float:
    """Rows that the plan's leaves took from tables and indexes, over all their loops."""
    own = 0.0
    if "Relation Name" in plan:
        own = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    return own + sum(_rows_read(child) for child in plan.get("Plans", []))


def test_the_summary_does_not_read_the_whole_table(migrated: Database) -> None:
    symbols = [f"S{number:02d}USDT" for number in range(20)]
    with migrated.connect() as connection:
        fill(connection, symbols, 2000)
        [(explained,)] = connection.execute("EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM dashboard_summary").fetchall()
    # One step of the recursion and one newest row a symbol; the table holds 40,000.
    assert 0 < _rows_read(explained[0]["Plan"]) <= 2 * len(symbols) + 2
