from __future__ import annotations

import contextlib
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.binance.frames import (
    Acknowledgement,
    ServerShutdown,
    decode_frame,
    decode_snapshot,
    market_of_frame,
    stream_symbol,
)
from orderbook.book import ImpossibleLevel, LocalBook
from orderbook.errors import UnreadableMessage
from orderbook.market import BestQuote, DepthDiff, Execution, PartialBook
from tests.recordings import recording

# The shapes are those of Binance's public API documentation (Spot and USD-M futures, Web Socket Streams).
SPOT_DIFF = (
    b'{"e":"depthUpdate","E":1672515782136,"s":"BNBBTC","U":157,"u":160,'
    b'"b":[["0.00240000","10.00000000"]],"a":[["0.00260000","100.00000000"],["0.00270000","0.00000000"]]}'
)
FUTURES_DIFF = SPOT_DIFF.replace(b'"u":160', b'"T":1672515782130,"u":160,"pu":149').replace(b'"0.00000000"', b'"0.000"')
SPOT_TICKER = b'{"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000","a":"25.36520000","A":"40.66000000"}'
TRADE = (
    b'{"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345,"p":"0.00100000","q":"100.00000000",'
    b'"T":1672515782130,"m":true,"M":true}'
)


def wrapped(stream: str, payload: bytes) -> bytes:
    return b'{"stream":"' + stream.encode() + b'","data":' + payload + b"}"


@pytest.mark.parametrize(
    "payload", [SPOT_DIFF, wrapped("bnbbtc@depth@100ms", SPOT_DIFF), wrapped("bnbbtc@depth", SPOT_DIFF)]
)
def test_a_spot_diff(payload: bytes) -> None:
    diff = decode_frame(payload)
    assert isinstance(diff, DepthDiff)
    assert (diff.symbol, diff.event_time_ms) == ("BNBBTC", 1672515782136)
    assert (diff.first_update_id, diff.final_update_id, diff.previous_update_id) == (157, 160, None)
    assert diff.bids == [(0.0024, 10.0)]
    assert diff.asks == [(0.0026, 100.0), (0.0027, 0.0)]


def test_a_futures_diff_names_its_predecessor_and_removes_with_any_spelling_of_zero() -> None:
    diff = decode_frame(wrapped("bnbbtc@depth@0ms", FUTURES_DIFF))
    assert isinstance(diff, DepthDiff)
    assert (diff.previous_update_id, diff.asks[1]) == (149, (0.0027, 0.0))


@pytest.mark.parametrize("payload", [SPOT_TICKER, wrapped("bnbusdt@bookTicker", SPOT_TICKER)])
def test_a_best_quote_without_event_type(payload: bytes) -> None:
    quote = decode_frame(payload)
    assert isinstance(quote, BestQuote)
    assert (quote.update_id, quote.bid_price, quote.bid_qty) == (400900217, 25.3519, 31.21)
    assert (quote.ask_price, quote.ask_qty) == (25.3652, 40.66)


@pytest.mark.parametrize("payload", [TRADE, wrapped("bnbbtc@trade", TRADE)])
def test_a_trade(payload: bytes) -> None:
    execution = decode_frame(payload)
    assert isinstance(execution, Execution)
    assert (execution.trade_id, execution.price, execution.quantity) == (12345, 0.001, 100.0)
    assert (execution.trade_time_ms, execution.buyer_is_maker) == (1672515782130, True)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"e":"serverShutdown","E":1770123456789}',
        b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}',
    ],
)
def test_the_exchange_announces_its_end(payload: bytes) -> None:
    assert isinstance(decode_frame(payload), ServerShutdown)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"result":null,"id":1}',
        b'{"lastUpdateId":1,"bids":[],"asks":[]}',
        wrapped("!ticker@arr", b"[]"),
        wrapped("bnbusdt@aggTrade", TRADE),
        wrapped("bnbusdt@rpiDepth@500ms", FUTURES_DIFF),
    ],
)
def test_what_is_not_followed_is_no_event(payload: bytes) -> None:
    assert isinstance(decode_frame(payload), Acknowledgement)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"not json",
        SPOT_DIFF[:-3],
        SPOT_DIFF.replace(b'"U":157,', b""),
        SPOT_DIFF.replace(b'"10.00000000"', b'"ten"'),
        wrapped("bnbbtc@trade", SPOT_DIFF),
        wrapped("bnbbtc@depth", SPOT_DIFF.replace(b"depthUpdate", b"depthRevision")),
        wrapped("bnbbtc@depth20", SPOT_TICKER),
        wrapped("bnbbtc@depth", SPOT_DIFF)[:-1],
        wrapped("bnbbtc@depth", SPOT_DIFF) + b"}",
        b'{"stream":"bnbbtc@depth"}',
        b'{"stream":"bnbbtc@depth',
        b'{"stream":"bnbbtc@ticker","data":' + b"[" * 100_000,
        wrapped("bnbbtc@depth", SPOT_DIFF.replace(b'"0.00240000"', b'"1e400"')),
        wrapped("bnbbtc@depth", SPOT_DIFF.replace(b'"0.00240000"', b"NaN")),
        b'{"stream":"bnbbtc@trade","data":"\xff"}',
    ],
)
def test_what_cannot_be_read_is_refused(payload: bytes) -> None:
    with pytest.raises(UnreadableMessage):
        decode_frame(payload)


