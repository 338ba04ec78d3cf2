from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.simulator.instruments import instrument
from connectors.simulator.market import Market
from connectors.simulator.rest import BadRequest, Listing, RestApi
from connectors.simulator.wire import Wire

OPENS_AT_MS = 1_700_000_000_000


@pytest.fixture(scope="module")
def api() -> RestApi:
    listings = {}
    for symbol in ("BTCUSDT", "ADAUSDT"):
        scale = instrument(symbol, seed=7)
        listings[symbol] = Listing(Market(scale, seed=7, opens_at_ms=OPENS_AT_MS), Wire(scale))
        list(listings[symbol].market.advance(OPENS_AT_MS + 5000))
    return RestApi(listings, weight_limit=6000, now_ms=lambda: OPENS_AT_MS + 5000)


def ask(api: RestApi, path: str, **query: str) -> Any:  # noqa: ANN401 - a JSON value
    return json.loads(api.answer(path, query))


def test_ping_and_time(api: RestApi) -> None:
    assert ask(api, "ping") == {}
    assert ask(api, "time") == {"serverTime": OPENS_AT_MS + 5000}


@pytest.mark.parametrize(("limit", "levels"), [("1", 1), ("7", 7), ("1000", 1000)])
def test_depth_gives_the_best_levels_best_first(api: RestApi, limit: str, levels: int) -> None:
    book = ask(api, "depth", symbol="BTCUSDT", limit=limit)
    bids, asks = ([float(price) for price, _ in book[key]] for key in ("bids", "asks"))
    assert len(bids) == len(asks) == levels
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    assert bids[0] < asks[0]


def test_depth_defaults_to_100_levels_and_ends_at_5000(api: RestApi) -> None:
    assert len(ask(api, "depth", symbol="BTCUSDT")["bids"]) == 100
    assert ask(api, "depth", symbol="BTCUSDT", limit="9999") == ask(api, "depth", symbol="BTCUSDT", limit="5000")


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("depth", {}, -1102),
        ("depth", {"symbol": ""}, -1105),
        ("depth", {"symbol": "btcusdt"}, -1100),
        ("depth", {"symbol": "NOSUCH"}, -1121),
        ("depth", {"symbol": "BTCUSDT", "limit": "ten"}, -1100),
        ("depth", {"symbol": "BTCUSDT", "limit": "-5"}, -1100),
        ("depth", {"symbol": "BTCUSDT", "limit": "0"}, -1130),
        ("depth", {"symbol": "BTCUSDT", "bogus": "1"}, -1104),
        ("time", {"bogus": "1"}, -1104),
        ("exchangeInfo", {"symbol": "NOSUCH"}, -1121),
        ("exchangeInfo", {"symbols": '["BTCUSDT","NOSUCH"]'}, -1121),
        ("exchangeInfo", {"symbols": "BTCUSDT"}, -1100),
        ("exchangeInfo", {"symbols": "[]"}, -1100),
        ("exchangeInfo", {"symbol": "BTCUSDT", "symbols": '["BTCUSDT"]'}, -1128),
        ("ticker/bookTicker", {"symbol": "NOSUCH"}, -1121),
    ],
)
def test_errors_carry_binances_codes(api: RestApi, path: str, query: dict[str, str], code: int) -> None:
    with pytest.raises(BadRequest) as refused:
        api.answer(path, query)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("limit", "weight"),
    [("1", 5), ("100", 5), ("101", 25), ("500", 25), ("501", 50), ("1000", 50), ("1001", 250), ("5000", 250)],
)
def test_depth_weighs_by_its_limit(api: RestApi, limit: str, weight: int) -> None:
    assert api.weight("depth", {"symbol": "BTCUSDT", "limit": limit}) == weight


def test_other_weights(api: RestApi) -> None:
    assert api.weight("depth", {"symbol": "BTCUSDT"}) == 5
    assert api.weight("ping", {}) == 1
    assert api.weight("exchangeInfo", {}) == 20
    assert (api.weight("ticker/bookTicker", {"symbol": "A"}), api.weight("ticker/bookTicker", {})) == (2, 4)


def test_exchange_info_lists_symbols_with_their_steps(api: RestApi) -> None:
    listed = ask(api, "exchangeInfo")["symbols"]
    assert [symbol["symbol"] for symbol in listed] == ["BTCUSDT", "ADAUSDT"]
    (ada,) = ask(api, "exchangeInfo", symbols='["ADAUSDT"]')["symbols"]
    assert ada == listed[1] == ask(api, "exchangeInfo", symbol="ADAUSDT")["symbols"][0]
    assert (ada["status"], ada["baseAsset"], ada["quoteAsset"]) == ("TRADING", "ADA", "USDT")
    filters = {each["filterType"]: each for each in ada["filters"]}
    assert filters["PRICE_FILTER"]["tickSize"] == "0.00010000"
    assert filters["LOT_SIZE"]["stepSize"] == "0.10000000"


def test_tickers_agree_with_the_book(api: RestApi) -> None:
    book = ask(api, "depth", symbol="ADAUSDT", limit="1")
    ticker = ask(api, "ticker/bookTicker", symbol="ADAUSDT")
    assert [ticker["bidPrice"], ticker["bidQty"]] == book["bids"][0]
    assert [ticker["askPrice"], ticker["askQty"]] == book["asks"][0]
    assert ask(api, "ticker/bookTicker")[1] == ticker
    last = float(ask(api, "ticker/price", symbol="ADAUSDT")["price"])
    assert last == pytest.approx(float(ticker["bidPrice"]), rel=0.01)
