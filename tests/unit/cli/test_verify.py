from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.app import app
from connectors.binance.arrivals import Received, SnapshotArrived
from connectors.recordings.lines import INLINE_SNAPSHOT, Lost, decode_line
from connectors.recordings.segments import SegmentSeries
from orderbook.settings import Settings
from tests.unit.recordings.synthetic import SyntheticMarket

DEPTH20 = (
    '{"stream":"wss://x/ws/btcusdt@depth20","received_at_ms":%d,'
    '"data":{"lastUpdateId":%d,"bids":[["1.0","2.0"]],"asks":[["2.0","1.0"]]}}\n'
)


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def verify(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["verify", *arguments])


def report(*arguments: str) -> tuple[int, dict[str, Any]]:
    result = verify(*arguments, "--json")
    assert result.stderr == ""
    return result.exit_code, json.loads(result.stdout)


def market(*, futures: bool = False) -> SyntheticMarket:
    return SyntheticMarket(futures, symbol="BTCUSDT")


def lines_with(change: dict[int, str]) -> list[str]:
    """A recording some lines of which, counted from 1, are others."""
    return [change.get(number, line) for number, line in enumerate(market().recording(100), start=1)]


def written(lines: list[str], name: str = "made.jsonl") -> str:
    Path(name).write_text("".join(lines))
    return name


def changed(line: str, **fields: object) -> str:
    stamp, _, text = line.partition(" ")
    message = json.loads(text)
    message["data"] |= fields
    return f"{stamp} {json.dumps(message)}\n"


def test_a_whole_recording_is_status_0_and_its_report_names_what_is_in_it() -> None:
    lines = market().recording(100)
    status, told = report(written(lines))
    assert status == 0
    assert told["market"] == "spot"
    assert told["frames"] == {"best quote": 100, "diff": 100, "snapshot": 1}
    assert (told["lines"], told["findings"], told["unreadable_count"]) == (201, [], 0)
    [symbol] = told["symbols"]
    assert (symbol["books"], symbol["gaps"], symbol["oracle_mismatches"], symbol["crossed"]) == (96, 0, 0, 0)
    assert symbol["inter_arrival"] == {"count": 99, "p50_ms": 100, "p90_ms": 100, "p99_ms": 100, "max_ms": 100}
    assert symbol["latency"]["max_ms"] == 0
    assert told["clock_offset_ms"] == {"least": 7.0, "greatest": 7.0, "last": 7.0}


def test_the_text_says_what_the_json_says() -> None:
    result = verify(written(market().recording(100)))
    assert result.exit_code == 0
    assert result.stderr == ""
    assert "made.jsonl: Spot, " in result.stdout
    assert "100 best quotes, 100 diffs, 1 snapshot" in result.stdout
    assert "0 mismatches in 96 comparisons with the exchange's best quotes" in result.stdout


def test_a_quote_that_differs_is_a_mismatch_at_its_line() -> None:
    lines = market().recording(100)
    number = next(index for index in range(150, 200) if "bookTicker" in lines[index])
    lines[number] = changed(lines[number], B="123456")
    status, told = report(written(lines))
    assert status == 1
    [finding] = told["findings"]
    assert (finding["kind"], finding["line"], finding["symbol"]) == ("oracle", number + 1, "BTCUSDT")
    assert told["symbols"][0]["oracle_mismatches"] == 1
    result = verify("made.jsonl")
    assert result.exit_code == 1
    assert "1 mismatch: these books are not what the exchange says they were" in result.stdout


def test_a_diff_that_crosses_the_book_is_a_mismatch_at_its_line() -> None:
    lines = market().recording(100)
    number = next(index for index in range(150, 200) if "@depth" in lines[index])
    lines[number] = changed(lines[number], b=[["9000.0", "1"]])
    status, told = report(written(lines))
    assert status == 1
    [finding] = told["findings"]
    assert (finding["kind"], finding["line"]) == ("crossed", number + 1)
    assert told["symbols"][0]["crossed"] == 1


def test_a_gap_fails_only_where_it_should() -> None:
    name = written(market().recording(100, without=50))
    status, told = report(name)
    assert status == 0
    [finding] = told["findings"]
    assert finding["kind"] == "gap"
    assert finding["seen_first_update_id"] == finding["expected_update_id"] + finding["missing_updates"]
    assert report(name, "--strict")[0] == 1
    shown = verify(name).stdout
    assert f"gap, expected {finding['expected_update_id']}, came {finding['seen_first_update_id']}" in shown
    assert f"line {finding['line']}" in shown


