"""The report on the shared recordings, whole and with one diff taken out; expectations come from the raw JSON."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from connectors.binance.arrivals import Received, SnapshotArrived
from connectors.recordings.files import read, summarise
from connectors.recordings.playing import Player
from connectors.recordings.recorded import Place, Recorded, RecordedLine
from connectors.recordings.verifying import Verifier, verify
from orderbook.messages import Book, IngestMessage
from orderbook.verification import Verification
from tests.recordings import BTC, ETH, FOUR_SYMBOLS, PARTIAL, USDM_BTC, lines, recording
from tests.unit.recordings.synthetic import SyntheticMarket

ALL = (BTC, ETH, USDM_BTC)
DEPTH_LEVELS = 20
RESYNC_AFTER = 120
GO_ON_FOR = 60


@lru_cache(maxsize=len(ALL))
def report_on(names: tuple[str, ...]) -> Verification:
    return verify(recording(names), depth_levels=DEPTH_LEVELS)


@dataclass(frozen=True)
class RawDiff:
    """A diff as it stands in its file, read without any code of the product."""

    file: Path
    line: int
    data: dict[str, Any]


@lru_cache(maxsize=1)
def raw_diffs(names: tuple[str, ...]) -> tuple[list[RawDiff], dict[str, Any]]:
    """Every diff of a recording of one symbol, and its only snapshot."""
    diffs: list[RawDiff] = []
    snapshot: dict[str, Any] = {}
    for file in recording(names):
        with gzip.open(file, "rt", encoding="utf-8") as text:
            for number, line in enumerate(text, start=1):
                if "@depth" not in line and "lastUpdateId" not in line:
                    continue
                message = json.loads(line.partition(" ")[2])
                if "lastUpdateId" in message:
                    snapshot = message
                elif message["data"].get("e") == "depthUpdate":
                    diffs.append(RawDiff(file, number, message["data"]))
    return diffs, snapshot


def truth_after(diffs: list[RawDiff], snapshot: dict[str, Any], until: RawDiff) -> bytes:
    """The REST answer that the exchange would have given after a diff, the removed one included."""
    sides = {side: {float(price): float(quantity) for price, quantity in snapshot[side]} for side in ("bids", "asks")}
    for diff in diffs:
        if diff.data["u"] > snapshot["lastUpdateId"]:
            for side, changes in (("bids", diff.data["b"]), ("asks", diff.data["a"])):
                for price, quantity in changes:
                    sides[side][float(price)] = float(quantity)
        if diff is until:
            break
    body: dict[str, Any] = {"lastUpdateId": until.data["u"]}
    for side, reverse in (("bids", True), ("asks", False)):
        held = sorted(((price, qty) for price, qty in sides[side].items() if qty), reverse=reverse)
        body[side] = [[repr(price), repr(qty)] for price, qty in held[:1000]]
    return json.dumps(body).encode()


def tampered(
    files: tuple[Path, ...], removed: RawDiff, resync: RawDiff, body: bytes, last: RawDiff
) -> Iterator[RecordedLine]:
    """The recording without one diff, with a snapshot right after another one, up to a third."""
    for line in read(files):
        at = (line.place.file, line.place.line)
        if at == (removed.file, removed.line):
            continue
        yield line
        if at == (resync.file, resync.line):
            yield Recorded(
                Place(line.place.file, line.place.line),
                SnapshotArrived(line.receive_time_ns, removed.data["s"], 1000, body),
            )
        if at == (last.file, last.line):
            return


def played(files: tuple[Path, ...], tampered_lines: Iterator[RecordedLine]) -> tuple[Verification, list[Book]]:
    summary = summarise(files)
    player = Player(summary, depth_levels=DEPTH_LEVELS)
    verifier = Verifier(summary, files=files, depth_levels=DEPTH_LEVELS)
    books: list[Book] = []
    for line in tampered_lines:
        messages: list[IngestMessage] = player.play(line)
        books += [message for message in messages if isinstance(message, Book)]
        verifier.take(line, messages)
    verifier.end(player.close_windows(0, verifier.reached_ms))
    return verifier.report(), books


@pytest.mark.parametrize("names", ALL, ids=["spot BTC", "spot ETH", "USD-M BTC"])
def test_a_recording_is_found_whole(names: tuple[str, ...]) -> None:
    report = report_on(names)
    recorded = [message for _, message in lines(names)]
    streams = [message["stream"].partition("@")[2].partition("@")[0] for message in recorded if "stream" in message]
    assert report.frames == {
        "best quote": streams.count("bookTicker"),
        "diff": streams.count("depth"),
        "snapshot": sum("lastUpdateId" in message for message in recorded),
        "trade": streams.count("trade"),
    }
    [symbol] = report.symbols
    [snapshot] = [message for message in recorded if "lastUpdateId" in message]
    diffs = {m["data"]["u"] for m in recorded if m.get("data", {}).get("e") == "depthUpdate"}
    quotes = {m["data"]["u"] for m in recorded if str(m.get("stream")).endswith("bookTicker")}
    first = snapshot["lastUpdateId"] + (0 if report.market == "usdm" else 1)
    assert symbol.oracle_checks == len({update for update in diffs & quotes if update >= first})
    assert symbol.books == len({update for update in diffs if update >= first})
    assert (report.mismatches, report.incomplete, report.findings, symbol.repeated) == (0, 0, [], 0)
    stamps = [stamp // 1_000_000 for stamp, _ in lines(names)]
    assert (report.first_receive_time_ms, report.last_receive_time_ms) == (min(stamps), max(stamps))
    assert report.lines == len(recorded)


def test_all_best_quotes_of_the_recordings_are_compared() -> None:
    reports = [report_on(names) for names in ALL]
    assert sum(report.oracle_checks for report in reports) == 2757
    assert sum(report.mismatches for report in reports) == 0


def test_four_symbols_with_rest_answers_beside_them_are_found_whole() -> None:
    report = verify(recording(FOUR_SYMBOLS), depth_levels=DEPTH_LEVELS)
    assert [symbol.symbol for symbol in report.symbols] == ["NKNUSDT", "BLZETH", "LRCBTC", "RUNEEUR"]
    assert [symbol.state for symbol in report.symbols] == ["live"] * 4
    assert (report.mismatches, report.incomplete) == (0, 0)
    assert report.oracle_checks > 0


def test_times_of_a_recording_are_those_between_its_frames() -> None:
    report = report_on(ETH)
    [symbol] = report.symbols
    depth = [(stamp, m["data"]["E"]) for stamp, m in lines(ETH) if m.get("data", {}).get("e") == "depthUpdate"]
    pauses = sorted((after - before) // 1_000_000 for (before, _), (after, _) in pairwise(depth))
    assert symbol.inter_arrival is not None
    assert symbol.inter_arrival.count == len(pauses)
    assert symbol.inter_arrival.p50_ms == pauses[(len(pauses) + 1) // 2 - 1]
    assert symbol.inter_arrival.max_ms == pauses[-1]
    every = [(stamp // 1_000_000) - m["data"]["E"] for stamp, m in lines(ETH) if "E" in m.get("data", {})]
    assert report.clock_offset_ms is not None
    assert report.clock_offset_ms.least == min(every)


def test_partial_books_are_never_live() -> None:
    report = verify(recording(PARTIAL), depth_levels=DEPTH_LEVELS)
    [symbol] = report.symbols
    assert (symbol.sequenced, symbol.state, symbol.cause) == (False, "unverified", "partial")
    assert (symbol.books, symbol.live_books, report.oracle_checks, report.mismatches) == (2, 0, 0, 0)


@pytest.mark.parametrize("place", [0.15, 0.8])
@pytest.mark.parametrize(
    ("names", "file"),
    [(BTC, 0), (BTC, 1), (ETH, 0), (ETH, 1), (USDM_BTC, 0)],
    ids=["spot BTC 08", "spot BTC 09", "spot ETH 08", "spot ETH 09", "USD-M BTC"],
)
def test_one_lost_diff_is_found_at_its_place_and_nothing_is_live_until_the_resync(
    names: tuple[str, ...], file: int, place: float
) -> None:
    files = recording(names)
    diffs, snapshot = raw_diffs(names)
    in_file = [index for index, diff in enumerate(diffs) if diff.file == files[file]]
    index = in_file[int(len(in_file) * place)]
    removed, before, after = diffs[index], diffs[index - 1], diffs[index + 1]
    resync, last = diffs[index + RESYNC_AFTER], diffs[index + RESYNC_AFTER + GO_ON_FOR]
    body = truth_after(diffs, snapshot, resync)
    report, books = played(files, tampered(files, removed, resync, body, last))

    [finding] = report.findings
    futures = "pu" in after.data
    assert (finding.kind, finding.file, finding.line) == ("gap", after.file.name, after.line)
    assert finding.expected_update_id == before.data["u"] + (0 if futures else 1)
    assert (finding.seen_first_update_id, finding.seen_final_update_id) == (after.data["U"], after.data["u"])
    missing = (after.data["pu"] if futures else after.data["U"] - 1) - before.data["u"]
    assert finding.missing_updates == missing
    [symbol] = report.symbols
    assert (symbol.gaps, symbol.resyncs, symbol.missing_updates) == (1, 1, missing)
    assert (report.mismatches, symbol.oracle_checks > 0) == (0, True)

    own = index + RESYNC_AFTER + (0 if futures else 1)
    later = [diff.data["u"] for diff in diffs[own : index + RESYNC_AFTER + GO_ON_FOR + 1]]
    assert [book.update_id for book in books if book.update_id > before.data["u"]] == later
    assert books[-1].state == "live"
    untrusted = {one.cause: one for one in symbol.untrusted}
    assert untrusted["gap"].stretches == 1


@pytest.mark.parametrize("symbol", ["NKNUSDT", "LRCBTC"])
def test_one_lost_diff_of_one_symbol_leaves_the_others_live(symbol: str) -> None:
    files = recording(FOUR_SYMBOLS)
    of_symbol = [
        line
        for line in read(files)
        if isinstance(line, Recorded)
        and isinstance(line.arrival, Received)
        and f'"{symbol.lower()}@depth'.encode() in line.arrival.payload
    ]
    removed, after = of_symbol[-3], of_symbol[-2]
    report, _ = played(files, (line for line in read(files) if line != removed))
    [finding] = report.findings
    assert (finding.kind, finding.symbol, finding.line) == ("gap", symbol, after.place.line)
    states = {one.symbol: one.state for one in report.symbols}
    assert states.pop(symbol) == "resyncing"
    assert set(states.values()) == {"live"}


@pytest.mark.parametrize("futures", [True, False], ids=["COIN-M", "spot"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_made_market_is_found_whole_and_its_lost_diff_is_found(tmp_path: Path, seed: int, *, futures: bool) -> None:
    file = tmp_path / "made.jsonl"
    file.write_text("".join(SyntheticMarket(futures, seed).recording(400)))
    whole = verify((file,), depth_levels=DEPTH_LEVELS)
    assert whole.market == ("coinm" if futures else "spot")
    assert (whole.mismatches, whole.incomplete) == (0, 0)
    assert whole.oracle_checks >= 395
    assert whole.symbols[0].live_books == whole.symbols[0].books >= 395

    recorded = SyntheticMarket(futures, seed).recording(400, without=200, snapshots=(3, 300))
    file.write_text("".join(recorded))
    [before, after] = [json.loads(line.partition(" ")[2])["data"] for line in recorded if "@depth" in line][199:201]
    report = verify((file,), depth_levels=DEPTH_LEVELS)
    [finding] = report.findings
    assert (finding.kind, finding.seen_first_update_id) == ("gap", after["U"])
    assert finding.missing_updates == (after["pu"] if futures else after["U"] - 1) - before["u"]
    assert "@depth" in recorded[finding.line - 1]
    assert f'"u":{after["u"]},' in recorded[finding.line - 1]
    [symbol] = report.symbols
    assert (symbol.gaps, symbol.resyncs, symbol.state, report.mismatches) == (1, 1, "live", 0)
