"""Applying migrations to a database and telling how it stands.

Promise: a migration and its record are one transaction, so that it is applied in full and known to be, or not at all.
Only one runner at a time works on a database (advisory lock); a second one waits and then finds nothing left to do.
A `no-transaction` migration has no such cover: it must be written so that it may run again (IF NOT EXISTS).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

import psycopg
from psycopg import Connection
from psycopg.rows import class_row
from tenacity import RetryCallState, retry, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from migrations.errors import MigrationRefused
from migrations.script import Script
from orderbook.errors import ServiceUnavailable
from runtime.logs import get_logger

State = Literal["applied", "skipped", "pending"]

LOCK_KEY: Final = 0x6F72_6465_7262  # "orderb": any number that nothing else in the database locks
CONNECT_TIMEOUT_S: Final = 5
log = get_logger("migrations")

CREATE_RECORDS: Final = b"""
CREATE TABLE IF NOT EXISTS schema_migrations (
    version     integer PRIMARY KEY,
    name        text NOT NULL,
    sha256      text NOT NULL,
    state       text NOT NULL CHECK (state IN ('applied', 'skipped')),
    reason      text,
    applied_at  timestamptz NOT NULL,
    duration    interval NOT NULL
)
"""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a migration may wait: for a lock, for one statement, and for another runner to finish."""

    lock: timedelta = timedelta(seconds=10)
    statement: timedelta = timedelta(minutes=10)
    runner: timedelta = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of `schema_migrations`. `reason` says why a migration was skipped."""

    version: int
    name: str
    sha256: str
    state: Literal["applied", "skipped"]
    reason: str | None
    applied_at: datetime
    duration: timedelta


@dataclass(frozen=True, slots=True)
class Standing:
    """One migration as it stands in a database; `entry` is None while it is pending."""

    script: Script
    state: State
    entry: Entry | None


@contextmanager
def connected(conninfo: str, *, patience_s: float = 30.0) -> Iterator[Connection]:
    """Open an autocommit connection, trying again for `patience_s` seconds while the server starts.

    Raises ServiceUnavailable with the server's own words when it does not let us in.
    """

    @retry(
        retry=retry_if_exception_type(psycopg.OperationalError),
        stop=stop_after_delay(patience_s),
        wait=wait_exponential_jitter(multiplier=0.1, max=2, jitter=0.1),
        before_sleep=_say_waiting,
        reraise=True,
    )
    def connect() -> Connection:
        return psycopg.connect(
            conninfo, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S, application_name="orderbook-migrations"
        )

    try:
        connection = connect()
    except psycopg.OperationalError as refused:
        raise ServiceUnavailable(f"the database does not let us in after {patience_s:g} s: {_line(refused)}") from None
    with connection:
        yield connection


def standings(connection: Connection, scripts: Sequence[Script]) -> list[Standing]:
    """Return how each migration stands, by ascending version; reads only."""
    entries = _entries(connection)
    return [
        Standing(script, entry.state if (entry := entries.get(script.version)) else "pending", entry)
        for script in scripts
    ]


def discrepancies(connection: Connection, scripts: Sequence[Script]) -> list[str]:
    """Return a sentence for every applied migration whose file was changed, renamed or lost; reads only."""
    files = {script.version: script for script in scripts}
    found: list[str] = []
    for entry in _entries(connection).values():
        if entry.state != "applied":
            continue
        applied = f"{entry.version:04d}_{entry.name}.sql"
        script = files.get(entry.version)
        if script is None:
            found.append(f"{applied} was applied here but its file is gone: restore it, or use the newer code")
        elif script.name != entry.name:
            found.append(f"{applied} was applied here but its file is now {script.file_name}: rename it back")
        elif script.sha256 != entry.sha256:
            found.append(
                f"{applied} was changed after it had been applied (sha256 {script.sha256[:12]} now, "
                f"{entry.sha256[:12]} then): restore the file and put the change into a new migration"
            )
    return found


def apply_pending(connection: Connection, scripts: Sequence[Script], limits: Limits | None = None) -> list[Standing]:
    """Apply what is pending, in order, and return what was done to each migration that was pending or skipped before.

    A migration whose extension is not installed is recorded as skipped and tried again by the next run. Raises
    MigrationRefused when an applied file was changed or a migration fails; those before it stay applied.
    """
    limits = limits or Limits()
    with _only_runner(connection, limits):
        connection.execute(CREATE_RECORDS)
        if wrong := discrepancies(connection, scripts):
            raise MigrationRefused("; ".join(wrong))
        before = standings(connection, scripts)
        for standing in before:
            if standing.state != "applied":
                _apply_or_skip(connection, standing.script, limits)
        touched = {standing.script.version for standing in before if standing.state != "applied"}
        return [standing for standing in standings(connection, scripts) if standing.script.version in touched]


def _apply_or_skip(connection: Connection, script: Script, limits: Limits) -> None:
    if script.requires is not None and not _installed(connection, script.requires):
        reason = f"extension {script.requires} is not installed in this database"
        _record(connection, script, "skipped", reason, timedelta(0))
        log.info("migration_skipped", migration=script.file_name, reason=reason)
        return
    started = time.monotonic()
    try:
        if script.transactional:
            with connection.transaction():
                _limit(connection, limits, local=True)
                connection.execute(script.sql.encode())
                duration = timedelta(seconds=time.monotonic() - started)
                _record(connection, script, "applied", None, duration)
        else:
            _limit(connection, limits, local=False)
            # The extended protocol takes one statement only: several would share a transaction after all.
            connection.execute(script.sql.encode(), binary=True)
            duration = timedelta(seconds=time.monotonic() - started)
            _record(connection, script, "applied", None, duration)
    except psycopg.Error as failed:
        raise MigrationRefused(_failure(script, failed)) from failed
    log.info("migration_applied", migration=script.file_name, duration_ms=round(duration.total_seconds() * 1000))


def _record(
    connection: Connection,
    script: Script,
    state: Literal["applied", "skipped"],
    reason: str | None,
    duration: timedelta,
) -> None:
    connection.execute(
        """
        INSERT INTO schema_migrations (version, name, sha256, state, reason, applied_at, duration)
        VALUES (%s, %s, %s, %s, %s, clock_timestamp(), %s)
        ON CONFLICT (version) DO UPDATE SET
            name = EXCLUDED.name, sha256 = EXCLUDED.sha256, state = EXCLUDED.state, reason = EXCLUDED.reason,
            applied_at = EXCLUDED.applied_at, duration = EXCLUDED.duration
        """,
        (script.version, script.name, script.sha256, state, reason, duration),
    )


def _entries(connection: Connection) -> dict[int, Entry]:
    [(present,)] = connection.execute("SELECT to_regclass('schema_migrations') IS NOT NULL").fetchall()
    if not present:
        return {}
    with connection.cursor(row_factory=class_row(Entry)) as cursor:
        cursor.execute(
            "SELECT version, name, sha256, state, reason, applied_at, duration FROM schema_migrations ORDER BY version"
        )
        return {entry.version: entry for entry in cursor}


def _installed(connection: Connection, extension: str) -> bool:
    return connection.execute("SELECT 1 FROM pg_extension WHERE extname = %s", (extension,)).fetchone() is not None


@contextmanager
def _only_runner(connection: Connection, limits: Limits) -> Iterator[None]:
    """Hold the runners' lock; raises MigrationRefused when another runner keeps it for longer than the limit."""
    _set(connection, "lock_timeout", limits.runner, local=False)
    try:
        connection.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
    except psycopg.errors.LockNotAvailable:
        raise MigrationRefused(
            f"another migration run has held this database for {limits.runner.total_seconds():g} s: "
            "wait until it ends, or end it, and run again"
        ) from None
    try:
        yield
    finally:
        if not connection.broken:
            connection.execute("SELECT pg_advisory_unlock(%s)", (LOCK_KEY,))


