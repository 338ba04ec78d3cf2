"""The recording of USD-M futures through Kafka and the job."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from connectors.kafka.topics import create_topics
from local_stack.kafka import EmbeddedKafka
from orderbook.settings import Settings
from orderbook.topics import Topics
from tests import reference
from tests.processes import eventually, running
from tests.recordings import USDM_BTC, recording
from tests.topics import TopicReader

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(900)]

UPDATES = 6547
"""Diffs after the snapshot; the handbook's count."""


@pytest.fixture(scope="module")
def written(kafka_server: EmbeddedKafka, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """What the job wrote about the recording, by topic."""
    files = recording(USDM_BTC)
    folder = tmp_path_factory.mktemp("futures")
    settings = Settings(
        feed="recording",
        symbols=("BTCUSDT",),
        kafka_bootstrap_servers=kafka_server.bootstrap_servers,
        topic_prefix=f"t{uuid.uuid4().hex[:12]}",
        state_dir=folder / "state",
    )
    create_topics(settings)
    topics = Topics(settings.topic_prefix)
    readers = {name: TopicReader(settings.kafka_bootstrap_servers, name) for name in (topics.metrics, topics.processed)}
    with running(settings, ["flink"], folder):
        replay = ["dataflows.replay", *map(str, files), "--speed", "max"]
        with running(settings, replay, folder, ready=False) as replayed:
            assert eventually(replayed.process.poll, 300.0) == 0, replayed.output()
        readers[topics.metrics].read_until(lambda rows: len(rows) >= UPDATES)
        rows = {name.rpartition(".")[2]: reader.read_all() for name, reader in readers.items()}
    for reader in readers.values():
        reader.close()
    return rows


def test_each_update_has_its_metrics(written: dict[str, list[dict[str, Any]]]) -> None:
    assert len(written["metrics"]) == UPDATES
    assert [row["update_id"] for row in written["metrics"] if row["ofi"] is None] == [
        written["metrics"][0]["update_id"]
    ], "only the first update has no flow"


def test_order_flow_explains_what_the_handbook_says(written: dict[str, list[dict[str, Any]]]) -> None:
    """R² of the price change over 10 s: order flow imbalance at the touch, and of ten levels."""
    assert reference.explained(written["processed"], written["metrics"], "BTCUSDT") == (0.58, 0.825)
    assert reference.explained_by_volume(written["processed"], written["metrics"], "BTCUSDT") == 0.246


def test_order_flow_explains_more_than_trades(written: dict[str, list[dict[str, Any]]]) -> None:
    """R² over 1 s: the handbook's .532 against .366."""
    of_orders, _ = reference.explained(written["processed"], written["metrics"], "BTCUSDT", 1000)
    of_trades = reference.explained_by_volume(written["processed"], written["metrics"], "BTCUSDT", 1000)
    assert (of_orders, of_trades) == (0.532, 0.366)
