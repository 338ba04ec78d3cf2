"""What is recorded and played back makes the messages that the live session made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec

from connectors.binance.arrivals import (
    Arrival,
    Closed,
    Opened,
    OverlapBegan,
    OverlapEnded,
    Received,
    SnapshotArrived,
    StatusChanged,
    SymbolsChanged,
    drive,
)
from connectors.recordings.disk import DiskLimit
from connectors.recordings.files import read, summarise
from connectors.recordings.playing import Player
from connectors.recordings.recorder import Recorder
from connectors.recordings.verifying import verify
from orderbook.messages import Book, DeadLetter, FeedGap, IngestMessage
from orderbook.session import IngestSession
from tests.unit.recordings.synthetic import SyntheticMarket

VENUE = "simulator"


LOST = 60
DOUBLED = range(120, 150)
SNAPSHOTS = {3: 30, 90: 30, 260: 1000, 400: 1000}
JUMPS_AT = 500


def happenings(now_ns: int) -> dict[int, list[Arrival]]:
    """What happens after the diff of a number."""
    return {
        119: [OverlapBegan(now_ns)],
        150: [OverlapEnded(now_ns)],
        200: [Closed(now_ns, "the line went dead")],
        210: [Opened(now_ns)],
        300: [SymbolsChanged(now_ns, ("ETHUSDT",), ()), StatusChanged(now_ns, "ETHUSDT", "BREAK")],
        350: [Received(now_ns, b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate",\n\xff')],
        450: [Received(now_ns, b"\x00\xff no JSON"), SnapshotArrived(now_ns, "ETHUSDT", 1000, b"<html>\n502</html>")],
    }


def a_troubled_day() -> Iterator[Arrival]:
    """Diffs, quotes and snapshots; a diff is lost, connections overlap and end, nonsense arrives, the clock jumps."""
    market = SyntheticMarket(futures=False, symbol="BTCUSDT")
    yield Opened(market.now_ms * 1_000_000)
    for number in range(600):
        messages = (market.diff(), market.quote())
        now_ns = (market.now_ms + 7) * 1_000_000
        frames = [Received(now_ns, json.dumps(message, separators=(",", ":")).encode()) for message in messages]
        if number != LOST:
            yield from frames
        if number in DOUBLED:
            yield from frames
        if number in SNAPSHOTS:
            yield SnapshotArrived(now_ns, "BTCUSDT", SNAPSHOTS[number], json.dumps(market.snapshot()).encode())
        yield from happenings(now_ns).get(number, [])
        if number == JUMPS_AT:
            market.now_ms += 4_000_000


def without_origin(messages: list[IngestMessage]) -> list[IngestMessage]:
    return [
        msgspec.structs.replace(message, origin="") if isinstance(message, DeadLetter) else message
        for message in messages
    ]


def test_a_recording_makes_the_messages_that_were_made_live(tmp_path: Path) -> None:
    session = IngestSession(venue=VENUE, symbols=("BTCUSDT",), depth_levels=10)
    limit = DiskLimit(max_bytes=10**9, keep_free_bytes=0, when_full="stop")
    recorder = Recorder(tmp_path, segment_bytes=4000, limit=limit)
    keep = recorder.part("connection-000", venue=VENUE, market="spot", symbols=("BTCUSDT",))
    live: list[IngestMessage] = []
    for arrival in a_troubled_day():
        keep(arrival)
        live += drive(session, arrival, "websocket frame")
    recorder.close()

    player = Player(summarise((tmp_path,)), depth_levels=10, venue=VENUE)
    again: list[IngestMessage] = []
    for line in read((tmp_path,)):
        again += player.play(line)
    assert without_origin(again) == without_origin(live)
    assert len({type(message) for message in live}) >= 4
    assert sum(isinstance(message, Book) for message in live) > 300
    assert {"gap", "disconnected", "unreadable"} <= {gap.cause for gap in live if isinstance(gap, FeedGap)}
    assert len(list(tmp_path.rglob("*.zst"))) >= 2

    report = verify((tmp_path,), depth_levels=10)
    by_symbol = {symbol.symbol: symbol for symbol in report.symbols}
    assert by_symbol.keys() == {"BTCUSDT", "ETHUSDT"}
    assert by_symbol["BTCUSDT"].books == sum(isinstance(message, Book) for message in live)
    assert by_symbol["ETHUSDT"].books == 0
    assert report.unreadable_count == sum(isinstance(message, DeadLetter) for message in live) == 3
    assert (report.frames["event closed"], report.frames["event opened"]) == (1, 2)
    only = verify((tmp_path,), depth_levels=10, symbols=("BTCUSDT",))
    assert [symbol.symbol for symbol in only.symbols] == ["BTCUSDT"]
