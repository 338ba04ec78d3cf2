"""Jars from a lock file: what is fetched, what is kept, and what is refused; against a repository of our own."""

from __future__ import annotations

import gc
import hashlib
import io
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jgo.maven._core
import pytest
from rich.console import Console

from flink.jars import fetch_jars, read_lock
from orderbook.errors import StackError
from tests.servers import REPOSITORY

# jgo leaves its connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")

GROUP, NAMES = "org.example", ("alpha", "beta", "gamma")


class Repository:
    """A Maven repository on this machine, the user's own repository, a lock file and a target; and what was asked."""

    def __init__(self, folder: Path) -> None:
        self.remote, self.own, self.target = folder / "remote", folder / "own", folder / "target"
        self.lock = folder / "jars.lock.toml"
        self.asked: list[str] = []
        self.said = io.StringIO()
        self.jars = {name: f"the bytes of {name}".encode() for name in NAMES}
        for name, content in self.jars.items():
            place = self.remote / "org" / "example" / name / "1.0" / f"{name}-1.0.jar"
            place.parent.mkdir(parents=True)
            place.write_bytes(content)
        self.write_lock({name: hashlib.sha256(content).hexdigest() for name, content in self.jars.items()})

    def write_lock(self, sums: dict[str, str]) -> None:
        entries = [
            f'[[jar]]\ngroup = "{GROUP}"\nartifact = "{n}"\nversion = "1.0"\nsha256 = "{s}"\n' for n, s in sums.items()
        ]
        self.lock.write_text("\n".join(entries))

    def fetch(self) -> tuple[Path, ...]:
        self.asked.clear()
        return fetch_jars(self.lock, self.target, console=Console(file=self.said, width=400))

    def downloads(self) -> list[str]:
        return sorted(path.rpartition("/")[2] for path in self.asked if path.endswith(".jar"))

    def held(self) -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in self.target.iterdir()}


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    made = Repository(tmp_path)

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            made.asked.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(made.remote)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setattr(jgo.maven._core, "DEFAULT_REMOTE_REPOS", {"central": address})
    monkeypatch.setenv("M2_REPO", str(made.own))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield made
    server.shutdown()
    server.server_close()
    thread.join()
    gc.collect()


def whole(repository: Repository) -> dict[str, bytes]:
    return {f"{name}-1.0.jar": content for name, content in repository.jars.items()}


def test_jars_are_fetched_once(repository: Repository) -> None:
    paths = repository.fetch()
    assert [path.name for path in paths] == [f"{name}-1.0.jar" for name in NAMES]
    assert repository.held() == whole(repository), "the jars and nothing else"
    assert repository.downloads() == [f"{name}-1.0.jar" for name in NAMES]
    repository.fetch()
    assert repository.asked == []


def test_another_clone_takes_them_from_the_users_repository(repository: Repository) -> None:
    repository.fetch()
    repository.target = repository.target.with_name("another")
    repository.fetch()
    assert repository.asked == []
    assert repository.held() == whole(repository)


def test_a_damaged_jar_is_named_and_fetched_anew(repository: Repository) -> None:
    repository.fetch()
    (repository.target / "beta-1.0.jar").write_bytes(b"damaged")
    repository.fetch()
    assert repository.held() == whole(repository)
    assert "beta-1.0.jar has a wrong sum: expected sha256" in repository.said.getvalue()


def test_a_damaged_jar_in_the_users_repository_is_not_taken(repository: Repository) -> None:
    repository.fetch()
    (repository.own / "org" / "example" / "beta" / "1.0" / "beta-1.0.jar").write_bytes(b"damaged")
    (repository.target / "beta-1.0.jar").unlink()
    repository.fetch()
    assert repository.downloads() == ["beta-1.0.jar"]
    assert repository.held() == whole(repository)


def test_a_download_with_another_sum_is_refused_and_kept_nowhere(repository: Repository) -> None:
    wanted = {name: hashlib.sha256(content).hexdigest() for name, content in repository.jars.items()}
    seen, wanted["gamma"] = wanted["gamma"], "0" * 64
    repository.write_lock(wanted)
    with pytest.raises(StackError) as refused:
        repository.fetch()
    assert str(refused.value) == f"gamma-1.0.jar has a wrong sum: expected sha256 {'0' * 64}, seen {seen}"
    assert not list(repository.target.rglob("gamma*"))
    assert not list(repository.own.rglob("gamma*"))


def test_a_jar_that_is_nowhere_is_named(repository: Repository) -> None:
    repository.write_lock({"delta": "0" * 64})
    with pytest.raises(StackError, match=r"delta-1\.0\.jar cannot be fetched; check the network"):
        repository.fetch()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "names no"),
        ("[[jar", "cannot be read"),
        ('[[jar]]\ngroup = "g"\nartifact = "a"\nversion = "1"\n', "entry 1 .* has sha256=''"),
        (f'[[jar]]\ngroup = "g"\nartifact = "../a"\nversion = "1"\nsha256 = "{"0" * 64}"\n', "artifact='../a'"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    lock = tmp_path / "jars.lock.toml"
    lock.write_text(text)
    with pytest.raises(StackError, match=complaint):
        read_lock(lock)


@pytest.mark.parametrize(
    ("lock", "artifacts"),
    [
        ("flink/jars.lock.toml", {"flink-sql-connector-kafka"}),
        ("local_stack/broker.lock.toml", {"kafka_2.13", "kafka-clients", "log4j-slf4j-impl"}),
    ],
)
def test_the_product_locks_are_whole_and_name_no_address(lock: str, artifacts: set[str]) -> None:
    jars = read_lock(REPOSITORY / lock)
    assert {jar.artifact for jar in jars} >= artifacts
    assert len({jar.file_name for jar in jars}) == len(jars)
    assert "http" not in (REPOSITORY / lock).read_text()
