from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local_stack.valkey import EmbeddedValkey
from orderbook import keys
from orderbook.errors import ServiceUnavailable, SettingsError
from sinks.redis import RECENT_ALERTS_KEPT, LiveMessage, LiveStore, Positioned, RedisSink, Retention, connect
from tests.component.storage.samples import alert, book, heartbeat, metrics, unique_symbol
from tests.servers import free_port, running

pytestmark = pytest.mark.component

KEPT = Retention(recent_rows=3000, latest_ttl_s=60)


def unique_log() -> str:
    return f"log.{uuid.uuid4().hex}/0"


def placed(messages: Sequence[LiveMessage], log: str, start: int = 0) -> list[Positioned]:
    """The messages as records of one log."""
    return [
        Positioned(log, offset, message, msgspec.json.encode(message)) for offset, message in enumerate(messages, start)
    ]


def stream(live: redis.Redis, key: str, field: str) -> list[dict[str, Any]]:
    rows: Any = live.xrange(key)
    return [msgspec.json.decode(row[field]) for _id, row in rows]


def alert_rows(live: redis.Redis, symbol: str) -> list[tuple[str, int]]:
    rows = stream(live, keys.RECENT_ALERTS, "alert")
    return [(row["alert_id"], row["step"]) for row in rows if row["symbol"] == symbol]


def test_the_newest_value_of_each_symbol_stands_and_expires(live: redis.Redis) -> None:
    one, two = unique_symbol(), unique_symbol()
    records: list[LiveMessage] = [
        *[metrics(one, number) for number in range(1, 6)],
        metrics(two, 1),
        book(one, 4),
        book(one, 5),
        heartbeat(one, 1),
        heartbeat(one, 2),
    ]
    LiveStore(live, Retention(recent_rows=3000, latest_ttl_s=25)).write(placed(records, unique_log()))

    for key, message in (
        (keys.latest(one), metrics(one, 5)),
        (keys.latest(two), metrics(two, 1)),
        (keys.book(one), book(one, 5)),
        (keys.heartbeat(one), heartbeat(one, 2)),
    ):
        assert str(live.get(key)).encode() == msgspec.json.encode(message)
        assert 20 <= int(live.ttl(key)) <= 25
    assert [row["update_id"] for row in stream(live, keys.recent(one), "metrics")] == [1, 2, 3, 4, 5]


def test_a_batch_writes_each_newest_value_once(live: redis.Redis) -> None:
    symbol = unique_symbol()
    before = live.info("commandstats").get("cmdstat_set", {"calls": 0})["calls"]
    LiveStore(live, KEPT).write(placed([metrics(symbol, number) for number in range(100)], unique_log()))
    assert live.info("commandstats")["cmdstat_set"]["calls"] - before == 1


def test_the_recent_rows_are_capped(live: redis.Redis) -> None:
    symbol, log = unique_symbol(), unique_log()
    store = LiveStore(live, Retention(recent_rows=200, latest_ttl_s=60))
    store.write(placed([metrics(symbol, number) for number in range(2000)], log))
    ids = [row["update_id"] for row in stream(live, keys.recent(symbol), "metrics")]
    assert ids == list(range(2000 - len(ids), 2000))
    assert 200 <= len(ids) <= 400  # whole nodes of the stream are dropped, so it is capped about


def test_the_clock_of_an_empty_partition_is_nobody_s(live: redis.Redis) -> None:
    log = unique_log()
    LiveStore(live, KEPT).write(placed([heartbeat("", 5)], log))
    assert live.exists(keys.heartbeat("")) == 0
    assert live.hget(keys.OFFSETS, log) == "1"