def test_a_bad_line_is_counted_with_its_number_and_the_rest_is_used() -> None:
    name = written(lines_with({150: "what is this\n"}))
    status, told = report(name)
    assert status == 0
    [unreadable] = told["unreadable"]
    assert unreadable["line"] == 150
    assert "does not begin with a receive time" in unreadable["reason"]
    assert report(name, "--strict")[0] == 1


def test_files_that_follow_each_other_are_one_recording() -> None:
    lines = market(futures=True).recording(100)
    first, second = Path("a.jsonl.gz"), Path("b.jsonl.gz")
    first.write_bytes(gzip.compress("".join(lines[:90]).encode()))
    second.write_bytes(gzip.compress("".join(lines[90:]).encode()))
    status, told = report("a.jsonl.gz", "b.jsonl.gz", "--strict")
    assert (status, told["files"], told["market"]) == (0, ["a.jsonl.gz", "b.jsonl.gz"], "coinm")
    assert told["symbols"][0]["books"] == 97
    assert told["symbols"][0]["state"] == "live"


def test_frames_that_the_recorder_lost_are_told(tmp_path: Path) -> None:
    series = SegmentSeries(
        tmp_path, venue="simulator", market="spot", part="a", symbols=("BTCUSDT",), segment_bytes=10**9
    )
    for line in market().recording(50):
        decoded = decode_line(line.encode())
        if INLINE_SNAPSHOT in line.encode() and isinstance(decoded, Received):
            decoded = SnapshotArrived(decoded.receive_time_ns, "BTCUSDT", 1000, decoded.payload)
        series.write(decoded)
    series.write(Lost(SyntheticMarket(futures=False).now_ms * 1_000_000, 17))
    series.close()
    status, told = report(str(tmp_path))
    assert (status, told["lost_frames"], told["symbols"][0]["state"]) == (0, 17, "live")
    assert report(str(tmp_path), "--strict")[0] == 1
    assert "17 frames were lost by the recorder" in verify(str(tmp_path)).stdout


def test_only_the_symbols_asked_for_are_looked_at() -> None:
    Path("eth.jsonl").write_text("".join(SyntheticMarket(futures=False, symbol="ETHUSDT", seed=2).recording(30)))
    Path("btc.jsonl").write_text("".join(market().recording(30)))
    _, told = report("btc.jsonl", "eth.jsonl", "--symbol", "ETHUSDT")
    assert [symbol["symbol"] for symbol in told["symbols"]] == ["ETHUSDT"]
    refused = verify("btc.jsonl", "eth.jsonl", "--symbol", "ADAUSDT")
    assert refused.exit_code == 2
    assert "holds no ADAUSDT: its symbols are BTCUSDT, ETHUSDT" in refused.stderr


def test_depth_levels_is_the_size_of_the_books() -> None:
    name = written(market().recording(100))
    assert report(name, "--depth-levels", "5")[1]["depth_levels"] == 5
    assert report(name)[1]["depth_levels"] == 20


def test_partial_books_say_that_nothing_can_be_noticed() -> None:
    name = written([DEPTH20 % (1000 + 100 * number, number) for number in range(1, 4)])
    status, told = report(name)
    assert (status, told["symbols"][0]["sequenced"], told["symbols"][0]["live_books"]) == (0, False, 0)
    shown = verify(name).stdout
    assert "BTCUSDT: partial books only, without a sequence. A lost one cannot be noticed" in shown
    assert "nothing could be compared" in shown


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("gone.jsonl", None, "does not exist"),
        ("empty.jsonl", "", "is empty"),
        ("book.csv", "1,2\n", "unknown format"),
        ("wrong.jsonl", "yesterday {}\n", "line 1: "),
        ("wrong.jsonl.zst", "1 {}\n", "damaged here"),
    ],
)
def test_what_cannot_be_used_is_status_2_and_one_sentence(name: str, content: str | None, said: str) -> None:
    if content is not None:
        Path(name).write_text(content)
    result = verify(name, "--json")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1
