"""What the bridge cannot read, or the job leaves out, is on topic dead_letter, and everything else in the stores."""

from __future__ import annotations

import msgspec
import pytest
import redis

from connectors.kafka.log_ends import log_ends
from orderbook import keys
from orderbook.messages import encode
from orderbook.topics import partition_of
from tests.component.flink import market, poison
from tests.component.flink.market import BEGIN_MS
from tests.component.storage.running_bridge import PARTITIONS, Pipeline, recent, wait_for
from tests.component.storage.samples import alert, heartbeat, metrics, unique_symbol, window, window_json
from tests.records import new_heartbeat, new_trade

pytestmark = [pytest.mark.component, pytest.mark.recovery]


def test_what_cannot_be_read_is_set_aside_and_nothing_else(pipeline: Pipeline, live: redis.Redis) -> None:
    symbol = unique_symbol()
    place = f"{partition_of(symbol, PARTITIONS)}"
    topics = pipeline.topics
    unstorable = window_json(window(symbol, 5)).replace(b'"simulator"', b'"simu\\u0000lator"')
    pipeline.send(topics.processed, symbol, b"{not json", window_json(window(symbol, 1)), unstorable)
    pipeline.send_windows(window(symbol, 2))
    pipeline.send(topics.alerts, symbol, b'{"type":"alert"}', encode(alert(symbol, 0, "FIRING", symbol=symbol)))
    pipeline.send(topics.metrics, symbol, b"[]", msgspec.json.encode(metrics(symbol, 1)))
    pipeline.send(topics.raw, symbol, b"\xff\xfe", encode(heartbeat(symbol, 1)))
    with pipeline.bridge():
        letters = pipeline.dead_letters(5)
        wait_for(lambda: pipeline.lag("database") + pipeline.lag("redis") == 0, "no lag")

    assert [letter.origin for letter in letters] == [
        f"{topics.alerts}/{place}@0",
        f"{topics.metrics}/{place}@0",
        f"{topics.processed}/{place}@0",
        f"{topics.processed}/{place}@2",
        f"{topics.raw}/{place}@0",
    ]
    assert letters[2].payload == "{not json"
    assert "malformed" in letters[2].reason
    assert letters[3].reason == "venue holds a NUL character, which text in the database cannot"
    assert "missing required field" in letters[0].reason
    assert all(letter.receive_time_ms > 0 for letter in letters)
    assert len(pipeline.windows()) == 2
    assert len(pipeline.rows("SELECT * FROM orderbook_alerts")) == 1
    assert recent(live, symbol) == [1]
    assert str(live.get(keys.heartbeat(symbol))).encode() == encode(heartbeat(symbol, 1))
    assert live.hdel(keys.ACTIVE_ALERTS, symbol) == 1
    ends = log_ends(pipeline.settings.kafka_bootstrap_servers, (topics.dead_letter,))
    assert sum(ends.values()) == 5


def test_what_the_job_leaves_out_is_set_aside_with_its_reason(pipeline: Pipeline, live: redis.Redis) -> None:
    symbol = unique_symbol()
    place = f"{partition_of(symbol, PARTITIONS)}"
    topics = pipeline.topics
    beat = new_heartbeat(symbol, BEGIN_MS)
    traded = new_trade(symbol, BEGIN_MS, 1, lag_ms=3)
    made = market.book(symbol, BEGIN_MS, 1, [1.0] * 6, [1.0] * 6, spread=1)
    of_raw = poison.of_raw(made, beat, market.feed_gap(symbol, BEGIN_MS))
    of_trades = poison.of_trades(traded, made)
    for topic, payloads in ((topics.raw, of_raw), (topics.trades, of_trades)):
        pipeline.send(topic, symbol, *payloads)
    pipeline.send(topics.raw, symbol, encode(beat))
    pipeline.send(topics.trades, symbol, encode(traded), encode(beat))
    with pipeline.bridge():
        letters = {letter.origin: letter for letter in pipeline.dead_letters(len(of_raw) + len(of_trades))}
        wait_for(lambda: pipeline.lag("redis") == 0, "no lag")

    for topic, payloads in ((topics.raw, of_raw), (topics.trades, of_trades)):
        for offset, (payload, reason) in enumerate(payloads.items()):
            letter = letters[f"{topic}/{place}@{offset}"]
            assert reason in letter.reason
            assert len(letter.reason) < 1300
            assert letter.payload == payload[:4096].decode(errors="replace")
    assert len(letters) == len(of_raw) + len(of_trades)
    assert str(live.get(keys.heartbeat(symbol))).encode() == encode(beat)
    assert live.get(keys.book(symbol)) is None
