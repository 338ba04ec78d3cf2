from __future__ import annotations

import threading
from pathlib import Path

import pytest
import zstandard

from connectors.binance.arrivals import Arrival, Closed, Opened, OverlapBegan, Received, SymbolsChanged
from connectors.recordings.disk import ClosedSegment, DiskLimit, DiskRoom, Verdict, judge
from connectors.recordings.files import read, summarise
from connectors.recordings.lines import Lost
from connectors.recordings.recorded import LostFrames, Recorded, UnreadableLine
from connectors.recordings.recorder import LINE_BYTES, Backlog, Recorder
from connectors.recordings.segments import SegmentSeries, salvage
from orderbook.errors import SettingsError
from tests.processes import eventually

HOUR_NS = 3600 * 10**9
ROOMY = DiskLimit(max_bytes=10**9, keep_free_bytes=0, when_full="delete_oldest")


def frame(time_ns: int, size: int = 10) -> Received:
    return Received(
        time_ns,
        b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":%d,"s":"BTCUSDT","x":"%s"}}'
        % (time_ns // 10**6, b"x" * size),
    )


def series(folder: Path, *, segment_bytes: int = 10**9, symbols: tuple[str, ...] = ("BTCUSDT",)) -> SegmentSeries:
    return SegmentSeries(
        folder,
        venue="simulator",
        market="spot",
        part="connection-000",
        symbols=symbols,
        segment_bytes=segment_bytes,
    )


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.rglob("*.zst*"))


def arrivals(folder: Path) -> list[Arrival]:
    return [line.arrival for line in read((folder,)) if isinstance(line, Recorded)]


def test_segments_end_with_the_hour_and_follow_each_other_without_a_seam(tmp_path: Path) -> None:
    one = series(tmp_path)
    sent: list[Arrival] = [
        Opened(5),
        frame(6),
        frame(HOUR_NS - 1),
        frame(HOUR_NS),
        frame(HOUR_NS - 5),
        frame(HOUR_NS + 1),
    ]
    for arrival in sent:
        one.write(arrival)
    one.close()
    assert files(tmp_path) == ["19700101T000000Z-000001.jsonl.zst", "19700101T010000Z-000002.jsonl.zst"]
    assert arrivals(tmp_path) == sent


def test_segments_end_with_their_size(tmp_path: Path) -> None:
    one = series(tmp_path, segment_bytes=1)
    sent = [frame(number) for number in range(3)]
    for arrival in sent:
        one.write(arrival)
        one.flush()
    one.close()
    assert len(files(tmp_path)) == 3
    assert arrivals(tmp_path) == sent


def test_a_later_segment_alone_begins_as_its_header_says(tmp_path: Path) -> None:
    one = series(tmp_path)
    for arrival in (Opened(1), OverlapBegan(2), SymbolsChanged(3, ("ETHUSDT",), ("BTCUSDT",)), frame(HOUR_NS)):
        one.write(arrival)
    one.close()
    [first, second] = sorted(tmp_path.rglob("*.zst"))
    assert summarise((second,)).symbols == ("ETHUSDT",)
    played = [line.arrival for line in read((second,)) if isinstance(line, Recorded)]
    assert played == [Opened(HOUR_NS), OverlapBegan(HOUR_NS), frame(HOUR_NS)]
    assert summarise((second, first)).symbols == ("BTCUSDT", "ETHUSDT")
    assert len(list(read((second, first)))) == 4


def test_a_missing_segment_is_a_lost_connection(tmp_path: Path) -> None:
    one = series(tmp_path)
    for arrival in (Opened(1), frame(2), frame(HOUR_NS), frame(2 * HOUR_NS)):
        one.write(arrival)
    one.close()
    sorted(tmp_path.rglob("*.zst"))[1].unlink()
    played = arrivals(tmp_path)
    assert [type(arrival) for arrival in played] == [Opened, Received, Closed, Opened, Received]
    assert isinstance(played[2], Closed)
    assert played[2].receive_time_ns == 2
    assert played[3] == Opened(2 * HOUR_NS)
    assert played[2].reason == "the segment before this one is missing: 19700101T010000Z-000002.jsonl.zst"


def test_what_follows_a_damaged_segment_begins_as_its_header_says(tmp_path: Path) -> None:
    one = series(tmp_path)
    one.write(Opened(5))
    one.flush()
    one.write(SymbolsChanged(6, ("ETHUSDT",), ()))
    one.close()
    one.write(frame(HOUR_NS))
    one.close()
    first = min(tmp_path.rglob("*.zst"))
    first.write_bytes(first.read_bytes()[:-9])
    came = arrivals(tmp_path)
    assert [type(arrival) for arrival in came] == [Opened, Closed, SymbolsChanged, Opened, Received]
    assert isinstance(came[1], Closed)
    assert came[1].reason == f"the segment before this one is damaged: {first.name}"


