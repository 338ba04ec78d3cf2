"""What the dashboard reads, from a real Valkey and a real PostgreSQL."""

from __future__ import annotations

import asyncio
import dataclasses
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import psycopg
import pytest
import redis
from psycopg import sql

from local_stack.postgres import EmbeddedPostgres
from local_stack.valkey import EmbeddedValkey
from migrations.runner import apply_pending
from migrations.script import read_scripts
from orderbook import keys
from orderbook.errors import ServiceUnavailable
from orderbook.messages import encode
from orderbook.settings import Settings, load_settings
from panel_app.history_reads import HistoryReads
from panel_app.live import Live
from panel_app.redis_reads import RedisReads
from panel_app.tape import Cursor
from runtime.roster import Roster, write_roster
from tests.processes import eventually
from tests.servers import free_port
from tests.unit.panel_app.records import NOW, alert, book, heartbeat, metrics

pytestmark = pytest.mark.component
JSON = msgspec.json.Encoder()


@pytest.fixture
def symbols() -> tuple[str, str]:
    """Two symbols of this test's own: the server is shared."""
    name = uuid.uuid4().hex[:8].upper()
    return f"A{name}", f"B{name}"


@pytest.fixture
def database(postgres_server: EmbeddedPostgres) -> Iterator[EmbeddedPostgres]:
    own = dataclasses.replace(postgres_server, dbname=f"dashboard_{uuid.uuid4().hex[:12]}")
    asyncio.run(own.furnish())
    yield own
    with psycopg.connect(postgres_server.conninfo, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(own.dbname)))


@pytest.fixture
def settings(
    symbols: tuple[str, str], valkey_server: EmbeddedValkey, database: EmbeddedPostgres, tmp_path: Path
) -> Settings:
    return load_settings(
        symbols=",".join(symbols),
        redis_host=valkey_server.host,
        redis_port=valkey_server.port,
        redis_recent_rows=10,
        database_host=database.host,
        database_port=database.port,
        database_name=database.dbname,
        database_user=database.user,
        database_password=database.password,
        state_dir=str(tmp_path),
    )


@pytest.fixture
def store(valkey_server: EmbeddedValkey, symbols: tuple[str, str]) -> Iterator[redis.Redis]:
    with redis.Redis(host=valkey_server.host, port=valkey_server.port) as client:
        client.delete(keys.RECENT_ALERTS, keys.ACTIVE_ALERTS)
        yield client
        for symbol in symbols:
            client.delete(keys.latest(symbol), keys.recent(symbol), keys.book(symbol), keys.heartbeat(symbol))
        client.delete(keys.RECENT_ALERTS, keys.ACTIVE_ALERTS)


@pytest.fixture
def reads(settings: Settings) -> Iterator[RedisReads]:
    opened = RedisReads(settings)
    yield opened
    opened.close()


def add_row(store: redis.Redis, symbol: str, at_ms: int) -> None:
    store.xadd(keys.recent(symbol), {"metrics": JSON.encode(metrics(symbol=symbol, at_ms=at_ms))})


def test_one_look_reads_every_symbol_and_the_watched_ones_in_detail(
    reads: RedisReads, store: redis.Redis, symbols: tuple[str, str]
) -> None:
    first, second = symbols
    for symbol in symbols:
        store.set(keys.latest(symbol), JSON.encode(metrics(symbol=symbol, mid=7.0)))
        store.set(keys.book(symbol), encode(book(symbol=symbol)))
    store.set(keys.heartbeat(second), encode(heartbeat(symbol=second, state="syncing", reason="snapshot")))
    look = reads.look(symbols, {second: None}, None)
    assert {symbol: row.mid for symbol, row in look.metrics.items()} == {first: 7.0, second: 7.0}
    assert {symbol: beat.reason for symbol, beat in look.heartbeats.items()} == {second: "snapshot"}
    assert look.books == {second: book(symbol=second)}
    assert look.unreadable == 0


def test_the_recent_rows_come_once_each_in_their_order(
    reads: RedisReads, store: redis.Redis, symbols: tuple[str, str]
) -> None:
    symbol = symbols[0]
    for number in range(14):
        add_row(store, symbol, NOW + number)
    first = reads.look(symbols, {symbol: None}, None).recent[symbol]
    assert first.whole
    assert [row.event_time_ms - NOW for row in first.rows] == list(range(4, 14))
    add_row(store, symbol, NOW + 14)
    second = reads.look(symbols, {symbol: first.cursor}, None).recent[symbol]
    assert ([row.event_time_ms - NOW for row in second.rows], second.whole) == ([14], False)
    third = reads.look(symbols, {symbol: second.cursor}, None).recent[symbol]
    assert (third.rows, third.cursor) == ((), second.cursor)


