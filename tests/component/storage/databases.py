"""Databases of their own for the storage tests, on the session's server."""

from __future__ import annotations

import asyncio
import dataclasses
import uuid

import psycopg
from psycopg import Connection, sql

from local_stack.postgres import EmbeddedPostgres


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
