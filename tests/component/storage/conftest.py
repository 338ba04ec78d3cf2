"""Databases of their own for the storage tests, on the session's servers."""

from __future__ import annotations

import asyncio
import dataclasses
import uuid
from collections.abc import Iterator

import psycopg
import pytest
import redis
from psycopg import Connection, sql

from local_stack.postgres import EmbeddedPostgres
from local_stack.valkey import EmbeddedValkey
from migrations.runner import apply_pending
from migrations.script import read_scripts
from sinks.redis import connect


@dataclasses.dataclass(frozen=True, slots=True)
class Database:
    """A database that is there for one test, or for one test module."""

    host: str
    port: int
    name: str
    user: str
    password: str
    conninfo: str

    def connect(self) -> Connection:
        """A new autocommit connection."""
        return psycopg.connect(self.conninfo, autocommit=True)


def create_database(server: EmbeddedPostgres) -> Database:
    """Create an empty database, owned by the service role."""
    own = dataclasses.replace(server, dbname=f"storage_{uuid.uuid4().hex[:12]}")
    asyncio.run(own.furnish())
    return Database(own.host, own.port, own.dbname, own.user, own.password, own.conninfo)


def drop_database(server: EmbeddedPostgres, database: Database) -> None:
    """Drop it with whatever is still connected."""
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database.name)))


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