def test_a_rest_snapshot() -> None:
    snapshot = decode_snapshot(b'{"lastUpdateId":1027024,"bids":[["4.00000000","431.00000000"]],"asks":[]}')
    assert (snapshot.last_update_id, snapshot.bids, snapshot.asks) == (1027024, [(4.0, 431.0)], [])
    with pytest.raises(UnreadableMessage):
        decode_snapshot(b'{"code":-1121,"msg":"Invalid symbol."}')


SPOT_PARTIAL = b'{"lastUpdateId":160,"bids":[["0.0024","10"]],"asks":[["0.0026","100"],["0.0027","1"]]}'
COIN_M_DIFF = FUTURES_DIFF.replace(b'"s":"BNBBTC"', b'"s":"BTCUSD_PERP","ps":"BTCUSD"')
# Futures order the keys and the levels differently, and partial books of theirs look like diffs.
USD_M_PARTIAL = (
    b'{"e":"depthUpdate","E":1571889248277,"T":1571889248276,"s":"BTCUSDT","U":390497796,"u":390497878,"pu":390497794,'
    b'"b":[["7403.89","0.002"],["7403.90","3.906"]],"a":[["7405.96","3.340"]]}'
)


@pytest.mark.parametrize("kind", ["depth5", "depth10", "depth20", "depth20@100ms", "depth5@1000ms"])
def test_a_spot_partial_book_takes_its_symbol_from_the_stream_and_has_no_time(kind: str) -> None:
    expected = PartialBook(
        symbol="BNBBTC",
        last_update_id=160,
        event_time_ms=None,
        bids=[(0.0024, 10.0)],
        asks=[(0.0026, 100.0), (0.0027, 1.0)],
    )
    assert decode_frame(wrapped(f"bnbbtc@{kind}", SPOT_PARTIAL)) == expected
    assert decode_frame(SPOT_PARTIAL, stream=f"bnbbtc@{kind}") == expected


@pytest.mark.parametrize("kind", ["depth5", "depth20@0ms", "depth10@250ms", "depth20@500ms"])
def test_a_futures_partial_book_is_never_a_diff(kind: str) -> None:
    for partial in (
        decode_frame(wrapped(f"btcusdt@{kind}", USD_M_PARTIAL)),
        decode_frame(USD_M_PARTIAL, stream=f"btcusdt@{kind}"),
    ):
        assert isinstance(partial, PartialBook)
        assert (partial.symbol, partial.last_update_id, partial.event_time_ms) == ("BTCUSDT", 390497878, 1571889248277)
        assert partial.bids == [(7403.89, 0.002), (7403.9, 3.906)]
        assert partial.asks == [(7405.96, 3.34)]


@pytest.mark.parametrize("kind", ["depth", "depth@0ms", "depth@100ms", "depth@250ms", "depth@500ms"])
@pytest.mark.parametrize("payload", [FUTURES_DIFF, COIN_M_DIFF])
def test_every_speed_of_the_diff_stream_is_a_diff(kind: str, payload: bytes) -> None:
    for diff in (decode_frame(wrapped(f"bnbbtc@{kind}", payload)), decode_frame(payload, stream=f"bnbbtc@{kind}")):
        assert isinstance(diff, DepthDiff)
        assert (diff.first_update_id, diff.final_update_id, diff.previous_update_id) == (157, 160, 149)


