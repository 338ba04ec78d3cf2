from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection, sql

import sinks.timescale.upserting
from local_stack.postgres import EmbeddedPostgres
from migrations.runner import apply_pending
from migrations.script import read_scripts
from orderbook.errors import ServiceUnavailable
from orderbook.messages import Alert, AlertStatus, Window
from orderbook.metrics import WINDOW_COLUMNS
from sinks.timescale import ALERTS, WINDOWS, Session, Table, TimescaleSink
from tests.component.storage.databases import Database
from tests.component.storage.samples import START_MS, alert, window
from tests.servers import free_port, running

pytestmark = pytest.mark.component

M = TypeVar("M", Window, Alert)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ORDERS = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def at(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)


def write(database: Database, table: Table[M], batches: Sequence[Sequence[M]]) -> None:
    writer = TimescaleSink(database.conninfo, table).build("store", 0, 1)
    for batch in batches:
        writer.write_batch(list(batch))
    writer.close()


@pytest.fixture(params=["arrays", "copy"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of writing, whatever the batch's size."""
    monkeypatch.setattr(sinks.timescale.upserting, "COPY_FROM_ROWS", 1 if request.param == "copy" else 10_000)
    return str(request.param)


def stored_windows(connection: Connection) -> dict[tuple[object, ...], tuple[object, ...]]:
    columns = sql.SQL(", ").join(map(sql.Identifier, WINDOW_COLUMNS))
    rows = connection.execute(
        sql.SQL(
            "SELECT symbol, window_start, venue, window_end, updates, first_update_id, last_update_id, {} "
            "FROM orderbook_metrics"
        ).format(columns)
    ).fetchall()
    stored = {row[:3]: row[3:] for row in rows}
    assert len(stored) == len(rows)
    return stored


def expected_windows(messages: Sequence[Window]) -> dict[tuple[object, ...], tuple[object, ...]]:
    """The last message of each window."""
    return {
        (message.symbol, at(message.window_start_ms), message.venue): (
            at(message.window_end_ms),
            message.updates,
            message.first_update_id,
            message.last_update_id,
            *message.values,
        )
        for message in messages
    }


T = TypeVar("T")


def batched(messages: st.SearchStrategy[list[T]]) -> st.SearchStrategy[list[list[T]]]:
    """Cut the messages into batches, in every way."""

    def cut(items: list[T], cuts: list[int]) -> list[list[T]]:
        edges = [0, *sorted({edge % (len(items) + 1) for edge in cuts}), len(items)]
        return [items[low:high] for low, high in pairwise(edges)]

    return st.builds(cut, messages, st.lists(st.integers(0, 100), max_size=4))


WINDOW = st.builds(
    window,
    st.sampled_from(["BTCUSDT", "ETHUSDT"]),
    st.integers(0, 2),
    venue=st.sampled_from(["binance", "simulator"]),
    updates=st.integers(0, 2**31),
    first=st.none() | st.floats(allow_nan=False, allow_infinity=False, width=32),
)


@ORDERS
@given(batches=batched(st.lists(WINDOW, max_size=25)))
def test_windows_in_any_order_and_batches_leave_the_last_of_each(
    shared: Database, way: str, batches: list[list[Window]]
) -> None:
    with shared.connect() as connection:
        connection.execute("TRUNCATE orderbook_metrics")
        write(shared, WINDOWS, batches)
        once = stored_windows(connection)
        write(shared, WINDOWS, batches)
        twice = stored_windows(connection)
    assert once == twice == expected_windows([message for batch in batches for message in batch]), way


def test_a_large_batch_is_stored_to_the_bit(shared: Database) -> None:
    messages = [window(f"S{number % 50}USDT", number // 50, first=1 / (number + 3)) for number in range(5000)]
    with shared.connect() as connection:
        connection.execute("TRUNCATE orderbook_metrics")
        write(shared, WINDOWS, [messages])
        assert stored_windows(connection) == expected_windows(messages)


@dataclass(slots=True)
class Episode:
    """What an episode comes to, told step by step."""

    newest: Alert | None = None
    fired: datetime | None = None
    resolved: datetime | None = None
    context: object = None

    def row(self) -> tuple[object, ...]:
        newest = self.newest
        assert newest is not None
        return (
            newest.venue,
            newest.symbol,
            newest.rule,
            newest.side,
            newest.severity,
            newest.status,
            newest.step,
            at(newest.onset_time_ms),
            at(newest.event_time_ms),
            self.fired,
            self.resolved,
            newest.value,
            newest.peak,
            newest.threshold,
            newest.reason,
            self.context,
        )


def expected_alerts(messages: Sequence[Alert]) -> dict[str, tuple[object, ...]]:
    """Take every step in its own order, whatever order it came in."""
    episodes: dict[str, Episode] = {}
    for message in sorted(messages, key=lambda step: step.step):
        episode = episodes.setdefault(message.alert_id, Episode())
        episode.newest = message
        if message.status == "FIRING" and episode.fired is None:
            episode.fired = at(message.event_time_ms)
        if message.context is not None:
            episode.context = msgspec.json.decode(message.context)
        if message.status == "RESOLVED":
            episode.resolved = at(message.event_time_ms)
        if message.status == "MATCHED":
            episode.fired = episode.resolved = at(message.event_time_ms)
    return {alert_id: episode.row() for alert_id, episode in episodes.items()}


def stored_alerts(connection: Connection) -> dict[str, tuple[object, ...]]:
    rows = connection.execute(
        "SELECT alert_id, venue, symbol, rule, side, severity, status, step, onset_time, event_time, fired_time, "
        "resolved_time, value, peak, threshold, reason, context FROM orderbook_alerts"
    ).fetchall()
    return {row[0]: row[1:] for row in rows}


LIVES: list[list[AlertStatus]] = [
    ["FIRING"],
    ["FIRING", "ESCALATED", "RECOVERING", "RESOLVED"],
    ["FIRING", "RECOVERING", "FIRING", "RECOVERING", "RESOLVED"],
    ["FIRING", "SUPPRESSED", "RESOLVED"],
    ["FIRING", "NODATA"],
    ["MATCHED"],
]


@st.composite
def deliveries(draw: st.DrawFn) -> list[list[Alert]]:
    """Steps of some episodes, each at least once or not at all, shuffled and cut into batches."""
    lives = draw(st.lists(st.sampled_from(LIVES), min_size=1, max_size=3))
    steps = [
        alert(f"alert-{number}", step, status, value=0.5 + step / 10, side=None if status == "MATCHED" else "ask")
        for number, life in enumerate(lives)
        for step, status in enumerate(life)
    ]
    return draw(batched(st.lists(st.sampled_from(steps), max_size=20)))


@ORDERS
@given(batches=deliveries())
def test_steps_in_any_order_leave_the_newest(shared: Database, way: str, batches: list[list[Alert]]) -> None:
    with shared.connect() as connection:
        connection.execute("TRUNCATE orderbook_alerts")
        write(shared, ALERTS, batches)
        assert stored_alerts(connection) == expected_alerts([step for batch in batches for step in batch]), way


def test_an_older_step_fills_in_its_time_and_nothing_else(shared: Database) -> None:
    with shared.connect() as connection:
        connection.execute("TRUNCATE orderbook_alerts")
        resolved = alert("late", 3, "RESOLVED", severity="high", value=0.9)
        write(shared, ALERTS, [[resolved], [alert("late", 0, "FIRING")]])
        [row] = connection.execute(
            "SELECT status, severity, value, fired_time, resolved_time FROM orderbook_alerts"
        ).fetchall()
    assert row == ("RESOLVED", "high", 0.9, at(START_MS + 7), at(START_MS + 3007))


@pytest.fixture
def own_server(tmp_path: Path) -> EmbeddedPostgres:
    """A server that the test itself starts and stops."""
    server = EmbeddedPostgres(
        host="127.0.0.1",
        port=free_port(),
        folder=tmp_path / "pg",
        dbname="own",
        user="own",
        password="own",  # noqa: S106
    )
    asyncio.run(server.prepare())
    return server


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


def test_a_batch_waits_for_a_server_that_was_restarted(
    own_server: EmbeddedPostgres, tmp_path: Path, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = threading.Event()
    session = Session(own_server.conninfo, application_name="restarted")
    monkeypatch.setattr(session, "_say_trying_again", lambda _attempt: failed.set())

    def count(connection: Connection) -> None:
        connection.execute("INSERT INTO counted DEFAULT VALUES")

    with running(own_server, tmp_path / "log"):
        session.transaction(lambda connection: void(connection.execute("CREATE TABLE counted (id serial)")))
        session.transaction(count)
    waiting = pool.submit(session.transaction, count)
    assert failed.wait(30)
    assert not waiting.done()
    with running(own_server, tmp_path / "log"):
        waiting.result(60)
        session.close()
        with psycopg.connect(own_server.conninfo) as connection:
            assert connection.execute("SELECT count(*) FROM counted").fetchone() == (2,)


def void(_: object) -> None:
    """Take an expression's value and return none."""


def test_a_cut_connection_is_opened_again(migrated: Database) -> None:
    writer = TimescaleSink(migrated.conninfo, WINDOWS).build("store", 0, 1)
    writer.write_batch([window("BTCUSDT", 1)])
    with migrated.connect() as other:
        cut = other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'orderbook-orderbook_metrics'"
        ).fetchall()
        assert cut == [(True,)]
        writer.write_batch([window("BTCUSDT", 2)])
        assert len(stored_windows(other)) == 2
    writer.close()


def test_a_deadlock_is_tried_again(migrated: Database, pool: ThreadPoolExecutor) -> None:
    with migrated.connect() as connection:
        connection.execute("CREATE TABLE pair (id integer PRIMARY KEY, turns integer)")
        connection.execute("INSERT INTO pair VALUES (1, 0), (2, 0)")
    first_taken = threading.Barrier(2)

    def work(order: tuple[int, int], attempts: list[int]) -> Callable[[Connection], None]:
        def turn(connection: Connection) -> None:
            attempts.append(1)
            connection.execute("UPDATE pair SET turns = turns + 1 WHERE id = %s", (order[0],))
            if len(attempts) == 1:
                first_taken.wait(30)
            connection.execute("UPDATE pair SET turns = turns + 1 WHERE id = %s", (order[1],))

        return turn

    counts: list[list[int]] = [[], []]
    sessions = [Session(migrated.conninfo, application_name=f"pair-{number}") for number in range(2)]
    jobs = [
        pool.submit(session.transaction, work(order, attempts))
        for session, order, attempts in zip(sessions, [(1, 2), (2, 1)], counts, strict=True)
    ]
    for job in jobs:
        job.result(60)
    with migrated.connect() as connection:
        assert connection.execute("SELECT id, turns FROM pair ORDER BY id").fetchall() == [(1, 2), (2, 2)]
    assert sorted(map(len, counts)) == [1, 2]
    for session in sessions:
        session.close()


def test_what_cannot_pass_is_raised_at_once(database: Database) -> None:
    attempts: list[int] = []

    def work(connection: Connection) -> None:
        attempts.append(1)
        connection.execute("SELECT * FROM no_such_table")

    session = Session(database.conninfo, application_name="raising")
    with pytest.raises(psycopg.errors.UndefinedTable):
        session.transaction(work)
    assert len(attempts) == 1
    session.transaction(lambda connection: void(connection.execute("SELECT 1")))
    session.close()


def test_an_ending_process_stops_waiting(pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    ending, failed = threading.Event(), threading.Event()
    session = Session(f"host=127.0.0.1 port={free_port()} dbname=x user=x", application_name="ending", ending=ending)
    monkeypatch.setattr(session, "_say_trying_again", lambda _attempt: failed.set())
    waiting = pool.submit(session.transaction, lambda connection: void(connection.execute("SELECT 1")))
    assert failed.wait(30)
    ending.set()
    with pytest.raises(ServiceUnavailable, match=r"ended before the database took the batch: .*refused"):
        waiting.result(30)


def test_the_connection_says_who_it_is_and_limits_its_statements(migrated: Database) -> None:
    seen: list[tuple[object, ...]] = []
    session = Session(migrated.conninfo, application_name="orderbook-test")
    session.transaction(
        lambda connection: seen.extend(
            connection.execute(
                "SELECT current_setting('application_name'), current_setting('statement_timeout')"
            ).fetchall()
        )
    )
    session.close()
    assert seen == [("orderbook-test", "30s")]


def test_the_schema_of_the_tables_is_the_migrations(database: Database) -> None:
    with database.connect() as connection:
        apply_pending(connection, read_scripts())
        for table in (WINDOWS, ALERTS):
            columns = connection.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
                (table.name,),
            ).fetchall()
            assert {name for (name,) in columns} == {column.name for column in table.columns}
