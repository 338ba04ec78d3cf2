from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.kafka.topics import create_topics
from local_stack.kafka import EmbeddedKafka
from orderbook.settings import Settings
from tests.processes import running
from tests.servers import free_port

SYMBOLS = ("BTCUSDT", "ETHUSDT")


@pytest.fixture
def settings(kafka_server: EmbeddedKafka) -> Settings:
    """An ingest's settings with topics of its own, of which there are more partitions than symbols."""
    settings = Settings(
        symbols=SYMBOLS,
        feed="simulator",
        simulator_port=free_port(),
        kafka_bootstrap_servers=kafka_server.bootstrap_servers,
        topic_prefix=f"t{uuid.uuid4().hex[:12]}",
        topic_partitions=3,
        log_format="json",
    )
    create_topics(settings)
    return settings


@pytest.fixture
def simulator(settings: Settings, tmp_path: Path) -> Iterator[Settings]:
    """The exchange simulator, running at the address of the settings."""
    with running(settings, ["connectors.simulator"], tmp_path):
        yield settings