def test_a_raw_connection_of_a_named_stream_still_understands_everything_else() -> None:
    stream = "bnbbtc@depth20"
    assert isinstance(decode_frame(b'{"result":null,"id":1}', stream=stream), Acknowledgement)
    assert isinstance(decode_frame(b'{"e":"serverShutdown","E":1}', stream=stream), ServerShutdown)
    assert isinstance(decode_frame(wrapped("bnbbtc@depth", SPOT_DIFF), stream=stream), DepthDiff)


@pytest.mark.parametrize(
    ("stream", "payload"),
    [
        ("bnbbtc@depth@100ms", SPOT_DIFF),
        ("bnbbtc@depth@0ms", FUTURES_DIFF),
        ("bnbusdt@bookTicker", SPOT_TICKER),
        ("bnbbtc@trade", TRADE),
        ("bnbbtc@depth20", SPOT_PARTIAL),
        ("!serverShutdown", b'{"e":"serverShutdown","E":1}'),
        ("!ticker@arr", b"[]"),
    ],
)
def test_spelling_does_not_matter(stream: str, payload: bytes) -> None:
    """Spaces, another order of keys, escapes and unknown keys are JSON like any other."""
    plain = decode_frame(wrapped(stream, payload))
    name = json.dumps(stream).encode()
    escaped = name.replace(b"@", b"\\u0040")
    for frame in (
        b'{"data":' + payload + b',"stream":' + name + b"}",
        b' { "stream" : ' + name + b' , "data" : ' + payload + b" } ",
        b'{"stream":' + escaped + b',"data":' + payload + b"}",
        b'{"stream":' + name + b',"more":{"data":1},"data":' + payload + b"}",
        b'{"first":"' + b"x" * 200 + b'","stream":' + name + b',"data":' + payload + b"}",
    ):
        assert decode_frame(frame) == plain


def test_a_name_of_any_length_is_read() -> None:
    long = "x" * 300
    assert isinstance(decode_frame(wrapped(f"{long}@depth", SPOT_DIFF)), DepthDiff)
    assert isinstance(decode_frame(wrapped(f"{long}@ticker", b"{}")), Acknowledgement)


@pytest.mark.parametrize("number", ["nan", "NaN", "inf", "-inf", "Infinity", "-1", "0"])
def test_a_price_that_cannot_be_reaches_nobody(number: str) -> None:
    bad = number.encode()
    for frame in (
        wrapped("bnbbtc@trade", TRADE.replace(b"0.00100000", bad)),
        wrapped("bnbusdt@bookTicker", SPOT_TICKER.replace(b"25.35190000", bad)),
        wrapped("bnbbtc@depth20", SPOT_PARTIAL.replace(b"0.0024", bad)),
        wrapped("bnbbtc@depth20", USD_M_PARTIAL.replace(b"7405.96", bad)),
    ):
        with pytest.raises(UnreadableMessage):
            decode_frame(frame)
    with pytest.raises((UnreadableMessage, ImpossibleLevel)):
        applied(wrapped("bnbbtc@depth", SPOT_DIFF.replace(b"0.00240000", bad)))


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "-0.5", "1e400"])
def test_a_quantity_that_cannot_be_reaches_nobody(number: str) -> None:
    bad = number.encode()
    for frame in (
        wrapped("bnbbtc@trade", TRADE.replace(b"100.00000000", bad)),
        wrapped("bnbusdt@bookTicker", SPOT_TICKER.replace(b"31.21000000", bad)),
        wrapped("bnbbtc@depth20", SPOT_PARTIAL.replace(b'"10"', b'"' + bad + b'"')),
        wrapped("bnbbtc@depth20", USD_M_PARTIAL.replace(b"3.906", bad)),
    ):
        with pytest.raises(UnreadableMessage):
            decode_frame(frame)
    with pytest.raises((UnreadableMessage, ImpossibleLevel)):
        applied(wrapped("bnbbtc@depth", SPOT_DIFF.replace(b"10.00000000", bad)))


def applied(frame: bytes) -> LocalBook:
    diff = decode_frame(frame)
    assert isinstance(diff, DepthDiff)
    book = LocalBook()
    book.apply(diff.bids, diff.asks)
    return book


