"""The ingest as a process, against the exchange simulator as a process and a real broker."""

from __future__ import annotations

import signal
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import urllib3

from orderbook.settings import Settings
from orderbook.topics import Topics, partition_of, uncovered_partitions
from tests.component.ingest.conftest import SYMBOLS
from tests.processes import eventually, running
from tests.topics import TopicReader

pytestmark = pytest.mark.component

Row = dict[str, Any]


def books_of(rows: list[Row], symbol: str) -> list[Row]:
    return [row for row in rows if row["type"] == "book" and row["symbol"] == symbol]


def beats_of(rows: list[Row], symbol: str) -> list[Row]:
    return [row for row in rows if row["type"] == "heartbeat" and row["symbol"] == symbol]


def fault(settings: Settings, **asked: str) -> None:
    answer = urllib3.request("POST", f"http://{settings.simulator_address}/simulator/fault", json=asked)
    assert answer.status == 202, answer.data


@pytest.mark.parametrize(
    ("command", "number", "status"),
    [
        (["dataflows", "ingest"], signal.SIGTERM, 0),
        (["dataflows", "ingest"], signal.SIGINT, 0),
        (["bytewax.run", "dataflows.ingest"], signal.SIGINT, 1),  # Bytewax's own runner ends with 1 on Ctrl-C
    ],
    ids=["SIGTERM", "SIGINT", "bytewax.run"],
)
def test_books_trades_and_heartbeats_of_every_symbol_reach_their_topics(
    simulator: Settings, tmp_path: Path, command: list[str], number: signal.Signals, status: int
) -> None:
    topics = Topics(simulator.topic_prefix)
    raw = TopicReader(simulator.kafka_bootstrap_servers, topics.raw)
    with running(simulator, command, tmp_path) as ingest:
        raw.read_until(
            lambda rows: all(
                len(books_of(rows, symbol)) >= 30 and (beats_of(rows, symbol) or [{}])[-1].get("oracle_checks", 0) >= 5
                for symbol in SYMBOLS
            )
        )
        assert ingest.end(number) == status
    raw.read()
    for symbol in SYMBOLS:
        books = books_of(raw.rows, symbol)
        assert {book["venue"] for book in books} == {"simulator"}
        assert {len(book["bid_price"]) for book in books} == {20}
        for book in books:
            assert book["bid_price"] == sorted(book["bid_price"], reverse=True)
            assert book["ask_price"] == sorted(book["ask_price"])
            assert book["bid_price"][0] < book["ask_price"][0]
        for earlier, later in pairwise(books):
            assert earlier["update_id"] < later["update_id"]
            assert earlier["event_time_ms"] <= later["event_time_ms"]
        newest = beats_of(raw.rows, symbol)[-1]
        assert (newest["state"], newest["gaps"], newest["oracle_mismatches"]) == ("live", 0, 0)
    placed = defaultdict(set)
    for row, partition, key in zip(raw.rows, raw.partitions, raw.keys, strict=True):
        placed[row["symbol"]].add(partition)
        assert key == row["symbol"].encode()
    assert placed == {
        **{symbol: {partition_of(symbol, 3)} for symbol in SYMBOLS},
        "": set(uncovered_partitions(SYMBOLS, 3)),
    }
    raw.close()
    trades = TopicReader(simulator.kafka_bootstrap_servers, topics.trades)
    rows = trades.read_until(lambda rows: {row["symbol"] for row in rows if row["type"] == "trade"} == set(SYMBOLS))
    assert {row["aggressor"] for row in rows if row["type"] == "trade"} <= {"buy", "sell"}
    # Its event time moves where nothing is traded.
    assert {row["symbol"] for row in rows if row["type"] == "heartbeat"} >= set(SYMBOLS)
    trades.close()
    letters = TopicReader(simulator.kafka_bootstrap_servers, topics.dead_letter)
    assert letters.read(1.0) == 0
    letters.close()