def test_a_stream_that_is_empty_at_first_is_read_from_its_start(
    reads: RedisReads, store: redis.Redis, symbols: tuple[str, str]
) -> None:
    symbol = symbols[0]
    nothing = reads.look(symbols, {symbol: None}, None).recent[symbol]
    add_row(store, symbol, NOW)
    assert len(reads.look(symbols, {symbol: nothing.cursor}, None).recent[symbol].rows) == 1


def test_alerts_are_read_by_step_and_as_the_set_of_active_ones(
    reads: RedisReads, store: redis.Redis, symbols: tuple[str, str]
) -> None:
    on = alert("on", symbol=symbols[0])
    store.xadd(keys.RECENT_ALERTS, {"alert": encode(on)})
    store.hset(keys.ACTIVE_ALERTS, "on", encode(on))
    look = reads.look(symbols, {}, None)
    assert look.alert_steps == (on,)
    assert look.active_alerts == (on,)
    again = reads.look(symbols, {}, look.alert_cursor)
    assert (again.alert_steps, again.active_alerts) == ((), (on,))


def test_values_that_cannot_be_read_are_left_out_and_counted(
    reads: RedisReads, store: redis.Redis, symbols: tuple[str, str]
) -> None:
    first, second = symbols
    store.set(keys.latest(first), b"{}")
    store.set(keys.heartbeat(first), encode(book(symbol=first)))
    store.set(keys.latest(second), JSON.encode(metrics(symbol=second)))
    look = reads.look(symbols, {}, None)
    assert list(look.metrics) == [second]
    assert look.heartbeats == {}
    assert look.unreadable == 2


def test_without_a_symbol_a_look_finds_none(reads: RedisReads, store: redis.Redis, symbols: tuple[str, str]) -> None:
    store.set(keys.latest(symbols[0]), JSON.encode(metrics(symbol=symbols[0])))
    look = reads.look((), {}, None)
    assert (look.metrics, look.heartbeats, look.unreadable) == ({}, {}, 0)


def test_a_redis_that_is_not_there_is_named() -> None:
    port = free_port()
    absent = RedisReads(load_settings(redis_port=port))
    with pytest.raises(ServiceUnavailable, match=rf"Redis at 127\.0\.0\.1:{port} does not answer"):
        absent.look(("BTCUSDT",), {}, None)
    absent.close()


def migrate(database: EmbeddedPostgres) -> psycopg.Connection[tuple[object, ...]]:
    connection = psycopg.connect(database.conninfo, autocommit=True)
    apply_pending(connection, read_scripts())
    return connection


def add_windows(connection: psycopg.Connection[tuple[object, ...]], symbol: str, end_ms: int, count: int) -> None:
    """One window a second, the last one ending at `end_ms`, with the mid counting up to `count`."""
    for number in range(count):
        end = datetime.fromtimestamp(end_ms / 1000, UTC) - timedelta(seconds=count - 1 - number)
        connection.execute(
            "INSERT INTO orderbook_metrics (venue, symbol, window_start, window_end, updates, first_update_id,"
            " last_update_id, mid_close, mid_high, imbalance_ratio_close, spread_bps_close)"
            " VALUES ('binance', %s, %s, %s, 1, 1, 1, %s, -1, 0.25, NULL)",
            (symbol, end - timedelta(seconds=1), end, number + 1),
        )


def test_windows_are_points_at_their_end(
    settings: Settings, database: EmbeddedPostgres, symbols: tuple[str, str]
) -> None:
    with migrate(database) as connection:
        add_windows(connection, symbols[0], NOW, 4)
        add_windows(connection, symbols[1], NOW, 1)
    reads = HistoryReads(settings)
    points = reads.windows("binance", symbols[0], NOW - 3_000, NOW)
    assert [(point.event_time_ms, point.mid) for point in points] == [
        (NOW - 2_000, 2.0),
        (NOW - 1_000, 3.0),
        (NOW, 4.0),
    ]
    assert {(point.imbalance, point.spread_bps, point.spread_alert_bps) for point in points} == {(0.25, None, None)}
    assert reads.windows("simulator", symbols[0], 0, NOW) == []
    reads.close()


def test_past_alerts_come_with_the_newest_steps_first(
    settings: Settings, database: EmbeddedPostgres, symbols: tuple[str, str]
) -> None:
    with migrate(database) as connection:
        for name, symbol, at in (("old", symbols[0], 5.0), ("new", symbols[0], 90.5), ("other", "OTHER", 99.0)):
            connection.execute(
                "INSERT INTO orderbook_alerts VALUES (%s, 'binance', %s, 'extreme_imbalance', 'ask', 'high',"
                " 'RESOLVED', 3, to_timestamp(%s - 4), to_timestamp(%s), NULL, NULL, 0.1, 0.8, 0.7, NULL)",
                (name, symbol, at, at),
            )
    reads = HistoryReads(settings)
    episodes = reads.newest_alerts(symbols, 10)
    assert [episode.alert_id for episode in episodes] == ["new", "old"]
    assert (episodes[0].onset_ms, episodes[0].newest_ms) == (86_500, 90_500)
    assert (episodes[0].side, episodes[0].peak, episodes[0].status) == ("ask", 0.8, "RESOLVED")
    reads.close()


