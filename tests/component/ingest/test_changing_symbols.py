"""`orderbook symbols` while the ingest runs: the records appear, and the clock leaves the partition they go to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.app import app
from orderbook.settings import Settings
from orderbook.topics import Topics, partition_of, uncovered_partitions
from runtime.roster import followed_symbols
from tests.component.ingest.conftest import SYMBOLS
from tests.processes import environment, eventually, running
from tests.topics import TopicReader

pytestmark = pytest.mark.component

ADDED = "SOLUSDT"


def orderbook(settings: Settings, *arguments: str) -> str:
    ended = CliRunner().invoke(app, ["symbols", *arguments], env=environment(settings))
    assert ended.exit_code == 0, ended.output
    return ended.stdout


def test_a_symbol_that_is_added_reaches_its_partition_and_one_that_is_removed_ends(
    settings: Settings, tmp_path: Path
) -> None:
    ours = settings.model_copy(update={"state_dir": tmp_path / "state"})
    lone = partition_of(ADDED, 3)
    assert lone in uncovered_partitions(SYMBOLS, 3)
    raw = TopicReader(ours.kafka_bootstrap_servers, Topics(ours.topic_prefix).raw)

    def of(symbol: str) -> list[tuple[int, dict[str, Any]]]:
        return [
            (place, row)
            for place, row in zip(raw.partitions, raw.rows, strict=True)
            if row["symbol"] == symbol and row["type"] == "heartbeat"
        ]

    wider = ours.model_copy(update={"symbols": (*SYMBOLS, ADDED)})
    with running(wider, ["connectors.simulator"], tmp_path), running(ours, ["dataflows", "ingest"], tmp_path):
        orderbook(ours, "add", ADDED, "SOLUSD")
        raw.read_until(lambda _: len(of(ADDED)) >= 5 and of(ADDED)[-1][1]["state"] == "live")
        assert {place for place, _ in of(ADDED)} == {lone}
        clocks = len(of(""))
        raw.read_until(lambda _: len(of(ADDED)) >= 10)
        assert lone not in {place for place, _ in of("")[clocks:]}
        eventually(lambda: True if followed_symbols(ours) == (*SYMBOLS, ADDED) else None)
        assert "SOLUSD refused: simulator does not trade SOLUSD" in orderbook(ours, "list")
        orderbook(ours, "remove", ADDED)
        raw.read_until(lambda _: lone in {place for place, _ in of("")[clocks:]})
    raw.close()
    for symbol in SYMBOLS:
        states = [row["state"] for _, row in of(symbol)]
        assert set(states[states.index("live") :]) == {"live"}
