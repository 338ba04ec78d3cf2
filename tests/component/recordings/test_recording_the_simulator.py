"""The recorder as a process beside the exchange simulator, ended tidily and killed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.recordings.verifying import verify
from orderbook.errors import SettingsError
from orderbook.settings import Settings
from orderbook.verification import Verification
from tests.processes import Running, eventually, running
from tests.servers import free_port

pytestmark = pytest.mark.component

SYMBOLS = ("BTCUSDT", "ETHUSDT")
ENOUGH_COMPARED = 3


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """A recorder's settings, with the simulator running at their address."""
    settings = Settings(
        symbols=SYMBOLS,
        feed="simulator",
        simulator_port=free_port(),
        record_dir=tmp_path / "recordings",
        state_dir=tmp_path / "state",
        record_keep_free_gb=0.0,
        log_format="json",
    )
    with running(settings, ["connectors.simulator"], tmp_path):
        yield settings


def recorded(settings: Settings, process: Running, at_least: int = ENOUGH_COMPARED) -> Verification:
    """Wait until the best quotes of so many books of each symbol are on disk, and return the report on them."""

    def look() -> Verification | None:
        try:
            report = verify((settings.record_dir,), depth_levels=20)
        except (SettingsError, FileNotFoundError):  # no segment yet, or one that is just being renamed
            return None
        return report if min(symbol.oracle_checks for symbol in report.symbols) >= at_least else None

    return eventually(look, 60.0, process=process, every_s=0.5)


def parts(settings: Settings) -> list[Path]:
    return list(settings.record_dir.rglob("*.part"))


def test_what_is_recorded_verifies_and_a_tidy_end_closes_every_segment(settings: Settings, tmp_path: Path) -> None:
    with running(settings, ["dataflows.record"], tmp_path) as recorder:
        recorded(settings, recorder)
        assert recorder.end() == 0, recorder.output()
    assert parts(settings) == []
    report = verify((settings.record_dir,), depth_levels=20)
    assert [symbol.symbol for symbol in report.symbols] == list(SYMBOLS)
    assert [symbol.state for symbol in report.symbols] == ["live", "live"]
    assert (report.mismatches, report.incomplete) == (0, 0)
    assert all(symbol.oracle_checks >= ENOUGH_COMPARED for symbol in report.symbols)
    assert report.frames["event opened"] == 1
    assert report.frames["snapshot"] >= 2


def test_a_killed_recorder_leaves_a_recording_and_goes_on_in_another_segment(
    settings: Settings, tmp_path: Path
) -> None:
    with running(settings, ["dataflows.record"], tmp_path) as recorder:
        recorded(settings, recorder)
        recorder.end(signal.SIGKILL)
    [torn] = parts(settings)
    before = verify((settings.record_dir,), depth_levels=20)
    assert before.mismatches == 0
    compared = max(symbol.oracle_checks for symbol in before.symbols)
    with running(settings, ["dataflows.record"], tmp_path) as recorder:
        recorded(settings, recorder, compared + ENOUGH_COMPARED)
        assert "segment_salvaged" in recorder.output()
        assert recorder.end() == 0
    assert parts(settings) == []
    segments = sorted(file.name for file in settings.record_dir.rglob("*.zst"))
    assert len(segments) == 2
    assert segments[0] == torn.name.removesuffix(".part")
    report = verify((settings.record_dir,), depth_levels=20)
    assert (report.mismatches, report.unreadable_count) == (0, 0)
    for symbol in report.symbols:
        assert (symbol.state, symbol.gaps) == ("live", 0)
        assert {one.cause: one.stretches for one in symbol.untrusted}["disconnected"] == 1


def test_two_recorders_do_not_share_a_folder(settings: Settings, tmp_path: Path) -> None:
    with running(settings, ["dataflows.record"], tmp_path) as first:
        recorded(settings, first, 0)
        with running(settings, ["dataflows.record"], tmp_path, ready=False) as second:
            assert second.process.wait(60) == 1
            assert "is being recorded into by another process" in second.output()
        assert first.end() == 0
