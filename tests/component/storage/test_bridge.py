from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis

from dataflows.bridge import Bridge
from local_stack.kafka import EmbeddedKafka
from local_stack.valkey import EmbeddedValkey
from orderbook import keys
from orderbook.messages import encode
from orderbook.metrics import WINDOW_COLUMNS
from sinks.redis import connect
from tests.component.storage.databases import Database
from tests.component.storage.running_bridge import WITHIN_S, Pipeline, recent, settings_for, wait_for
from tests.component.storage.samples import alert, book, heartbeat, metrics, unique_symbol, window
from tests.servers import free_port, running

pytestmark = [pytest.mark.component, pytest.mark.recovery]


@pytest.mark.parametrize("runs", ["database", "redis", "whole"])
def test_a_flow_has_one_input_so_that_none_waits_for_another_one_s_epoch(pipeline: Pipeline, runs: str) -> None:
    settings = pipeline.settings.model_copy(update={"database_name": pipeline.database.name})
    bridge = Bridge(settings, threading.Event())
    flow = {**bridge.ways(), "whole": bridge.whole}[runs]()
    inputs = [step.step_id for step in flow.substeps if type(step).__name__ == "input"]
    assert (
        inputs
        == {
            "database": ["bridge_database.database_records"],
            "redis": ["bridge_redis.redis_records"],
            "whole": ["bridge.records"],
        }[runs]
    )


def test_from_the_topics_to_both_stores(pipeline: Pipeline, live: redis.Redis) -> None:
    symbols = [unique_symbol() for _ in range(3)]
    with pipeline.bridge():
        for symbol in symbols:
            pipeline.send_windows(*[window(symbol, second, updates=second) for second in range(20)])
            pipeline.send_metrics(*[metrics(symbol, number) for number in range(50)])
            pipeline.send(pipeline.topics.raw, symbol, encode(book(symbol, 7)), encode(heartbeat(symbol, 3)))
            pipeline.send_alerts(
                alert(f"{symbol}-a", 0, "FIRING", symbol=symbol),
                alert(f"{symbol}-a", 1, "RESOLVED", symbol=symbol),
                alert(f"{symbol}-b", 0, "FIRING", symbol=symbol),
            )
        wait_for(lambda: pipeline.lag("database") == 0, "the database way's lag is gone")
        wait_for(lambda: pipeline.lag("redis") == 0, "the Redis way's lag is gone")

    mid_close = window(symbols[0], 0).values[WINDOW_COLUMNS.index("mid_close")]
    assert pipeline.windows() == [(symbol, second, mid_close) for symbol in sorted(symbols) for second in range(20)]
    assert sorted(
        pipeline.rows("SELECT alert_id, status, step, resolved_time IS NULL FROM orderbook_alerts")
    ) == sorted(
        row for symbol in symbols for row in ((f"{symbol}-a", "RESOLVED", 1, False), (f"{symbol}-b", "FIRING", 0, True))
    )
    assert len(pipeline.rows("SELECT * FROM dashboard_summary")) == 3
    for symbol in symbols:
        assert str(live.get(keys.latest(symbol))).encode() == msgspec.json.encode(metrics(symbol, 49))
        assert str(live.get(keys.book(symbol))).encode() == encode(book(symbol, 7))
        assert str(live.get(keys.heartbeat(symbol))).encode() == encode(heartbeat(symbol, 3))
        assert recent(live, symbol) == list(range(50))
        assert live.hget(keys.ACTIVE_ALERTS, f"{symbol}-a") is None
        assert live.hdel(keys.ACTIVE_ALERTS, f"{symbol}-b") == 1