def test_a_recorder_that_was_started_again_begins_a_new_session(tmp_path: Path) -> None:
    first = series(tmp_path)
    for arrival in (Opened(1), frame(2)):
        first.write(arrival)
    first.close()
    second = series(tmp_path, symbols=("BTCUSDT", "ADAUSDT"))
    second.write(Opened(10))
    second.write(frame(11))
    second.close()
    assert files(tmp_path)[1].endswith("-000002.jsonl.zst")
    played = arrivals(tmp_path)
    assert [type(arrival) for arrival in played] == [Opened, Received, Closed, SymbolsChanged, Opened, Received]
    assert played[2].receive_time_ns == 2
    assert played[3] == SymbolsChanged(10, ("ADAUSDT",), ())


def test_a_crash_loses_what_was_not_flushed_and_nothing_else(tmp_path: Path) -> None:
    crashed = series(tmp_path)
    kept: list[Arrival] = [Opened(1), *(frame(number) for number in range(2, 50))]
    for arrival in kept:
        crashed.write(arrival)
    crashed.flush()
    [part] = tmp_path.rglob("*.part")
    whole = part.stat().st_size
    assert crashed._open is not None
    crashed._open._opened.close()
    with part.open("ab") as torn:
        torn.write(zstandard.compress(b"60 {}\n" * 100)[:-3])
    assert arrivals(tmp_path) == kept
    after = series(tmp_path)
    assert [file.name for file in after.salvaged] == ["19700101T000000Z-000001.jsonl.zst"]
    assert after.salvaged[0].stat().st_size == whole
    assert list(tmp_path.rglob("*.part")) == []
    assert arrivals(tmp_path) == kept
    after.write(frame(70))
    after.close()
    assert files(tmp_path) == ["19700101T000000Z-000001.jsonl.zst", "19700101T000000Z-000002.jsonl.zst"]


def test_an_open_segment_that_holds_nothing_yet_is_removed(tmp_path: Path) -> None:
    (tmp_path / "19700101T000000Z-000001.jsonl.zst.part").write_bytes(b"")
    (tmp_path / "19700101T000000Z-000002.jsonl.zst.part").write_bytes(zstandard.compress(b"1 {}\n"))
    assert salvage(tmp_path) == []
    assert files(tmp_path) == []


def test_a_bad_line_in_a_segment_is_counted_with_its_place(tmp_path: Path) -> None:
    one = series(tmp_path)
    one.write(frame(1))
    one.write(frame(2))
    one.write(Lost(3, 17))
    one.close()
    [segment] = tmp_path.rglob("*.zst")
    lines = zstandard.ZstdDecompressor().stream_reader(segment.read_bytes(), read_across_frames=True).read()
    header, first, rest = lines.split(b"\n", 2)
    segment.write_bytes(zstandard.compress(b"\n".join((header, first, b"garbage", rest))))
    read_lines = list(read((tmp_path,)))
    assert [type(line) for line in read_lines] == [Recorded, UnreadableLine, Recorded, LostFrames]
    assert str(read_lines[1].place) == "19700101T000000Z-000001.jsonl.zst, line 3"
    assert isinstance(read_lines[3], LostFrames)
    assert read_lines[3].count == 17


def closed(*sizes: int) -> list[ClosedSegment]:
    return [ClosedSegment(Path(f"{number}"), size) for number, size in enumerate(sizes)]


@pytest.mark.parametrize(
    ("sizes", "open_bytes", "free", "when_full", "verdict"),
    [
        ((40, 50), 10, 100, "delete_oldest", Verdict((), full=False)),
        ((40, 50), 11, 100, "delete_oldest", Verdict((Path("0"),), full=False)),
        ((40, 50), 52, 100, "delete_oldest", Verdict((Path("0"), Path("1")), full=False)),
        ((40, 50), 101, 100, "delete_oldest", Verdict((), full=True)),
        ((40, 50), 11, 100, "stop", Verdict((), full=True)),
        ((40, 50), 0, 19, "delete_oldest", Verdict((Path("0"),), full=False)),
        ((5, 5), 0, 9, "delete_oldest", Verdict((), full=True)),
        ((), 0, 20, "stop", Verdict((), full=False)),
        ((), 0, 19, "stop", Verdict((), full=True)),
    ],
)
def test_the_oldest_segments_go_and_no_more_than_must(
    sizes: tuple[int, ...], open_bytes: int, free: int, when_full: str, verdict: Verdict
) -> None:
    limit = DiskLimit(max_bytes=100, keep_free_bytes=20, when_full=when_full)  # type: ignore[arg-type]  # from a table
    assert judge(closed(*sizes), open_bytes, free, limit) == verdict


