"""`orderbook fit` on a recording: what it writes, and what it keeps."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.app import app
from orderbook.fitted import FittedTables, decode_fitted, encode_fitted
from orderbook.settings import Settings
from runtime.fitted_tables import fitted_in_force
from tests.recordings import ETH, recording

runner = CliRunner()


def test_the_file_it_writes_is_one_that_the_job_takes(tmp_path: Path) -> None:
    files = [str(file) for file in recording(ETH)]
    out = tmp_path / "fitted.json"

    done = runner.invoke(app, ["fit", *files, "--venue", "binance", "--venue", "recording", "--out", str(out)])

    assert done.exit_code == 0, done.output
    assert "6,468" in done.output
    assert f"{out} written: 1 fitted, 0 kept" in done.output.replace("\n", "")
    shipped = [table for table in fitted_in_force(Settings(_env_file=None)).symbols if table.symbol == "ETHUSDT"]
    assert fitted_in_force(Settings(_env_file=None, fitted_file=out)).symbols == shipped


def test_tables_of_other_symbols_and_venues_are_kept(tmp_path: Path) -> None:
    files = [str(file) for file in recording(ETH)]
    out = tmp_path / "fitted.json"
    shipped = fitted_in_force(Settings(_env_file=None))
    out.write_bytes(encode_fitted(FittedTables(symbols=shipped.symbols)))

    done = runner.invoke(app, ["fit", *files, "--venue", "binance", "--out", str(out)])

    assert done.exit_code == 0, done.output
    kept = [(table.symbol, table.venues) for table in decode_fitted(out.read_bytes(), str(out)).symbols]
    assert kept == [
        ("BTCUSDT", ["binance", "recording"]),
        ("ETHUSDT", ["recording"]),
        ("BTCUSDT", ["binance_usdm"]),
        ("ETHUSDT", ["binance"]),
    ]


def test_a_file_that_holds_something_else_is_not_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "notes.txt"
    out.write_text("mine", encoding="utf-8")

    refused = runner.invoke(app, ["fit", str(tmp_path), "--venue", "binance", "--out", str(out)])

    assert refused.exit_code == 1
    assert "holds no fitted tables" in refused.output
    assert out.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("missing", ["--venue", "--out"])
def test_what_it_is_for_and_where_it_goes_must_be_said(tmp_path: Path, missing: str) -> None:
    options = {"--venue": "binance", "--out": str(tmp_path / "fitted.json")}
    del options[missing]

    refused = runner.invoke(app, ["fit", str(tmp_path), *(part for option in options.items() for part in option)])

    assert refused.exit_code == 2
    assert missing in refused.output
