"""Whatever the job leaves out of its topics, the bridge calls unreadable too: nothing is lost in silence."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from confluent_kafka import Producer

from connectors.kafka.topics import create_topics
from local_stack.kafka import EmbeddedKafka
from orderbook.errors import UnreadableMessage
from orderbook.messages import RawMessage, Trade, TradesMessage, encode
from orderbook.readable import read_raw, read_trades
from orderbook.settings import Settings
from orderbook.topics import Topics
from tests.component.flink import poison
from tests.component.flink.market import BEGIN_MS, book, feed_gap, heartbeat
from tests.processes import REPOSITORY, environment
from tests.records import new_trade

pytestmark = [pytest.mark.component, pytest.mark.pipeline, pytest.mark.timeout(600)]

Reading = Callable[[bytes], RawMessage | TradesMessage]
RANDOM_CASES = 3000
NASTY: list[Any] = [
    *(None, True, False, 0, -1, 1, 2**31, 2**53, 2**63 - 1, 2**63, 10**30, 0.5, -0.0, 1e15, 1e308, -1e308),
    *("", " ", "x", "12", " 12 ", "1e5", "NaN", "Infinity", "live", "book", "\u0663", "\x00", "\U0001f4a5", "y" * 200),
    *([], [None], [1], [[1]], ["1"], [{}], {}, {"symbol": "X"}, {"event_time_ms": 1, "type": "heartbeat"}),
]


TOPICS: tuple[Literal["raw", "trades"], ...] = ("raw", "trades")
BOOK = book("BTCUSDT", BEGIN_MS, 1, [1.0] * 6, [2.0] * 6, spread=1)
BEAT, GAP = heartbeat("BTCUSDT", BEGIN_MS), feed_gap("BTCUSDT", BEGIN_MS)
TRADE = new_trade("BTCUSDT", BEGIN_MS, 1, lag_ms=3)
SOUND = {"raw": [encode(BOOK), encode(BEAT), encode(GAP)], "trades": [encode(TRADE), encode(BEAT)]}
POISON = {"raw": list(poison.of_raw(BOOK, BEAT, GAP)), "trades": list(poison.of_trades(TRADE, BOOK))}


def spoilt(topic: Literal["raw", "trades"], dice: random.Random) -> bytes:
    """A sound record with something done to it, at random."""
    payload = dice.choice(SOUND[topic])
    fields = json.loads(payload)
    match dice.randrange(8):
        case 0:
            return payload[: dice.randrange(len(payload))]
        case 1:
            place = dice.randrange(len(payload))
            return payload[:place] + bytes([dice.randrange(256)]) + payload[place + 1 :]
        case 2:
            return json.dumps(fields).encode(dice.choice(["utf-16", "utf-16-le", "utf-32", "utf-8-sig"]))
        case 3:
            return payload + dice.choice([b" ", b"x", b"\n" + payload, b"\x00", b"]", b"}"])
        case 4:
            return b"[" + payload + dice.choice([b"]", b"", b"," + payload + b"]"])
        case 5:
            del fields[dice.choice(list(fields))]
        case 6:
            arrays = [name for name, value in fields.items() if isinstance(value, list) and value]
            if arrays:
                array = fields[dice.choice(arrays)]
                array[dice.randrange(len(array))] = dice.choice(NASTY)
        case _:
            for _ in range(dice.choice([1, 1, 2])):
                fields[dice.choice(list(fields))] = dice.choice(NASTY)
    return json.dumps(fields, ensure_ascii=dice.random() < 0.5).encode(errors="surrogatepass")


def is_used(message: RawMessage | TradesMessage, topic: str) -> bool:
    return message.symbol != "" and (topic == "raw" or isinstance(message, Trade))


def is_read(read: Reading, payload: bytes) -> bool:
    try:
        read(payload)
    except UnreadableMessage:
        return False
    return True


def test_nothing_that_the_job_leaves_out_goes_unreported(kafka_server: EmbeddedKafka, tmp_path: Path) -> None:
    settings = Settings(
        kafka_bootstrap_servers=kafka_server.bootstrap_servers,
        topic_prefix=f"t{uuid.uuid4().hex[:12]}",
        topic_partitions=1,
        calculate_depth=4,
        depth_levels=6,
        checkpoint_interval_ms=600_000,
        state_dir=tmp_path / "state",
    )
    create_topics(settings)
    topics = Topics(settings.topic_prefix)
    dice = random.Random(7)  # noqa: S311 - a test's cases
    sent = {name: [*POISON[name], *SOUND[name], *(spoilt(name, dice) for _ in range(RANDOM_CASES))] for name in TOPICS}
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap_servers, "message.max.bytes": 1_048_576})
    for name, payloads in sent.items():
        for payload in payloads:
            producer.produce(getattr(topics, name), payload)
        assert producer.flush(30) == 0
    done = subprocess.run(
        [sys.executable, "-m", "tests.component.flink.reading", str(tmp_path)],
        cwd=REPOSITORY,
        env={**os.environ, **environment(settings)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    of_job: dict[str, set[int]] = {"raw": set(), "trades": set()}
    for file in (tmp_path / "read").iterdir():
        for line in file.read_text().splitlines():
            from_topic, _, offset = line.partition(",")
            of_job[from_topic].add(int(offset))
    readings: dict[str, Reading] = {"raw": read_raw, "trades": read_trades}
    for name in TOPICS:
        read = readings[name]
        ours = {offset for offset, payload in enumerate(sent[name]) if is_read(read, payload)}
        # A clock's heartbeat, and any on topic trades, only moves event time.
        used = {offset for offset in ours if is_used(read(sent[name][offset]), name)}
        theirs = of_job[name]
        assert used <= theirs, [sent[name][offset] for offset in sorted(used - theirs)[:5]]
        assert not theirs & set(range(len(POISON[name]))), "what is known to be poison"
        assert len(ours) > RANDOM_CASES // 20, "some are still sound"
