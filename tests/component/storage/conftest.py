"""What the storage tests run on: databases of their own and live stores, on the session's servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from local_stack.kafka import EmbeddedKafka
from local_stack.postgres import EmbeddedPostgres
from local_stack.valkey import EmbeddedValkey
from migrations.runner import apply_pending
from migrations.script import read_scripts
from sinks.redis import connect
from tests.component.storage.databases import Database, create_database, drop_database
from tests.component.storage.running_bridge import Pipeline, settings_for


@pytest.fixture
def database(postgres_server: EmbeddedPostgres) -> Iterator[Database]:
    """An empty database."""
    created = create_database(postgres_server)
    yield created
    drop_database(postgres_server, created)


@pytest.fixture
def migrated(database: Database) -> Database:
    """A database with the product's schema."""
    with database.connect() as connection:
        apply_pending(connection, read_scripts())
    return database


@pytest.fixture(scope="module")
def shared(postgres_server: EmbeddedPostgres) -> Iterator[Database]:
    """A database with the product's schema, for the tests of a module that empty its tables themselves."""
    created = create_database(postgres_server)
    with created.connect() as connection:
        apply_pending(connection, read_scripts())
    yield created
    drop_database(postgres_server, created)


@pytest.fixture
def live(valkey_server: EmbeddedValkey) -> Iterator[redis.Redis]:
    """A client that answers in text; the keys are the session's, so symbols and logs need names of their own."""
    with connect(valkey_server.host, valkey_server.port) as client:
        yield client


@pytest.fixture
def pipeline(
    kafka_server: EmbeddedKafka, migrated: Database, valkey_server: EmbeddedValkey, tmp_path: Path
) -> Pipeline:
    return Pipeline(settings_for(kafka_server, migrated, valkey_server), migrated, tmp_path)