def _limit(connection: Connection, limits: Limits, *, local: bool) -> None:
    _set(connection, "lock_timeout", limits.lock, local=local)
    _set(connection, "statement_timeout", limits.statement, local=local)


def _set(connection: Connection, name: str, value: timedelta, *, local: bool) -> None:
    milliseconds = f"{round(value.total_seconds() * 1000)}ms"
    connection.execute("SELECT set_config(%s, %s, %s)", (name, milliseconds, local))


def _failure(script: Script, failed: psycopg.Error) -> str:
    position = failed.diag.statement_position
    line = f", line {script.sql[: int(position)].count(chr(10)) + 1}" if position else ""
    outcome = (
        "nothing of it was applied" if script.transactional else "it may be half done; it is not recorded as applied"
    )
    if isinstance(failed, psycopg.errors.LockNotAvailable):
        return f"{script.file_name} waited too long for a lock: {outcome}; end what holds the table and run again"
    return f"{script.file_name}{line} failed: {_line(failed)}; {outcome}"


def _say_waiting(attempt: RetryCallState) -> None:
    outcome = attempt.outcome
    reason = _line(outcome.exception()) if outcome is not None else ""
    log.info("waiting_for_database", attempt=attempt.attempt_number, reason=reason)


def _line(error: BaseException | None) -> str:
    """Return an error's text on one line."""
    return " ".join(str(error).split())
