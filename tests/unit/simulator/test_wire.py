from __future__ import annotations

import json
import re

import pytest

from connectors.simulator.instruments import Instrument, instrument, split_symbol
from connectors.simulator.market import AggregateTrade, BestQuote, DepthDiff, Trade
from connectors.simulator.matching import Touch
from connectors.simulator.wire import Wire, combined, server_shutdown
from tests import recordings

SCALE = Instrument(
    symbol="XYZUSDT", base_asset="XYZ", quote_asset="USDT", price_decimals=2, quantity_decimals=5,
    open_ticks=6_183_763, activity=1.0, touch_lots=200_000, level_lots=5000, dust_lots=9, gap_bps=0.05,
    change_share=0.2,
)  # fmt: skip
WIRE = Wire(SCALE)


def test_depth_diff() -> None:
    diff = DepthDiff(1723161255208, 100, 7, 9, bids=((6173763, 0), (1, 2)), asks=((6183764, 154698),))
    assert WIRE.depth_diff(diff) == (
        b'{"e":"depthUpdate","E":1723161255208,"s":"XYZUSDT","U":7,"u":9,'
        b'"b":[["61737.63000000","0.00000000"],["0.01000000","0.00002000"]],"a":[["61837.64000000","1.54698000"]]}'
    )


def test_snapshot() -> None:
    assert WIRE.book(9, [(100, 1)], []) == b'{"lastUpdateId":9,"bids":[["1.00000000","0.00001000"]],"asks":[]}'


def test_best_quote_trade_and_aggregate_trade() -> None:
    assert WIRE.best_quote(BestQuote(5, 8, Touch(6183763, 378826, 6183764, 154698))) == (
        b'{"u":8,"s":"XYZUSDT","b":"61837.63000000","B":"3.78826000","a":"61837.64000000","A":"1.54698000"}'
    )
    assert WIRE.trade(Trade(1723161255343, 42, 6183763, 2000, buyer_is_maker=True)) == (
        b'{"e":"trade","E":1723161255343,"s":"XYZUSDT","t":42,"p":"61837.63000000","q":"0.02000000",'
        b'"T":1723161255343,"m":true,"M":true}'
    )
    assert WIRE.aggregate_trade(AggregateTrade(1, 3, 100, 2, 40, 42, buyer_is_maker=False)) == (
        b'{"e":"aggTrade","E":1,"s":"XYZUSDT","a":3,"p":"1.00000000","q":"0.00002000","f":40,"l":42,"T":1,'
        b'"m":false,"M":true}'
    )


def test_messages_have_the_shape_of_recorded_ones() -> None:
    ours = {
        "depth@100ms": WIRE.depth_diff(DepthDiff(1, 100, 7, 9, bids=((1, 0),), asks=((2, 1),))),
        "bookTicker": WIRE.best_quote(BestQuote(5, 8, Touch(1, 2, 3, 4))),
        "trade": WIRE.trade(Trade(1, 42, 1, 1, buyer_is_maker=True)),
    }
    left = set(ours)
    for _, frame in recordings.lines(recordings.BTC):
        kind = frame.get("stream", "@").split("@", 1)[1]
        if kind in left and (kind != "depth@100ms" or (frame["data"]["b"] and frame["data"]["a"])):
            left.discard(kind)
            wrapped = json.loads(combined(f"xyzusdt@{kind}", ours[kind]))
            assert shape(wrapped) == shape(frame)
        if not left:
            break
    assert left == set()


def shape(value: object) -> object:
    """Keys in order, types, decimals of numbers in strings; of a list its first element."""
    if isinstance(value, dict):
        return [(key, shape(part)) for key, part in value.items()]
    if isinstance(value, list):
        return [shape(value[0])]
    if isinstance(value, str):
        return re.sub(r"^\d+\.", "0.", re.sub(r"\d(?=\d*$)", "0", value)) if value[0].isdigit() else "name"
    return type(value)


def test_server_shutdown_is_wrapped_only_on_combined_connections() -> None:
    assert json.loads(server_shutdown(5, in_combined=False)) == {"e": "serverShutdown", "E": 5}
    assert json.loads(server_shutdown(5, in_combined=True)) == {
        "stream": "!serverShutdown",
        "data": {"e": "serverShutdown", "E": 5},
    }


@pytest.mark.parametrize(
    ("symbol", "base", "quote"),
    [
        ("BTCUSDT", "BTC", "USDT"),
        ("ETHBTC", "ETH", "BTC"),
        ("BTCFDUSD", "BTC", "FDUSD"),
        ("ABCXYZ", "ABC", "XYZ"),
        ("BTCUSD_PERP", "BTCUSD", "PERP"),
        ("USDT", "USDT"[:-3], "SDT"),
    ],
)
def test_symbols_are_split_into_base_and_quote(symbol: str, base: str, quote: str) -> None:
    assert split_symbol(symbol) == (base, quote)


@pytest.mark.parametrize(
    "symbol", ["DOGEUSDT", "PEPEUSDT", "ETHBTC", "LTCEUR", "AB", "XRPTRY", "BTCUSD_PERP", "1INCHBNB"]
)
@pytest.mark.parametrize("seed", [0, 7, 123])
def test_any_symbol_gets_a_scale_that_the_wire_can_carry(symbol: str, seed: int) -> None:
    scale = instrument(symbol, seed=seed)
    assert scale == instrument(symbol, seed=seed)
    assert 0 <= scale.price_decimals <= 8
    assert 0 <= scale.quantity_decimals <= 8
    assert 0.05 < scale.tick_bps < 1.0
    assert 1 <= scale.dust_lots < scale.level_lots < scale.touch_lots
    assert instrument(symbol, seed=seed + 1) != scale
