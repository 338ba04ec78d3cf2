from __future__ import annotations

import io
from pathlib import Path

import pytest
from pydantic import SecretStr
from rich.console import Console

from local_stack.postgres import EmbeddedPostgres
from local_stack.reports import LOG_FILE_BYTES, StackReporter
from local_stack.stack import _read_choice, embedded_servers, wanted_ports
from local_stack.valkey import EmbeddedValkey
from orderbook.errors import StackError
from orderbook.settings import Settings

PG_PASSWORD = SecretStr("hunter2")
VALKEY_PASSWORD = SecretStr("hunter3")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def test_a_whole_run_wants_every_port_but_the_simulator_s_while_the_feed_is_open() -> None:
    settings = Settings(redis_port=1001, database_port=1002, kafka_bootstrap_servers="127.0.0.1:1003")
    ports = {want.setting: (want.host, want.port) for want in wanted_ports(settings, ())}
    assert ports == {
        "REDIS_PORT": ("127.0.0.1", 1001),
        "DATABASE_PORT": ("127.0.0.1", 1002),
        "KAFKA_BOOTSTRAP_SERVERS": ("127.0.0.1", 1003),
        "KAFKA_CONTROLLER_PORT": ("127.0.0.1", 19093),
        "DASHBOARD_PORT": ("127.0.0.1", 8501),
    }
    simulated = wanted_ports(settings.model_copy(update={"feed": "simulator"}), ())
    assert [want.setting for want in simulated if want.setting not in ports] == ["SIMULATOR_PORT"]


def test_servers_that_are_not_asked_for_want_no_port_and_no_loopback() -> None:
    settings = Settings(database_host="db.example", redis_host="cache.example")
    assert [want.port for want in wanted_ports(settings, ("kafka",))] == [19092, 19093]
    with pytest.raises(StackError, match=r"REDIS_HOST names cache\.example"):
        wanted_ports(settings, ("kafka", "valkey"))


def test_several_brokers_are_more_than_the_stack_has() -> None:
    settings = Settings(kafka_bootstrap_servers="a:1,b:2")
    with pytest.raises(StackError, match="names several brokers"):
        wanted_ports(settings, ())


def test_the_servers_are_as_the_settings_say(tmp_path: Path) -> None:
    settings = Settings(
        state_dir=tmp_path,
        database_user="desk",
        database_name="books",
        database_password=PG_PASSWORD,
        redis_password=VALKEY_PASSWORD,
    )
    servers = embedded_servers(settings)
    postgres, valkey = servers["postgres"], servers["valkey"]
    assert isinstance(postgres, EmbeddedPostgres)
    assert isinstance(valkey, EmbeddedValkey)
    assert (postgres.user, postgres.dbname, postgres.password) == ("desk", "books", "hunter2")
    assert valkey.password == VALKEY_PASSWORD.get_secret_value()
    assert "hunter" not in repr(servers)


def test_the_feed_is_read_from_among_log_lines() -> None:
    choice = _read_choice(["[info] asking", '{"feed": "binance_us", "why": "binance refused"}', "[info] bye"])
    assert (choice.feed, choice.why) == ("binance_us", "binance refused")


@pytest.mark.parametrize("lines", [[], ["no json"], ['{"feed": "nasdaq", "why": ""}'], ['{"feed": "binance"}']])
def test_a_feed_that_is_not_told_is_an_error(lines: list[str]) -> None:
    with pytest.raises(StackError, match="did not say which feed to use"):
        _read_choice(lines)


def test_state_lines_are_shown_with_the_name_and_process_lines_only_when_wanted(tmp_path: Path) -> None:
    shown: dict[bool, list[str]] = {}
    for verbose in (False, True):
        screen = io.StringIO()
        reporter = StackReporter(Console(file=screen, width=40), tmp_path / str(verbose), verbose=verbose)
        reporter.output("kafka", "a line [of] kafka's " + "x" * 60)
        reporter.state("kafka", "ready in 2.0 s", "good")
        reporter.close()
        shown[verbose] = screen.getvalue().splitlines()
    assert shown[False] == ["     kafka | ready in 2.0 s"]
    assert shown[True] == ["     kafka | a line [of] kafka's " + "x" * 60, "     kafka | ready in 2.0 s"]
    for verbose in (False, True):
        assert (tmp_path / str(verbose) / "kafka.log").read_text() == "a line [of] kafka's " + "x" * 60 + "\n"
        assert "kafka | ready in 2.0 s" in (tmp_path / str(verbose) / "stack.log").read_text()


def test_a_log_file_never_outgrows_its_bound_and_keeps_the_newest_lines(tmp_path: Path) -> None:
    reporter = StackReporter(Console(file=io.StringIO()), tmp_path, verbose=False)
    line = "x" * 65_000
    for number in range(400):
        reporter.output("kafka", f"{number} {line}")
    reporter.close()
    files = sorted(tmp_path.glob("kafka.log*"))
    assert [file.name for file in files] == ["kafka.log", "kafka.log.1", "kafka.log.2"]
    assert all(file.stat().st_size <= LOG_FILE_BYTES for file in files)
    assert files[0].read_text().splitlines()[-1].startswith("399 ")
