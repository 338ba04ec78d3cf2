from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
)
from connectors.recordings.lines import Began, Header, Lost, decode_line, encode_line
from orderbook.errors import UnreadableMessage

FRAME = b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","b":[["61737.63000000","0.00"]]}}'
TRICKY = [
    b"",
    b" ",
    b"{}",
    b"{}\n",
    b'{"a":\r1}',
    b'{"a":"\xff"}',
    b' {"a":1}',
    b'{"a":1} ',
    b"[1]",
    b"{bad",
    b'{"event":"closed","reason":"said the exchange"}',
    b'{"recording":1}',
    b'{"lastUpdateId":1,"bids":[],"asks":[]}',
    b'{"raw":"x","data":1}',
    b'{"price":1e400,"\xc3\xa9":"\\u2028"}',
]
payloads = st.one_of(st.binary(), st.sampled_from([FRAME, *TRICKY]))
times = st.integers(0, 2**62)
names = st.text(st.characters(codec="utf-8"))
arrivals = st.one_of(
    st.builds(Received, times, payloads, st.none() | names),
    st.builds(SnapshotArrived, times, names, st.none() | st.integers(1, 5000), payloads),
    st.builds(Closed, times, names),
    st.builds(SymbolsChanged, times, st.lists(names).map(tuple), st.lists(names).map(tuple)),
    st.builds(StatusChanged, times, names, names),
    st.sampled_from([Opened(5), OverlapBegan(6), OverlapEnded(7)]),
)


@given(arrivals)
def test_every_arrival_comes_back_as_it_was_from_one_line_of_json(arrival: Arrival) -> None:
    line = encode_line(arrival)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    stamp, _, text = line.decode().partition(" ")
    assert int(stamp) == arrival.receive_time_ns
    assert isinstance(json.loads(text), dict)
    assert decode_line(line) == arrival


def test_a_frame_stands_in_its_line_as_it_arrived() -> None:
    assert encode_line(Received(1723161253937085768, FRAME)) == b"1723161253937085768 " + FRAME + b"\n"


def test_what_is_nested_too_deeply_to_be_read_is_kept_and_comes_back() -> None:
    deep = b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}"
    for arrival in (Received(1, deep), Received(1, deep, "btcusdt@trade"), SnapshotArrived(1, "BTCUSDT", 5, deep)):
        assert decode_line(encode_line(arrival)) == arrival


def test_the_lines_of_the_format_are_what_the_document_says() -> None:
    snapshot = SnapshotArrived(7, "BTCUSDT", 1000, b'{"lastUpdateId":1}')
    assert encode_line(snapshot) == b'7 {"snapshot":"BTCUSDT","limit":1000,"data":{"lastUpdateId":1}}\n'
    assert encode_line(Opened(8)) == b'8 {"event":"opened"}\n'
    assert encode_line(Lost(9, 3)) == b'9 {"event":"lost","count":3}\n'
    assert encode_line(Received(1, b"{bad")) == b'1 {"raw_base64":"e2JhZA=="}\n'
    header = Header(venue="binance", market="spot", symbols=("BTCUSDT",), part="connection-000", segment=4)
    assert json.loads(encode_line(Began(1, header)).partition(b" ")[2]) == {
        "recording": 1,
        "venue": "binance",
        "market": "spot",
        "symbols": ["BTCUSDT"],
        "part": "connection-000",
        "segment": 4,
        "previous": None,
        "connections": 0,
    }
    assert decode_line(encode_line(Began(1, header))) == Began(1, header)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"yesterday {}",
        b'1 {"raw_base64":"\xc3\xa9"}',
        b'1 {"raw":"x","data":' + b"[" * 5000,
        b"-1 {}",
        b"12",
        b"12 [1]",
        b'12 {"event":"lost"}',
        b'12 {"event":"exploded"}',
        b'12 {"event":{}}',
        b'12 {"snapshot":"BTCUSDT","limit":5}',
        b'12 {"raw_base64":"!"}',
        b'12 {"recording":2,"venue":"v","market":"spot","symbols":[],"part":"p","segment":1}',
        b'12 {"recording":1}',
        b'12 {"event":"closed"',
    ],
)
def test_what_is_no_line_of_the_format_is_refused(line: bytes) -> None:
    with pytest.raises(UnreadableMessage):
        decode_line(line)
