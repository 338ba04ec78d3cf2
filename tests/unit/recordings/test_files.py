from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import zstandard

from connectors.binance.arrivals import Arrival, Received, SnapshotArrived
from connectors.recordings.files import read, size_bytes, summarise
from connectors.recordings.recorded import Recorded, UnreadableLine
from orderbook.errors import SettingsError
from tests.recordings import BTC, ETH, FOUR_SYMBOLS, PARTIAL, SAMPLES, USDM_BTC, lines, recording

DIFF = '{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":%d,"s":"BTCUSDT","U":1,"u":2,"b":[],"a":[]}}'
USDM_DIFF = DIFF.replace('"u":2', '"u":2,"pu":0')
SNAPSHOT = '{"lastUpdateId":1,"bids":[["1.0","2.0"],["0.5","2.0"]],"asks":[["2.0","1.0"]]}'


def arrivals(*files: Path) -> list[Arrival]:
    return [line.arrival for line in read(files) if isinstance(line, Recorded)]


def test_lines_keep_their_order_and_files_are_merged_by_receive_time(tmp_path: Path) -> None:
    first, second, third = tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz", tmp_path / "c.jsonl.zst"
    first.write_text(f"1000000 {DIFF % 10}\n3000000 {DIFF % 30}\n")
    second.write_bytes(gzip.compress(f"2000000 {DIFF % 20}\n3000000 {DIFF % 31}\n".encode()))
    third.write_bytes(zstandard.compress(f"2500000 {DIFF % 25}\n".encode()))
    frames = [arrival for arrival in arrivals(first, second, third) if isinstance(arrival, Received)]
    assert [frame.receive_time_ns for frame in frames] == [1_000_000, 2_000_000, 2_500_000, 3_000_000, 3_000_000]
    assert [json.loads(frame.payload)["data"]["E"] for frame in frames] == [10, 20, 25, 30, 31]
    read_bytes: list[int] = []
    assert len(list(read((first, second, third), read_bytes.append))) == 5
    assert sum(read_bytes) == size_bytes((first, second, third))


