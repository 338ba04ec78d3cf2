from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.app import app
from orderbook.settings import Settings, load_settings
from runtime.roster import Roster, read_wanted, write_roster


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("SYMBOLS", "BTCUSDT,ETHUSDT")


def orderbook(*arguments: str) -> list[str]:
    ended = CliRunner().invoke(app, ["symbols", *arguments])
    assert ended.exit_code == 0, ended.output
    return ended.stdout.splitlines()


def refused(*arguments: str) -> str:
    ended = CliRunner().invoke(app, ["symbols", *arguments])
    assert (ended.exit_code, ended.stdout) == (1, "")
    [sentence] = ended.stderr.splitlines()
    return sentence


def test_before_an_ingest_ran_the_names_of_the_setting_are_shown() -> None:
    assert orderbook("list") == ["BTCUSDT", "ETHUSDT", "no ingest has followed SYMBOLS=BTCUSDT,ETHUSDT yet"]


def test_what_is_asked_for_is_shown_until_it_is_in_force_or_refused() -> None:
    orderbook("add", "SOLUSDT", "SOLUSD")
    orderbook("remove", "ETHUSDT")
    assert orderbook("list")[:4] == [
        "BTCUSDT",
        "ETHUSDT (is being removed)",
        "SOLUSDT (is being added)",
        "SOLUSD (is being added)",
    ]
    reason = "binance does not trade SOLUSD (did you mean SOLUSDT?)"
    write_roster(
        load_settings(),
        Roster(tokens=("BTCUSDT", "ETHUSDT"), symbols=("BTCUSDT", "SOLUSDT"), refused={"SOLUSD": reason}),
    )
    assert orderbook("list") == ["BTCUSDT", "SOLUSDT", f"SOLUSD refused: {reason}"]
    assert json.loads("\n".join(orderbook("list", "--json"))) == {
        "symbols": ["BTCUSDT", "SOLUSDT"],
        "adding": [],
        "removing": [],
        "refused": {"SOLUSD": reason},
    }


def test_adding_what_was_removed_takes_it_back() -> None:
    orderbook("remove", "ETHUSDT")
    orderbook("add", "ETHUSDT")
    assert read_wanted(load_settings()).applied_to(("BTCUSDT", "ETHUSDT")) == ("BTCUSDT", "ETHUSDT")


def test_what_makes_no_sense_is_refused_and_changes_nothing() -> None:
    assert refused("add", "btcusdt").startswith("'btcusdt' is not a symbol: use upper-case")
    assert refused("remove", "DOGEUSDT") == "DOGEUSDT is not followed: `orderbook symbols list` shows what is"
    assert refused("remove", "BTCUSDT", "ETHUSDT").startswith("no symbol would be left")
    assert read_wanted(load_settings()) == read_wanted(load_settings()).removing(())
    assert orderbook("list")[:2] == ["BTCUSDT", "ETHUSDT"]
