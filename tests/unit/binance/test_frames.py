from __future__ import annotations

import pytest

from connectors.binance.frames import Acknowledgement, ServerShutdown, decode_frame, decode_snapshot
from orderbook.errors import UnreadableMessage
from orderbook.market import BestQuote, DepthDiff, Execution

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
        wrapped("bnbbtc@depth20@100ms", b'{"lastUpdateId":1,"bids":[],"asks":[]}'),
        wrapped("!ticker@arr", b"[]"),
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