def test_an_episode_is_active_while_it_lasts(live: redis.Redis) -> None:
    symbol, log = unique_symbol(), unique_log()
    store = LiveStore(live, KEPT)
    lasting, over, doubted, matched = (f"{symbol}-{name}" for name in ("lasting", "over", "doubted", "matched"))
    steps = [
        alert(lasting, 0, "FIRING", symbol=symbol),
        alert(over, 0, "FIRING", symbol=symbol),
        alert(lasting, 1, "ESCALATED", symbol=symbol, severity="high"),
        alert(over, 1, "RECOVERING", symbol=symbol),
        alert(doubted, 0, "FIRING", symbol=symbol),
    ]
    store.write(placed(steps, log))
    assert live.hmget(keys.ACTIVE_ALERTS, [lasting, over, doubted]).count(None) == 0
    ends = [
        alert(over, 2, "RESOLVED", symbol=symbol),
        alert(doubted, 1, "SUPPRESSED", symbol=symbol),
        alert(matched, 0, "MATCHED", symbol=symbol),
    ]
    store.write(placed(ends, log, len(steps)))

    assert msgspec.json.decode(str(live.hget(keys.ACTIVE_ALERTS, lasting)))["status"] == "ESCALATED"
    assert live.hmget(keys.ACTIVE_ALERTS, [over, matched]) == [None, None]
    assert msgspec.json.decode(str(live.hget(keys.ACTIVE_ALERTS, doubted)))["status"] == "SUPPRESSED"
    assert alert_rows(live, symbol) == [(step.alert_id, step.step) for step in [*steps, *ends]]
    live.hdel(keys.ACTIVE_ALERTS, lasting, doubted)


def test_recent_alerts_are_capped(live: redis.Redis) -> None:
    symbol = unique_symbol()
    steps = [alert(f"{symbol}-{number}", 0, "MATCHED", symbol=symbol) for number in range(RECENT_ALERTS_KEPT * 2)]
    LiveStore(live, KEPT).write(placed(steps, unique_log()))
    assert RECENT_ALERTS_KEPT <= int(live.xlen(keys.RECENT_ALERTS)) < RECENT_ALERTS_KEPT * 2


