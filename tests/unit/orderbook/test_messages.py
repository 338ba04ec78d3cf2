from __future__ import annotations

import json

import msgspec
import pytest

from orderbook.errors import UnreadableMessage
from orderbook.messages import Book, Heartbeat, decode_raw, decode_trade, decode_window, encode
from orderbook.metrics import METRICS, WINDOW_COLUMNS

BOOK = Book(
    venue="simulator",
    symbol="BTCUSDT",
    event_time_ms=1,
    receive_time_ms=2,
    update_id=3,
    bid_price=[10.5],
    bid_qty=[1.0],
    ask_price=[11.0],
    ask_qty=[2.0],
    state="live",
)


def test_a_book_is_flat_json_with_a_schema_version() -> None:
    assert json.loads(encode(BOOK)) == {
        "type": "book",
        "schema_version": 1,
        "venue": "simulator",
        "symbol": "BTCUSDT",
        "event_time_ms": 1,
        "receive_time_ms": 2,
        "update_id": 3,
        "bid_price": [10.5],
        "bid_qty": [1.0],
        "ask_price": [11.0],
        "ask_qty": [2.0],
        "state": "live",
        "cause": None,
        "gaps": 0,
        "resyncs": 0,
        "oracle_checks": 0,
        "oracle_mismatches": 0,
        "snapshot_age_ms": None,
        "bid_coverage_bps": None,
        "ask_coverage_bps": None,
        "latency_ms": None,
        "bid_depth_within": [],
        "ask_depth_within": [],
        "buy_sweep_bps": [],
        "sell_sweep_bps": [],
        "level_updates": 0,
        "trades": 0,
        "buy_qty": 0.0,
        "sell_qty": 0.0,
        "bid_add": [],
        "bid_cut": [],
        "ask_add": [],
        "ask_cut": [],
    }
    assert decode_raw(encode(BOOK)) == BOOK


def test_a_measured_book_says_what_is_unknown() -> None:
    measured = msgspec.structs.replace(
        BOOK,
        bid_depth_within=[1.5, 18.945940000000014, 20.0, None],
        ask_depth_within=[0.0, 0.0, None, None],
        buy_sweep_bps=[0.25, None],
        sell_sweep_bps=[-0.0, 12.5],
    )
    wire = json.loads(encode(measured))
    assert wire["bid_depth_within"] == [1.5, 18.945940000000014, 20.0, None]
    assert wire["buy_sweep_bps"] == [0.25, None]
    assert decode_raw(encode(measured)) == measured


def test_a_book_written_before_depth_and_changes_were_measured_is_read() -> None:
    wire = json.loads(encode(BOOK))
    for name in ("bid_depth_within", "ask_depth_within", "buy_sweep_bps", "sell_sweep_bps"):
        del wire[name]
    for name in ("bid_add", "bid_cut", "ask_add", "ask_cut"):
        del wire[name]
    assert decode_raw(json.dumps(wire).encode()) == BOOK


def test_the_two_kinds_of_raw_messages_are_told_apart() -> None:
    assert isinstance(decode_raw(encode(BOOK)), Book)
    heartbeat = json.loads(encode(BOOK)) | {
        "type": "heartbeat",
        "update_id": None,
        "reason": None,
        **dict.fromkeys(
            ("books", "gaps", "resyncs", "oracle_checks", "oracle_mismatches", "held_back", "unreadable"), 0
        ),
    }
    assert isinstance(decode_raw(json.dumps(heartbeat).encode()), Heartbeat)


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b'{"type":"trade"}', b'{"type":"book","symbol":1}', b"\xff"])
def test_other_bytes_are_refused_with_what_they_were(payload: bytes) -> None:
    with pytest.raises(UnreadableMessage, match=r".+: b'"):
        decode_raw(payload)


def test_a_window_reads_each_statistic_from_its_own_column() -> None:
    head = {
        "schema_version": 1,
        "venue": "simulator",
        "symbol": "BTCUSDT",
        "window_ms": 1000,
        "window_start_ms": 0,
        "window_end_ms": 1000,
        "trusted_ms": 640,
        "updates": 10,
        "first_update_id": 1,
        "last_update_id": 10,
    }
    columns = {name: number for number, name in enumerate(WINDOW_COLUMNS)}
    columns_reversed = dict(reversed((head | columns).items()))
    window = decode_window(json.dumps(columns_reversed).encode())
    assert window.values == tuple(range(len(WINDOW_COLUMNS)))
    with pytest.raises(UnreadableMessage, match="mid_close"):
        decode_window(
            json.dumps({name: value for name, value in columns_reversed.items() if name != "mid_close"}).encode()
        )


def test_a_trade_without_its_aggressor_is_refused() -> None:
    with pytest.raises(UnreadableMessage, match="aggressor"):
        decode_trade(
            b'{"type":"trade","venue":"x","symbol":"B","event_time_ms":1,"receive_time_ms":1,"trade_id":1,'
            b'"trade_time_ms":1,"price":1.0,"quantity":1.0}'
        )


def test_each_metric_stands_once_in_the_catalogue() -> None:
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    assert all(
        metric.definition and metric.unit and metric.undefined and metric.source and metric.sql for metric in METRICS
    )