def test_a_database_without_tables_says_what_to_run(settings: Settings, symbols: tuple[str, str]) -> None:
    reads = HistoryReads(settings)
    with pytest.raises(ServiceUnavailable, match="python -m migrations up"):
        reads.newest_alerts(symbols, 10)
    reads.close()


def test_a_connection_that_was_cut_is_made_anew(
    settings: Settings, database: EmbeddedPostgres, symbols: tuple[str, str]
) -> None:
    migrate(database).close()
    reads = HistoryReads(settings)
    assert reads.newest_alerts(symbols, 10) == []
    with psycopg.connect(database.conninfo, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dashboard'")
    with pytest.raises(ServiceUnavailable, match="does not answer"):
        reads.newest_alerts(symbols, 10)
    assert reads.newest_alerts(symbols, 10) == []
    reads.close()


def test_live_joins_the_database_s_minutes_to_the_recent_rows(
    settings: Settings, database: EmbeddedPostgres, store: redis.Redis, symbols: tuple[str, str]
) -> None:
    symbol = symbols[0]
    with migrate(database) as connection:
        add_windows(connection, symbol, NOW - 500, 3)
    add_row(store, symbol, NOW)
    add_row(store, symbol, NOW + 100)
    store.set(keys.latest(symbol), JSON.encode(metrics(symbol=symbol, at_ms=NOW + 100)))
    failures: list[str] = []
    live = Live(settings, lambda: failures.append("a reader failed"), clock_ms=lambda: NOW + 200)
    tape = live.watch(symbol)
    live.start()
    try:
        points = eventually(lambda: found if len(found := tape.drain(Cursor()).points) == 5 else None)
        assert [point.event_time_ms - NOW for point in points] == [-2_500, -1_500, -500, 0, 100]
        add_row(store, symbol, NOW + 150)
        eventually(lambda: tape.drain(Cursor()).points[-1].event_time_ms == NOW + 150 or None)
        market = live.snapshot.market(symbol)
        assert market is not None
        assert market.metrics == metrics(symbol=symbol, at_ms=NOW + 100)
        assert not live.snapshot.books
    finally:
        live.stop()
    assert failures == []


def test_a_symbol_watched_again_is_read_from_its_start(
    settings: Settings, database: EmbeddedPostgres, store: redis.Redis, symbols: tuple[str, str]
) -> None:
    migrate(database).close()
    symbol = symbols[0]
    add_row(store, symbol, NOW)
    live = Live(settings, lambda: None)
    first = live.watch(symbol)
    live.start()
    try:
        eventually(lambda: first.drain(Cursor()).points or None)
        live.unwatch(symbol)
        second = live.watch(symbol)
        assert second is not first
        assert len(eventually(lambda: second.drain(Cursor()).points or None)) == 1
    finally:
        live.stop()


def test_live_follows_the_symbols_in_force_while_it_runs(
    settings: Settings, database: EmbeddedPostgres, store: redis.Redis, symbols: tuple[str, str]
) -> None:
    migrate(database).close()
    first, second = symbols
    for symbol in symbols:
        store.set(keys.latest(symbol), JSON.encode(metrics(symbol=symbol)))
    past = alert("past", symbol=second, status="RESOLVED")
    store.xadd(keys.RECENT_ALERTS, {"alert": encode(past)})
    picking = settings.model_copy(update={"symbols": ("ALL:USDT",)})
    live = Live(picking, lambda: None)
    assert live.snapshot.symbols == ()
    live.start()
    try:
        eventually(lambda: [fault.part for fault in live.snapshot.faults] == ["symbols"] or None)
        write_roster(picking, Roster(tokens=picking.symbols, symbols=(first,)))
        eventually(lambda: ((one := live.snapshot.market(first)) is not None and one.metrics is not None) or None)
        assert live.snapshot.episodes == ()
        write_roster(picking, Roster(tokens=picking.symbols, symbols=(first, second)))
        eventually(lambda: live.snapshot.symbols == (first, second) or None)
        [episode] = eventually(lambda: live.snapshot.episodes or None)
        assert episode.alert_id == "past"
        write_roster(picking, Roster(tokens=picking.symbols, symbols=(first,)))
        eventually(lambda: live.snapshot.symbols == (first,) or None)
        eventually(lambda: live.snapshot.episodes == () or None)
    finally:
        live.stop()