@pytest.mark.parametrize(
    ("payload", "market"),
    [
        (SPOT_DIFF, "spot"),
        (wrapped("bnbbtc@depth@100ms", SPOT_DIFF), "spot"),
        (FUTURES_DIFF, "usdm"),
        (wrapped("bnbbtc@depth@0ms", FUTURES_DIFF), "usdm"),
        (COIN_M_DIFF, "coinm"),
        (wrapped("btcusd_perp@depth", COIN_M_DIFF), "coinm"),
        (wrapped("bnbbtc@depth20", SPOT_PARTIAL), None),
        (TRADE, None),
        (SPOT_TICKER, None),
        (wrapped("!ticker@arr", b"[]"), None),
        (SPOT_DIFF[:-3], None),
        (b"", None),
    ],
)
def test_the_market_of_a_diff(payload: bytes, market: str | None) -> None:
    assert market_of_frame(payload) == market


@pytest.mark.parametrize(
    ("payload", "symbol"),
    [
        (wrapped("bnbbtc@depth@100ms", b"{{{"), "BNBBTC"),
        (wrapped("btcusd_perp@depth", b""), "BTCUSD_PERP"),
        (b'{ "stream" : "bnbbtc@trade", "data": \xff', "BNBBTC"),
        (wrapped("币安人生usdt@depth", b"?"), "币安人生USDT"),
        (wrapped("!ticker@arr", b"[]"), None),
        (wrapped("!serverShutdown", b"{}"), None),
        (b'{"stream":"\xff\xfe@depth","data":{}}', None),
        (b'{"stream":"bnbbtc', None),
        (SPOT_DIFF, None),
        (b"", None),
    ],
)
def test_the_symbol_of_a_frame_that_cannot_be_read(payload: bytes, symbol: str | None) -> None:
    assert stream_symbol(payload) == symbol


@pytest.mark.parametrize("name", ["messages/crypto_msg_parser.jsonl", "messages/spot_depth20.jsonl"])
def test_messages_of_every_kind_seen_in_the_wild(name: str) -> None:
    (file,) = recording((name,))
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    partial = 0
    for line in lines:
        message = line.get("msg") or {"stream": line["stream"].rpartition("/")[2], "data": line["data"]}
        for spelling in (json.dumps(message), json.dumps(message, separators=(",", ":"))):
            frame = decode_frame(spelling.encode())
            kind = message.get("stream", "").partition("@")[2]
            expected: type = Acknowledgement
            if kind.startswith("depth@"):
                expected = DepthDiff
            elif kind.startswith("depth"):
                expected = PartialBook
                partial += 1
            elif kind == "bookTicker":
                expected = BestQuote
            assert isinstance(frame, expected), message
            if isinstance(frame, PartialBook):
                bids = message["data"].get("bids") or message["data"].get("b", [])
                assert frame.bids == [(float(price), float(quantity)) for price, quantity in bids]
    assert len(lines) > 1
    assert partial > 1


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_unreadable(payload: bytes) -> None:
    for frame in (payload, wrapped("bnbbtc@depth", payload), wrapped("bnbbtc@depth20", payload)):
        with contextlib.suppress(UnreadableMessage):
            decode_frame(frame)
        stream_symbol(frame)
        market_of_frame(frame)


@given(
    st.sampled_from([SPOT_DIFF, COIN_M_DIFF, SPOT_TICKER, TRADE, SPOT_PARTIAL, USD_M_PARTIAL]),
    st.sampled_from(["bnbbtc@depth@100ms", "bnbbtc@depth20", "bnbbtc@bookTicker", "bnbbtc@trade"]),
    st.integers(min_value=0),
    st.binary(max_size=3),
)
def test_a_damaged_frame_is_a_frame_or_unreadable(payload: bytes, stream: str, at: int, damage: bytes) -> None:
    frame = wrapped(stream, payload)
    at %= len(frame)
    with contextlib.suppress(UnreadableMessage):
        decode_frame(frame[:at] + damage + frame[at + 1 :])


@given(st.decimals(min_value="0.00000001", max_value=10**12, allow_nan=False, places=8))
def test_a_decimal_string_becomes_the_nearest_float_however_it_is_spelled(number: Decimal) -> None:
    spellings = {f"{number:f}", f"{number:f}00", f"{number.normalize():f}"}
    for spelling in spellings:
        diff = decode_frame(wrapped("bnbbtc@depth", SPOT_DIFF.replace(b"0.00240000", spelling.encode())))
        assert isinstance(diff, DepthDiff)
        assert diff.bids[0][0] == float(number)
