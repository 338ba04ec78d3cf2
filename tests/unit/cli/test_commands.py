from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
from typer.testing import CliRunner

from cli.app import app
from local_stack.state import StackLock
from orderbook.settings import Settings
from tests.servers import free_port

ORDERBOOK = Path(sys.executable).with_name("orderbook")


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "200")


def test_settings_tell_value_and_origin_and_mask_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "hunter2")
    monkeypatch.setenv("SYMBOLS", "BTCUSDT,ETHUSDT")
    (tmp_path / ".env").write_text("DASHBOARD_PORT=8600\nREDIS_PASSWORD=hunter3\n")
    shown = CliRunner().invoke(app, ["settings", "--json"])
    assert shown.exit_code == 0
    rows = {row["name"]: (row["value"], row["origin"]) for row in json.loads(shown.stdout)}
    assert rows.keys() == {name.upper() for name in Settings.model_fields}
    assert rows["SYMBOLS"] == ("BTCUSDT,ETHUSDT", "environment")
    assert rows["DASHBOARD_PORT"] == ("8600", ".env")
    assert rows["DEPTH_LEVELS"] == ("20", "default")
    assert rows["DATABASE_PASSWORD"] == ("********", "environment")
    assert "hunter" not in shown.output


def test_the_table_of_settings_holds_what_the_json_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "hunter2")
    table = CliRunner().invoke(app, ["settings"]).stdout
    rows = json.loads(CliRunner().invoke(app, ["settings", "--json"]).stdout)
    lines = {line.split()[0]: line for line in table.splitlines()}
    assert all(row["value"] in lines[row["name"]] for row in rows if len(row["value"]) < 20)
    assert all(row["origin"] in lines[row["name"]] for row in rows)
    assert "hunter2" not in table


def test_a_refused_setting_is_one_sentence_and_status_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARD_PORT", "99999")
    refused = CliRunner().invoke(app, ["settings"])
    assert refused.exit_code == 1
    assert refused.stdout == ""
    [sentence] = refused.stderr.splitlines()
    assert sentence.startswith("DASHBOARD_PORT=99999 is refused")


def test_debug_lets_the_error_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMBOLS", "")
    shown = CliRunner().invoke(app, ["--debug", "settings"])
    assert "SYMBOLS is empty" in str(shown.exception)


def test_an_error_nobody_foresaw_is_one_sentence_too() -> None:
    with mock.patch("orderbook.settings.load_settings", side_effect=KeyError("surprise")):
        shown = CliRunner().invoke(app, ["settings"])
    assert shown.exit_code == 1
    assert shown.stderr.splitlines() == ["unexpected KeyError: 'surprise'; `orderbook --debug ...` shows where"]


@pytest.mark.parametrize("arguments", [["fly"], ["run", "--only", "oracle"], ["settings", "--colour"]])
def test_a_usage_error_has_status_2(arguments: list[str]) -> None:
    refused = CliRunner().invoke(app, arguments)
    assert refused.exit_code == 2
    assert arguments[-1] in refused.stderr


def test_stop_and_status_say_that_nothing_runs(tmp_path: Path) -> None:
    stopped = CliRunner().invoke(app, ["stop"])
    assert (stopped.exit_code, stopped.stdout) == (0, f"no stack is running in {tmp_path / 'state'}\n")
    seen = CliRunner().invoke(app, ["status"])
    assert (seen.exit_code, seen.stdout) == (1, f"no stack is running in {tmp_path / 'state'}\n")
    assert json.loads(CliRunner().invoke(app, ["status", "--json"]).stdout) is None


def test_clean_asks_first_and_says_what_it_removed(tmp_path: Path) -> None:
    state = tmp_path / "state"
    (state / "kafka").mkdir(parents=True)
    (state / "kafka" / "log").write_bytes(b"x" * 1_500_000)
    kept = CliRunner().invoke(app, ["clean"], input="n\n")
    assert kept.exit_code == 1
    assert (state / "kafka" / "log").exists()
    removed = CliRunner().invoke(app, ["clean"], input="y\n")
    assert removed.exit_code == 0
    assert f"removed {state / 'kafka'} (1.5 MB)" in removed.stdout
    assert not (state / "kafka").exists()


def test_clean_without_state_has_nothing_to_do(tmp_path: Path) -> None:
    cleaned = CliRunner().invoke(app, ["clean", "--yes"])
    assert cleaned.stdout == f"{tmp_path / 'state'} does not exist: nothing to remove\n"
    assert cleaned.exit_code == 0


def test_clean_is_refused_while_a_stack_runs(tmp_path: Path) -> None:
    lock = StackLock(tmp_path / "state")
    lock.take()
    refused = CliRunner().invoke(app, ["clean", "--yes"])
    lock.close()
    assert refused.exit_code == 1
    assert "is already running" in refused.stderr


def run_program(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ORDERBOOK), *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_run_names_a_port_in_use_and_starts_nothing(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = run_program("run", "--only", "valkey", REDIS_PORT=port)
    assert ended.returncode == 1
    [sentence] = ended.stderr.splitlines()
    assert sentence.startswith(f"port {port} is already in use by ")
    assert not (tmp_path / "state" / "valkey").exists()


def test_run_refuses_a_state_folder_that_is_in_use(tmp_path: Path) -> None:
    lock = StackLock(tmp_path / "state")
    lock.take()
    ended = run_program("run", "--only", "valkey", REDIS_PORT=str(free_port()))
    lock.close()
    assert ended.returncode == 1
    [sentence] = ended.stderr.splitlines()
    assert "is already running" in sentence


def test_the_installed_program_shows_no_traceback_unless_asked() -> None:
    short = run_program("settings", SYMBOLS="btc")
    assert short.returncode == 1
    assert short.stderr.splitlines() == [
        "SYMBOLS holds 'btc', which is not a symbol: use upper-case letters and digits, for example BTCUSDT"
    ]
    assert "Traceback" in run_program("--debug", "settings", SYMBOLS="btc").stderr


def test_rules_shows_those_in_force_and_checks_a_file(tmp_path: Path) -> None:
    file = tmp_path / "desk.yaml"
    file.write_text("rules:\n  spread_widening: {enabled: false}\n  extreme_imbalance: {hold_ms: 1500}\n")
    shown = CliRunner().invoke(app, ["rules", str(file)])
    assert shown.exit_code == 0
    rows = {line.split()[0]: line.split() for line in shown.stdout.splitlines()}
    assert rows["extreme_imbalance"][2:] == [
        "imbalance_ratio",
        "both",
        "0.5",
        "0.7",
        "0.3",
        "1.5",
        "s",
        "5",
        "s",
        "60",
        "s",
    ]
    assert rows["spread_widening"][-1] == rows["spread_widening"][4] == "off"
    file.write_text("rules:\n  extreme_imbalance: {hold_ms: -3}\n")
    refused = CliRunner().invoke(app, ["rules", str(file)])
    assert refused.exit_code == 1
    assert refused.stderr == f"{file}:2: hold_ms: -3 is refused: input should be greater than or equal to 0\n"


def test_rules_lists_what_may_be_watched() -> None:
    listed = CliRunner().invoke(app, ["rules", "--metrics"]).stdout
    assert {"imbalance_ratio", "depth_ratio", "feed_gap_s"} <= {line.split()[0] for line in listed.splitlines()}