def test_kills_lose_and_double_nothing(pipeline: Pipeline, live: redis.Redis) -> None:
    symbol, other = unique_symbol(), unique_symbol()
    total, kills = 600, 4
    sent = threading.Event()

    def produce() -> None:
        for number in range(total):
            pipeline.send_windows(window(symbol, number, updates=number), window(other, number, updates=number))
            pipeline.send_metrics(metrics(symbol, number), metrics(other, number))
            pipeline.send_alerts(alert(f"{symbol}-{number // 3}", number % 3, "FIRING", symbol=symbol))
        sent.set()

    producing = threading.Thread(target=produce)
    producing.start()
    try:
        for kill in range(1, kills + 1):
            with pipeline.started() as process:
                pipeline.wait_until_ready(process)
                goal = total * kill // (kills + 2)
                wait_for(lambda goal=goal: len(pipeline.windows()) >= goal, f"{goal} windows")  # type: ignore[misc]  # early bound
    finally:
        producing.join()
    assert sent.is_set()
    with pipeline.bridge():
        wait_for(lambda: pipeline.lag("database") + pipeline.lag("redis") == 0, "no lag")

    assert [(name, updates) for name, updates, _mid in pipeline.windows()] == [
        (name, number) for name in sorted((symbol, other)) for number in range(total)
    ]
    assert pipeline.rows("SELECT count(*), min(step), max(step) FROM orderbook_alerts") == [(total // 3, 2, 2)]
    assert recent(live, symbol) == recent(live, other) == list(range(total))
    steps: Any = live.xrange(keys.RECENT_ALERTS)
    own = [row for _id, row in steps if f'"{symbol}"' in row["alert"]]
    assert len(own) == total
    for number in range(total // 3):
        live.hdel(keys.ACTIVE_ALERTS, f"{symbol}-{number}")


def test_an_offset_is_committed_only_when_the_store_has_the_record(pipeline: Pipeline) -> None:
    symbol = unique_symbol()
    with pipeline.started() as process:
        pipeline.wait_until_ready(process)
        pipeline.send_windows(*[window(symbol, number) for number in range(5)])
        wait_for(lambda: pipeline.lag("database") == 0, "the first windows are committed")
        with pipeline.database.connect() as holder, holder.transaction():
            holder.execute("LOCK TABLE orderbook_metrics IN SHARE MODE")
            pipeline.send_windows(*[window(symbol, number) for number in range(5, 12)])
            wait_for(lambda: blocked(pipeline), "the bridge waits for the table")
            process.kill()
            process.wait()
        written = len(pipeline.windows())
        assert pipeline.lag("database") >= 12 - written
    with pipeline.bridge():
        wait_for(lambda: len(pipeline.windows()) == 12, "the windows that were not committed")


def blocked(pipeline: Pipeline) -> bool:
    """Whether a statement waits for a table that somebody else holds."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    return pipeline.rows(waiting) == [(1,)]


def test_a_stop_while_the_database_is_held_back_is_tidy_and_loses_nothing(pipeline: Pipeline) -> None:
    symbol = unique_symbol()
    with pipeline.started() as process:
        pipeline.wait_until_ready(process)
        with pipeline.database.connect() as holder, holder.transaction():
            holder.execute("LOCK TABLE orderbook_metrics IN SHARE MODE")
            pipeline.send_windows(*[window(symbol, number) for number in range(3)])
            wait_for(lambda: blocked(pipeline), "the bridge waits for the table")
            process.terminate()
            assert process.wait(WITHIN_S) == 0, pipeline.log
        assert "Traceback" not in pipeline.log
    with pipeline.bridge():
        wait_for(lambda: len(pipeline.windows()) == 3, "the windows that were held back")


def test_without_redis_the_database_goes_on(kafka_server: EmbeddedKafka, migrated: Database, tmp_path: Path) -> None:
    valkey = EmbeddedValkey(host="127.0.0.1", port=free_port(), folder=tmp_path / "valkey")
    asyncio.run(valkey.prepare())
    pipeline = Pipeline(settings_for(kafka_server, migrated, valkey), migrated, tmp_path)
    symbol = unique_symbol()
    with pipeline.started() as process:
        pipeline.send_windows(window(symbol, 0))
        pipeline.send_metrics(metrics(symbol, 0))
        wait_for(lambda: len(pipeline.windows()) == 1, "a window, with Redis down from the start")
        assert not (tmp_path / "ready").exists()
        with running(valkey, tmp_path / "valkey.log"):
            pipeline.wait_until_ready(process)
            wait_for(lambda: pipeline.lag("redis") == 0, "no lag")
        pipeline.send_metrics(*[metrics(symbol, number) for number in range(1, 5)])
        pipeline.send_windows(window(symbol, 1))
        wait_for(lambda: len(pipeline.windows()) == 2, "a window, with Redis down again")
        with running(valkey, tmp_path / "valkey.log"):
            wait_for(lambda: pipeline.lag("redis") == 0, "no lag")
            with connect(valkey.host, valkey.port) as client:
                assert recent(client, symbol) == [0, 1, 2, 3, 4]
        process.terminate()
        assert process.wait(WITHIN_S) == 0, pipeline.log


def test_a_missing_table_is_one_line(
    kafka_server: EmbeddedKafka, database: Database, valkey_server: EmbeddedValkey, tmp_path: Path
) -> None:
    pipeline = Pipeline(settings_for(kafka_server, database, valkey_server), database, tmp_path)
    with pipeline.started() as process:
        assert process.wait(WITHIN_S) == 1, pipeline.log
    assert "the database has no table orderbook_metrics yet: run `python -m migrations up`" in pipeline.log
    assert "Traceback" not in pipeline.log


def test_the_whole_bridge_as_one_flow_of_bytewax(pipeline: Pipeline, live: redis.Redis) -> None:
    symbol = unique_symbol()
    with pipeline.started("bytewax.run", "dataflows.bridge", "-s", "1") as process:
        pipeline.wait_until_ready(process)
        pipeline.send_windows(window(symbol, 1))
        pipeline.send_metrics(metrics(symbol, 1))
        wait_for(lambda: len(pipeline.windows()) == 1 and recent(live, symbol) == [1], "both stores")