def test_an_inline_snapshot_belongs_to_the_file_s_symbol(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(f"1000000 {SNAPSHOT}\n2000000 {DIFF % 10}\n3000000 {SNAPSHOT}\n")
    snapshots = [arrival for arrival in arrivals(file) if isinstance(arrival, SnapshotArrived)]
    assert snapshots == [
        SnapshotArrived(1_000_000, "BTCUSDT", 2, SNAPSHOT.encode()),
        SnapshotArrived(3_000_000, "BTCUSDT", 2, SNAPSHOT.encode()),
    ]


def test_rest_answers_beside_a_websocket_file_are_merged_in(tmp_path: Path) -> None:
    (tmp_path / "s.ws").write_text(f"wss://example/stream <-> 1.0\n2.5: {DIFF % 10}\nyesterday: {{}}\n")
    (tmp_path / "s.http").write_text(
        f"https://example/api/v3/exchangeInfo -> 1.5: {{}}\n"
        f"https://example/api/v3/depth?symbol=BTCUSDT&limit=1000 -> 2.0009: {SNAPSHOT}\n"
    )
    snapshot, frame, unreadable = read((tmp_path / "s.ws",))
    assert isinstance(snapshot, Recorded)
    assert snapshot.arrival == SnapshotArrived(2_000_900_000, "BTCUSDT", 1000, SNAPSHOT.encode())
    assert str(snapshot.place) == "s.http, line 2"
    assert isinstance(frame, Recorded)
    assert frame.arrival == Received(2_500_000_000, (DIFF % 10).encode())
    assert isinstance(unreadable, UnreadableLine)
    assert str(unreadable.place) == "s.ws, line 3"


def test_messages_that_name_their_raw_stream_keep_its_name(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(
        '{"stream":"wss://x/ws/btcusdt@depth20@100ms","received_at_ms":5,"data":%s}\n' % SNAPSHOT  # noqa: UP031 - braces
    )
    assert arrivals(file) == [Received(5_000_000, SNAPSHOT.encode(), "btcusdt@depth20@100ms")]
    summary = summarise((file,))
    assert (summary.market, summary.symbols, summary.first_event_time_ms) == ("spot", ("BTCUSDT",), 5)


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
    alone.write_text("wss://example/stream <-> 1.0\n")
    with pytest.raises(SettingsError, match=r"s\.http is not beside it"):
        summarise((alone,))
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_text("yesterday {}\n")
    with pytest.raises(SettingsError, match=r"holds no depth frame.*; wrong\.jsonl, line 1: .* does not begin with a"):
        summarise((wrong,))
    no_gzip = tmp_path / "wrong.jsonl.gz"
    no_gzip.write_text("1 {}\n")
    with pytest.raises(SettingsError, match=r"wrong\.jsonl\.gz, line 1: the gzip file is cut off or damaged here"):
        summarise((no_gzip,))
    bookless = tmp_path / "bookless.jsonl"
    bookless.write_text(f"1000000 {SNAPSHOT}\n")
    with pytest.raises(SettingsError, match="holds no depth frame"):
        summarise((bookless,))
    nothing = tmp_path / "nothing.jsonl"
    nothing.touch()
    with pytest.raises(SettingsError, match=r"nothing\.jsonl is empty"):
        summarise((nothing,))
    (tmp_path / "folder").mkdir()
    with pytest.raises(SettingsError, match="is a folder without segments"):
        summarise((tmp_path / "folder",))


def test_one_bad_line_or_a_torn_end_makes_no_recording_unusable(tmp_path: Path) -> None:
    good = [f"{number}000000 {DIFF % number}" for number in range(1, 2000)]
    text = "\n".join([*good[:1000], "\x00garbage", *good[1000:]]) + "\n"
    file = tmp_path / "torn.jsonl.gz"
    packed = gzip.compress(text.encode())
    file.write_bytes(packed[:-9])
    read_lines = list(read((file,)))
    [bad, torn] = [line for line in read_lines if isinstance(line, UnreadableLine)]
    assert (bad.place.line, bad.receive_time_ns, bad.text) == (1001, 1000_000_000, b"\x00garbage")
    assert torn is read_lines[-1]
    assert "cut off or damaged" in torn.reason
    assert torn.place.line == len(read_lines)
    assert summarise((file,)).symbols == ("BTCUSDT",)


def test_markets_are_not_mixed(tmp_path: Path) -> None:
    spot, usdm, both = tmp_path / "spot.jsonl", tmp_path / "usdm.jsonl", tmp_path / "both.jsonl"
    spot.write_text(f"1 {DIFF % 1}\n")
    usdm.write_text(f"1 {USDM_DIFF % 1}\n")
    both.write_text(f"1 {DIFF % 1}\n1 {USDM_DIFF % 1}\n")
    with pytest.raises(SettingsError, match="mix spot and usdm: take one at a time"):
        summarise((spot, usdm))
    with pytest.raises(SettingsError, match=r"both\.jsonl mixes spot and usdm"):
        summarise((both,))


def test_symbols_are_found_wherever_they_begin(tmp_path: Path) -> None:
    file = tmp_path / "late.jsonl"
    late = DIFF.replace("btcusdt", "ethusdt").replace("BTCUSDT", "ETHUSDT")
    kline = '{"stream":"adausdt@kline_1m","data":{"e":"kline","s":"ADAUSDT"}}'
    file.write_text("".join([f"1 {DIFF % 1}\n"] * 3000) + f"2 {kline}\n3 {late % 2}\n")
    assert summarise((file,)).symbols == ("BTCUSDT", "ETHUSDT")


def test_the_beginning_tells_market_symbols_and_time() -> None:
    both = summarise(recording(BTC) + recording(ETH))
    assert (both.market, both.symbols, both.first_event_time_ms) == ("spot", ("BTCUSDT", "ETHUSDT"), 1723161255208)
    assert summarise(recording(USDM_BTC)).market == "usdm"
    assert summarise(recording(FOUR_SYMBOLS)).symbols == ("NKNUSDT", "BLZETH", "LRCBTC", "RUNEEUR")
    assert summarise(recording(PARTIAL)).symbols == ("BTCUSDT",)
    with pytest.raises(SettingsError, match=r"crypto_msg_parser\.jsonl mixes coinm and spot and usdm"):
        summarise(recording(SAMPLES))


def test_every_recorded_line_is_read() -> None:
    read_lines = [(one.receive_time_ns, isinstance(one, SnapshotArrived)) for one in arrivals(*recording(USDM_BTC))]
    assert read_lines == [(stamp, "lastUpdateId" in message) for stamp, message in lines(USDM_BTC)]


def test_every_sample_is_an_arrival() -> None:
    [file] = recording(SAMPLES)
    expected = [json.loads(line)["msg"] for line in file.read_text().splitlines()]
    read_samples = arrivals(file)
    assert [json.loads(one.payload) for one in read_samples if isinstance(one, Received | SnapshotArrived)] == expected
    named = [one.symbol for one in read_samples if isinstance(one, SnapshotArrived) and "_" in one.symbol]
    assert named == ["BTCUSD_220624", "BTCUSD_PERP"]
    assert read_samples[0].receive_time_ns == 1616176861895 * 10**6