def test_room_is_made_across_parts_by_age(tmp_path: Path) -> None:
    for name in ("b/19700101T000000Z-000001", "a/19700101T010000Z-000002", "b/19700101T020000Z-000002"):
        file = tmp_path / f"{name}.jsonl.zst"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"x" * 40)
    (tmp_path / "a/19700101T020000Z-000003.jsonl.zst.part").write_bytes(b"x" * 40)
    limit = DiskLimit(max_bytes=85, keep_free_bytes=0, when_full="delete_oldest")
    assert not DiskRoom(tmp_path, limit, lambda _: 10**12).make().full
    assert files(tmp_path) == ["19700101T020000Z-000002.jsonl.zst", "19700101T020000Z-000003.jsonl.zst.part"]


def test_frames_beyond_the_backlog_are_counted_where_they_are_missing() -> None:
    many = [frame(number) for number in range(1, 6)]
    backlog = Backlog(2 * (LINE_BYTES + len(many[0].payload)))
    for arrival in many[:4]:
        backlog.put("a", arrival)
    backlog.put("b", Opened(4))
    backlog.put("a", Closed(5, "lost"))
    taken = backlog.take()
    assert taken == [("a", many[0]), ("a", many[1]), ("b", Opened(4)), ("a", Lost(3, 2)), ("a", Closed(5, "lost"))]
    backlog.put("a", many[4])
    assert backlog.take() == [("a", many[4])]
    assert backlog.take() == []


def test_frames_lost_at_the_end_are_counted_too() -> None:
    backlog = Backlog(0)
    backlog.put("a", frame(1))
    backlog.put("a", frame(2))
    assert backlog.take() == [("a", Lost(1, 2))]


def test_what_is_kept_of_two_parts_is_read_back(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, segment_bytes=10**9, limit=ROOMY)
    one = recorder.part("connection-000", venue="simulator", market="spot", symbols=("BTCUSDT",))
    two = recorder.part("connection-001", venue="simulator", market="spot", symbols=("ETHUSDT",))
    for number in range(100):
        one(frame(10 * number))
        two(frame(10 * number + 5))
    recorder.close()
    assert recorder.kept.lines == 200
    assert [arrival.receive_time_ns for arrival in arrivals(tmp_path)] == list(range(0, 1000, 5))
    assert [session.symbols for session in summarise((tmp_path,)).sessions] == [("BTCUSDT",), ("ETHUSDT",)]


def test_everything_is_flushed_while_the_recorder_runs(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, segment_bytes=10**9, limit=ROOMY)
    keep = recorder.part("connection-000", venue="simulator", market="spot", symbols=("BTCUSDT",))
    sent: list[Arrival] = [Opened(1), frame(2)]
    for arrival in sent:
        keep(arrival)
    assert eventually(lambda: (arrivals(tmp_path) if files(tmp_path) else None) or None) == sent
    recorder.close()


def test_what_comes_while_the_disk_is_busy_before_the_end_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(tmp_path, segment_bytes=10**9, limit=ROOMY)
    keep = recorder.part("connection-000", venue="simulator", market="spot", symbols=("BTCUSDT",))
    closing = threading.Thread(target=recorder.close)
    flush = SegmentSeries.flush

    def slow(series: SegmentSeries) -> None:
        flush(series)
        if closing.ident is None:
            keep(frame(7))
            closing.start()
            eventually(lambda: recorder._ending or None)

    monkeypatch.setattr(SegmentSeries, "flush", slow)
    keep(frame(6))
    eventually(lambda: closing.ident)
    closing.join()
    assert [arrival.receive_time_ns for arrival in arrivals(tmp_path)] == [6, 7]


def test_a_second_recorder_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, segment_bytes=10**9, limit=ROOMY)
    with pytest.raises(SettingsError, match="is being recorded into by another process"):
        Recorder(tmp_path, segment_bytes=10**9, limit=ROOMY)
    recorder.close()
    Recorder(tmp_path, segment_bytes=10**9, limit=ROOMY).close()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="cannot be written"):
        Recorder(tmp_path / "file" / "below", segment_bytes=1, limit=ROOMY)


def test_a_full_disk_stops_the_recorder_and_nobody_else(tmp_path: Path) -> None:
    limit = DiskLimit(max_bytes=0, keep_free_bytes=10**18, when_full="stop")
    recorder = Recorder(tmp_path, segment_bytes=10**9, limit=limit)
    keep = recorder.part("connection-000", venue="simulator", market="spot", symbols=("BTCUSDT",))
    why = eventually(lambda: recorder.kept.stopped)
    assert "RECORD_KEEP_FREE_GB" in why
    keep(frame(1))
    recorder.close()
    assert files(tmp_path) == []
    assert "recorder" not in {thread.name for thread in threading.enumerate() if thread is recorder._thread}


def test_a_disk_that_fails_stops_the_recorder_and_nobody_else(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, segment_bytes=10**9, limit=ROOMY)
    (tmp_path / "simulator-spot-connection-000").touch()
    keep = recorder.part("connection-000", venue="simulator", market="spot", symbols=("BTCUSDT",))
    keep(frame(1))
    assert eventually(lambda: recorder.kept.stopped).startswith("the disk failed: ")
    keep(frame(2))
    recorder.close()
