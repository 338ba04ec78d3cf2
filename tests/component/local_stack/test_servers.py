"""The embedded servers by themselves: they serve, they keep what they were given, and they let the right ones in."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import redis
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from local_stack import postgres as postgres_room
from local_stack.kafka import EmbeddedKafka
from local_stack.postgres import SUPERUSER, EmbeddedPostgres, Unprivileged
from local_stack.valkey import EmbeddedValkey
from orderbook.errors import StackError
from tests.servers import REPOSITORY, broker_jars, free_port, running

pytestmark = pytest.mark.component
HOST = "127.0.0.1"
AWKWARD = "it's \\ second"
GUESS = "guess"


@contextmanager
def killed_at_the_end(server: EmbeddedKafka | EmbeddedPostgres | EmbeddedValkey, log: Path) -> Iterator[None]:
    """Run a server for the length of the block, then SIGKILL it: it gets no chance to write anything down."""
    clean_stop, server.stop_signal = server.stop_signal, signal.SIGKILL
    try:
        with running(server, log):
            yield
    finally:
        server.stop_signal = clean_stop


def new_postgres(folder: Path, password: str) -> EmbeddedPostgres:
    return EmbeddedPostgres(
        host=HOST, port=free_port(), folder=folder, dbname="orderbook", user="orderbook_user", password=password
    )


def test_kafka_keeps_what_it_acknowledged_when_it_is_killed(tmp_path: Path) -> None:
    server = EmbeddedKafka(HOST, free_port(), free_port(), folder=tmp_path / "kafka", jars=broker_jars())
    values = [f"book {number}".encode() for number in range(1000)]
    with killed_at_the_end(server, tmp_path / "log"):
        admin = AdminClient({"bootstrap.servers": server.bootstrap_servers})
        [made] = admin.create_topics([NewTopic("raw", 1)]).values()
        made.result(30)
        producer = Producer({"bootstrap.servers": server.bootstrap_servers, "acks": "all"})
        for value in values:
            producer.produce("raw", value, partition=0)
        assert producer.flush(30) == 0
    with running(server, tmp_path / "log"):
        consumer = Consumer({"bootstrap.servers": server.bootstrap_servers, "group.id": "reader"})
        consumer.assign([TopicPartition("raw", 0, 0)])
        read: list[bytes | str | None] = []
        while len(read) < len(values):
            messages = consumer.consume(len(values), timeout=30)
            assert messages
            read += [message.value() for message in messages]
        consumer.close()
    assert read == values


def test_kafka_warns_in_its_log_and_is_otherwise_quiet(kafka_server: EmbeddedKafka) -> None:
    lines = (kafka_server.folder.parent / "kafka.log").read_text().splitlines()
    assert any("KafkaRaftServer" in line for line in lines)
    assert not [line for line in lines if "SLF4J" in line or "No SLF4J providers" in line]
    assert len(lines) < 100


def test_postgres_keeps_what_was_committed_when_it_is_killed(tmp_path: Path) -> None:
    server = new_postgres(tmp_path / "postgres", "first")
    with killed_at_the_end(server, tmp_path / "log"), psycopg.connect(server.conninfo) as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS number")
        connection.commit()
        connection.execute("INSERT INTO kept VALUES (1001)")  # never committed
        server_process = connection.info.backend_pid
        assert server_process
        connection.close()
    with running(server, tmp_path / "log"), psycopg.connect(server.conninfo) as connection:
        assert connection.execute("SELECT count(*), max(number) FROM kept").fetchone() == (1000, 1000)


def test_postgres_follows_a_changed_password_and_a_changed_database(tmp_path: Path) -> None:
    server = new_postgres(tmp_path / "postgres", "first")
    with running(server, tmp_path / "log"):
        pass
    changed = replace(server, password=AWKWARD, dbname="other books")
    with running(changed, tmp_path / "log"):
        with psycopg.connect(changed.conninfo) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == ("other books",)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.conninfo)


def test_the_service_role_owns_its_database_and_is_no_superuser(postgres_server: EmbeddedPostgres) -> None:
    table = f"t_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_server.conninfo) as connection:
        connection.execute(f"CREATE TABLE {table} (x int)")  # it may change the schema, as migrations must
        connection.execute(f"DROP TABLE {table}")
        row = connection.execute(
            "SELECT rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        assert row == (False, False, False)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("COPY (SELECT 1) TO PROGRAM 'true'")


def test_nobody_gets_in_without_the_password(postgres_server: EmbeddedPostgres) -> None:
    for user in (postgres_server.user, SUPERUSER):
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(replace(postgres_server, user=user, password=GUESS).conninfo)


def test_a_commit_is_on_disk_before_it_is_acknowledged(postgres_server: EmbeddedPostgres) -> None:
    with psycopg.connect(postgres_server.conninfo) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert connection.execute("SELECT current_setting(%s)", (setting,)).fetchone() == ("on",)


def test_the_superuser_s_name_is_refused_for_the_services(tmp_path: Path) -> None:
    server = replace(new_postgres(tmp_path / "postgres", "x"), user=SUPERUSER)
    with (
        pytest.raises(StackError, match="DATABASE_USER=postgres is the superuser's name"),
        running(server, tmp_path / "log"),
    ):
        pass


def test_a_half_created_cluster_is_created_anew(tmp_path: Path) -> None:
    server = new_postgres(tmp_path / "postgres", "x")
    half = tmp_path / "postgres" / "cluster.half"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")  # initdb was killed after writing this
    with running(server, tmp_path / "log"), psycopg.connect(server.conninfo) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_pid_file_whose_number_is_another_process_s_now_does_not_block_a_start(tmp_path: Path) -> None:
    server = new_postgres(tmp_path / "postgres", "x")
    with killed_at_the_end(server, tmp_path / "log"):
        pass
    pid_file = tmp_path / "postgres" / "cluster" / "postmaster.pid"
    _, *rest = pid_file.read_text().split("\n")
    pid_file.write_text("\n".join([str(os.getppid()), *rest]))  # alive, and no PostgreSQL
    with running(server, tmp_path / "log"), psycopg.connect(server.conninfo) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def everybody_reaches(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in path.parents)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.skipif(
    not everybody_reaches(Path(postgres_room.__file__)) or not everybody_reaches(Path(sys.prefix) / "bin"),
    reason="another user cannot reach this working copy",
)
def test_postgres_runs_as_nobody_where_there_are_no_user_namespaces(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = Unprivileged(user_id=65534, group_id=65534)
    monkeypatch.setattr(postgres_room, "unprivileged", lambda: way)
    folder = tmp_path_factory.mktemp("nobody")
    for parent in (folder, folder.parent, folder.parent.parent):
        parent.chmod(0o755)
    server = new_postgres(folder / "postgres", "x")
    with running(server, folder / "log"), psycopg.connect(server.conninfo) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert (folder / "postgres" / "cluster" / "postmaster.pid").stat().st_uid == 65534
    with running(server, folder / "log"):  # and again, with what is there
        pass


AS_ORDINARY_USER = """
import os, sys
from pathlib import Path
import psycopg
from local_stack.postgres import EmbeddedPostgres, Unprivileged, unprivileged
from tests.servers import free_port, running