@st.composite
def crashes(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    """A log's length and the stretches [low, high) that were delivered: each goes back some way, none skips any."""
    stretches: list[tuple[int, int]] = []
    reached = 0
    for back, onward in draw(st.lists(st.tuples(st.integers(0, 10), st.integers(0, 10)), max_size=6)):
        low = max(reached - back, 0)
        stretches.append((low, low + onward))
        reached = max(reached, low + onward)
    return reached, stretches


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(delivered=crashes())
def test_records_delivered_again_change_nothing(
    live: redis.Redis, delivered: tuple[int, list[tuple[int, int]]]
) -> None:
    length, stretches = delivered
    symbol, log = unique_symbol(), unique_log()
    messages: list[LiveMessage] = [
        metrics(symbol, number) if number % 3 else alert(f"{symbol}-{number // 6}", number % 6, "FIRING", symbol=symbol)
        for number in range(length)
    ]
    updates = [number for number in range(length) if number % 3]
    highest = 0
    for low, high in stretches:
        LiveStore(live, KEPT).write(placed(messages, log)[low:high])
        highest = max(highest, high)
        newest = [number for number in updates if number < highest]
        latest = live.get(keys.latest(symbol))
        assert (msgspec.json.decode(str(latest))["update_id"] if latest else None) == (newest[-1] if newest else None)
    assert [row["update_id"] for row in stream(live, keys.recent(symbol), "metrics")] == updates
    assert alert_rows(live, symbol) == [(f"{symbol}-{n // 6}", n % 6) for n in range(length) if n % 3 == 0]
    for number in range(length):
        live.hdel(keys.ACTIVE_ALERTS, f"{symbol}-{number // 6}")


def test_a_replay_that_goes_back_in_event_time_is_shown(live: redis.Redis) -> None:
    symbol, log = unique_symbol(), unique_log()
    store = LiveStore(live, KEPT)
    store.write(placed([metrics(symbol, 1000)], log))
    store.write(placed([metrics(symbol, 1), metrics(symbol, 2)], log, 1))
    assert msgspec.json.decode(str(live.get(keys.latest(symbol))))["update_id"] == 2


def test_a_log_made_anew_starts_afresh_and_others_do_not(live: redis.Redis) -> None:
    symbol, anew, same = unique_symbol(), unique_log(), unique_log()
    before = LiveStore(live, KEPT)
    before.write(
        [*placed([metrics(symbol, number) for number in range(5)], anew), *placed([heartbeat(symbol, 1)], same)]
    )

    after = LiveStore(live, KEPT)
    after.forget_offsets_beyond({anew: 2, same: 1})
    after.write([*placed([metrics(symbol, 77)], anew), *placed([heartbeat(symbol, 9)], same)])

    assert msgspec.json.decode(str(live.get(keys.latest(symbol))))["update_id"] == 77
    assert msgspec.json.decode(str(live.get(keys.heartbeat(symbol))))["update_id"] == 10


class AnswerLost(redis.Redis):
    """A client that once loses the server's answer to a transaction that counted."""

    lost = False

    def pipeline(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - redis's own
        pipeline: Any = super().pipeline(*arguments, **named)
        execute = pipeline.execute

        def losing() -> object:
            answer = execute()
            if not self.lost:
                self.lost = True
                raise redis.ConnectionError("the connection was closed before the answer")
            return answer

        pipeline.execute = losing
        return pipeline


def test_a_transaction_whose_answer_was_lost_is_not_done_twice(
    valkey_server: EmbeddedValkey, live: redis.Redis
) -> None:
    symbol = unique_symbol()
    client = AnswerLost(host=valkey_server.host, port=valkey_server.port, decode_responses=True)
    LiveStore(client, KEPT).write(placed([metrics(symbol, 1), metrics(symbol, 2)], unique_log()))
    client.close()
    assert client.lost
    assert [row["update_id"] for row in stream(live, keys.recent(symbol), "metrics")] == [1, 2]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


def test_a_batch_waits_for_a_server_that_was_restarted(
    tmp_path: Path, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = EmbeddedValkey(host="127.0.0.1", port=free_port(), folder=tmp_path / "valkey")
    asyncio.run(server.prepare())
    failed = threading.Event()
    store = LiveStore(connect(server.host, server.port), KEPT)
    say = store._say_trying_again

    def failed_once(attempt: Any) -> None:  # noqa: ANN401 - tenacity's state
        say(attempt)
        failed.set()

    monkeypatch.setattr(store, "_say_trying_again", failed_once)
    log = unique_log()
    with running(server, tmp_path / "log"):
        store.write(placed([metrics("BTCUSDT", 1)], log))
    waiting = pool.submit(store.write, placed([metrics("BTCUSDT", 2)], log, 1))
    assert failed.wait(30)
    with running(server, tmp_path / "log"):
        waiting.result(60)
        with connect(server.host, server.port) as client:
            assert msgspec.json.decode(str(client.get(keys.latest("BTCUSDT"))))["update_id"] == 2
    store.close()


def test_an_ending_process_stops_waiting(pool: ThreadPoolExecutor) -> None:
    ending = threading.Event()
    sink = RedisSink("127.0.0.1", free_port(), "", KEPT, ending=ending)
    writer = sink.build("store", 0, 1)
    waiting = pool.submit(writer.write_batch, placed([metrics("BTCUSDT", 1)], "log/0"))
    ending.set()
    with pytest.raises(ServiceUnavailable, match="Redis did not take the batch"):
        waiting.result(30)
    writer.close()


def test_a_wrong_password_is_raised_at_once(tmp_path: Path) -> None:
    server = EmbeddedValkey(host="127.0.0.1", port=free_port(), folder=tmp_path / "valkey")
    asyncio.run(server.prepare())
    with running(server, tmp_path / "log"):
        with connect(server.host, server.port) as client:
            client.config_set("requirepass", "right")
        store = LiveStore(connect(server.host, server.port, "wrong"), KEPT)
        with pytest.raises(SettingsError, match="REDIS_PASSWORD"):
            store.write(placed([metrics("BTCUSDT", 1)], "log/0"))
        store.close()
        with connect(server.host, server.port, "right") as client:
            client.config_set("requirepass", "")
