from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from connectors.recordings.files import RecordedFrame, RecordedSnapshot, read, summarise
from orderbook.errors import SettingsError
from tests.recordings import BTC, ETH, FOUR_SYMBOLS, USDM_BTC, lines, recording

DIFF = '{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":%d,"s":"BTCUSDT","U":1,"u":2,"b":[],"a":[]}}'
SNAPSHOT = '{"lastUpdateId":1,"bids":[],"asks":[]}'


def test_lines_keep_their_order_and_files_are_merged_by_receive_time(tmp_path: Path) -> None:
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz"
    first.write_text(f"1000000 {DIFF % 10}\n3000000 {DIFF % 30}\n")
    second.write_bytes(gzip.compress(f"2000000 {DIFF % 20}\n3000000 {DIFF % 31}\n".encode()))
    frames = [recorded for recorded in read((first, second)) if isinstance(recorded, RecordedFrame)]
    assert [frame.receive_time_ms for frame in frames] == [1, 2, 3, 3]
    assert [json.loads(frame.payload)["data"]["E"] for frame in frames] == [10, 20, 30, 31]


def test_an_inline_snapshot_belongs_to_the_file_s_symbol(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(f"1000000 {SNAPSHOT}\n2000000 {DIFF % 10}\n3000000 {SNAPSHOT}\n")
    snapshots = [recorded for recorded in read((file,)) if isinstance(recorded, RecordedSnapshot)]
    assert [(one.symbol, one.receive_time_ms) for one in snapshots] == [("BTCUSDT", 2), ("BTCUSDT", 3)]


def test_rest_answers_beside_a_websocket_file_are_merged_in(tmp_path: Path) -> None:
    (tmp_path / "s.ws").write_text(f"wss://example/stream <-> 1.0\n2.5: {DIFF % 10}\n")
    (tmp_path / "s.http").write_text(
        f"https://example/api/v3/exchangeInfo -> 1.5: {{}}\n"
        f"https://example/api/v3/depth?symbol=BTCUSDT&limit=1000 -> 2.0009: {SNAPSHOT}\n"
    )
    assert [type(recorded).__name__ for recorded in read((tmp_path / "s.ws",))] == ["RecordedSnapshot", "RecordedFrame"]
    assert [recorded.receive_time_ms for recorded in read((tmp_path / "s.ws",))] == [2000, 2500]


def test_files_that_are_no_recording_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"gone\.jsonl does not exist"):
        summarise((tmp_path / "gone.jsonl",))
    with pytest.raises(SettingsError, match="no recording was named"):
        summarise(())
    other = tmp_path / "book.csv"
    other.touch()
    with pytest.raises(SettingsError, match=r"book\.csv has an unknown format"):
        summarise((other,))
    alone = tmp_path / "s.ws"
    alone.touch()
    with pytest.raises(SettingsError, match=r"s\.http is not beside it"):
        summarise((alone,))
    torn = tmp_path / "torn.jsonl"
    torn.write_text("yesterday {}\n")
    with pytest.raises(SettingsError, match=r"torn\.jsonl, line 1: .* does not begin with a time"):
        summarise((torn,))
    empty = tmp_path / "empty.jsonl"
    empty.write_text(f"1000000 {SNAPSHOT}\n")
    with pytest.raises(SettingsError, match="holds no depth diff"):
        summarise((empty,))


def test_spot_and_futures_are_not_one_recording() -> None:
    with pytest.raises(SettingsError, match="mix spot and futures"):
        summarise(recording(BTC) + recording(USDM_BTC))


def test_the_beginning_tells_market_symbols_and_time() -> None:
    both = summarise(recording(BTC) + recording(ETH))
    assert (both.market, both.symbols, both.first_event_time_ms) == ("spot", ("BTCUSDT", "ETHUSDT"), 1723161255208)
    assert summarise(recording(USDM_BTC)).market == "usdm"
    assert summarise(recording(FOUR_SYMBOLS)).symbols == ("NKNUSDT", "BLZETH", "LRCBTC", "RUNEEUR")


def test_every_recorded_line_is_read() -> None:
    read_lines = [(one.receive_time_ms, isinstance(one, RecordedSnapshot)) for one in read(recording(USDM_BTC))]
    assert read_lines == [(stamp // 1_000_000, "lastUpdateId" in message) for stamp, message in lines(USDM_BTC)]