def test_a_lost_diff_resynchronises_its_symbol_only(simulator: Settings, tmp_path: Path) -> None:
    raw = TopicReader(simulator.kafka_bootstrap_servers, Topics(simulator.topic_prefix).raw)
    with running(simulator, ["dataflows", "ingest"], tmp_path):
        raw.read_until(lambda rows: all(len(books_of(rows, symbol)) >= 10 for symbol in SYMBOLS))
        fault(simulator, kind="drop_diff", symbol="BTCUSDT")
        rows = raw.read_until(
            lambda rows: any(beat["resyncs"] == 1 and beat["state"] == "live" for beat in beats_of(rows, "BTCUSDT"))
        )
        books_then = len(books_of(rows, "BTCUSDT"))
        raw.read_until(lambda rows: len(books_of(rows, "BTCUSDT")) >= books_then + 20)
        checks_then = beats_of(raw.rows, "BTCUSDT")[-1]["oracle_checks"]
        raw.read_until(lambda rows: beats_of(rows, "BTCUSDT")[-1]["oracle_checks"] >= checks_then + 3)
    raw.close()
    states = [beat["state"] for beat in beats_of(raw.rows, "BTCUSDT")]
    assert "resyncing" in states[states.index("live") :]
    assert any("gap" in (beat["reason"] or "") for beat in beats_of(raw.rows, "BTCUSDT"))
    final = beats_of(raw.rows, "BTCUSDT")[-1]
    assert (final["gaps"], final["oracle_mismatches"]) == (1, 0)
    others = beats_of(raw.rows, "ETHUSDT")
    assert "resyncing" not in {beat["state"] for beat in others}
    assert others[-1]["gaps"] == 0


def test_a_lost_connection_is_replaced_and_every_book_made_anew(simulator: Settings, tmp_path: Path) -> None:
    raw = TopicReader(simulator.kafka_bootstrap_servers, Topics(simulator.topic_prefix).raw)
    with running(simulator, ["dataflows", "ingest"], tmp_path):
        raw.read_until(lambda rows: all(len(books_of(rows, symbol)) >= 10 for symbol in SYMBOLS))
        fault(simulator, kind="disconnect")
        raw.read_until(
            lambda rows: all(
                any(beat["resyncs"] == 1 and beat["state"] == "live" for beat in beats_of(rows, symbol))
                for symbol in SYMBOLS
            )
        )
    raw.close()
    for symbol in SYMBOLS:
        ids = [book["update_id"] for book in books_of(raw.rows, symbol)]
        assert ids == sorted(set(ids))
        assert beats_of(raw.rows, symbol)[-1]["oracle_mismatches"] == 0


def test_an_exchange_that_comes_back_is_found_again(settings: Settings, tmp_path: Path) -> None:
    raw = TopicReader(settings.kafka_bootstrap_servers, Topics(settings.topic_prefix).raw)
    with (
        running(settings, ["connectors.simulator"], tmp_path) as first,
        running(settings, ["dataflows", "ingest"], tmp_path) as ingest,
    ):
        raw.read_until(lambda rows: bool(books_of(rows, "BTCUSDT")))
        first.process.kill()
        first.process.wait()
        raw.read_until(lambda rows: beats_of(rows, "BTCUSDT")[-1]["state"] == "resyncing")
        with running(settings, ["connectors.simulator"], tmp_path):
            raw.read_until(lambda rows: beats_of(rows, "BTCUSDT")[-1]["state"] == "live")
            assert ingest.end() == 0
    raw.close()


def test_a_symbol_that_is_not_traded_is_refused_with_its_neighbours(simulator: Settings, tmp_path: Path) -> None:
    wrong = simulator.model_copy(update={"symbols": ("BTCUSDT", "BTCUSD")})
    with running(wrong, ["dataflows", "ingest"], tmp_path, ready=False) as ingest:
        status = eventually(ingest.process.poll, 30.0)
    assert status == 1
    assert "SYMBOLS names what simulator does not trade: BTCUSD (did you mean BTCUSDT" in ingest.output()
    assert "Traceback" not in ingest.output()