assert os.geteuid() == 1000
assert unprivileged() == Unprivileged()
folder = Path(sys.argv[1])
server = EmbeddedPostgres("127.0.0.1", free_port(), folder / "postgres", "orderbook", "orderbook_user", "x")
with running(server, folder / "log"), psycopg.connect(server.conninfo) as connection:
    print(connection.execute("SELECT current_user").fetchone())
"""


def test_postgres_runs_as_an_ordinary_user(tmp_path: Path) -> None:
    as_user = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    if subprocess.run([*as_user, "true"], capture_output=True, check=False).returncode:
        pytest.skip("user namespaces are forbidden here")
    ended = subprocess.run(
        [*as_user, sys.executable, "-c", AS_ORDINARY_USER, str(tmp_path)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "('orderbook_user',)\n"


def test_valkey_keeps_what_it_acknowledged_when_it_is_killed(tmp_path: Path) -> None:
    server = EmbeddedValkey(host=HOST, port=free_port(), folder=tmp_path / "valkey")
    with killed_at_the_end(server, tmp_path / "log"), redis.Redis(host=HOST, port=server.port) as client:
        client.set("orderbook:BTCUSDT:latest", "{}")
        client.rpush("recent", *range(1000))
    with running(server, tmp_path / "log"), redis.Redis(host=HOST, port=server.port) as client:
        assert client.get("orderbook:BTCUSDT:latest") == b"{}"
        assert client.llen("recent") == 1000


@pytest.mark.parametrize("password", ["plain", 'with "quotes" and \\', "caf\u00e9 # and spaces"])
def test_valkey_asks_for_its_password_whatever_is_in_it(tmp_path: Path, password: str) -> None:
    server = EmbeddedValkey(host=HOST, port=free_port(), folder=tmp_path / "valkey", password=password)
    with running(server, tmp_path / "log"):
        with redis.Redis(host=HOST, port=server.port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.get("x")
        with redis.Redis(host=HOST, port=server.port, password=password) as friend:
            assert friend.ping()
    assert (tmp_path / "valkey" / "valkey.conf").stat().st_mode & 0o077 == 0
