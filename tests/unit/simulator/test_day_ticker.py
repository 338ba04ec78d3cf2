from __future__ import annotations

import json
from decimal import Decimal

import pytest

from connectors.simulator.instruments import instrument
from connectors.simulator.market import Market, Trade
from connectors.simulator.rest import BadRequest, Listing, RestApi
from connectors.simulator.ticker import ticker_weight
from connectors.simulator.universe import ALL_SYMBOLS
from connectors.simulator.wire import Wire
from orderbook.settings import SYMBOL_PATTERN

OPENS_AT_MS = 1_700_000_000_000
DAY_MS = 86_400_000


def listings(*symbols: str, seed: int = 7) -> dict[str, Listing]:
    opened = {}
    for symbol in symbols:
        scale = instrument(symbol, seed=seed)
        opened[symbol] = Listing(Market(scale, seed=seed, opens_at_ms=OPENS_AT_MS, light=True), Wire(scale))
    return opened


def api(opened: dict[str, Listing]) -> RestApi:
    return RestApi(opened, weight_limit=6000, now_ms=lambda: OPENS_AT_MS)


def test_volumes_differ_by_symbol_and_are_fixed_by_the_seed() -> None:
    symbols = ALL_SYMBOLS[:60]
    rows = json.loads(api(listings(*symbols)).answer("ticker/24hr", {}))
    assert [row["symbol"] for row in rows] == list(symbols)
    volumes = [Decimal(row["quoteVolume"]) for row in rows]
    assert len(set(volumes)) == 60
    assert volumes[0] == max(volumes)
    assert min(volumes) > 500_000
    assert rows == json.loads(api(listings(*symbols)).answer("ticker/24hr", {}))
    other = json.loads(api(listings(*symbols, seed=8)).answer("ticker/24hr", {}))
    assert [row["quoteVolume"] for row in other] != [row["quoteVolume"] for row in rows]


def test_what_is_traded_is_added() -> None:
    opened = listings("XRPUSDT")
    asked = {"symbol": "XRPUSDT"}
    before = json.loads(api(opened).answer("ticker/24hr", asked))
    listing = opened["XRPUSDT"]
    trades = [each for each in listing.market.advance(OPENS_AT_MS + 30_000) if isinstance(each, Trade)]
    after = json.loads(api(opened).answer("ticker/24hr", asked))
    wire = listing.wire
    quantities = [Decimal(wire.quantity(trade.lots)) for trade in trades]
    prices = [Decimal(wire.price(trade.price)) for trade in trades]
    assert len(trades) > 20
    assert Decimal(after["volume"]) - Decimal(before["volume"]) == sum(quantities)
    traded = sum(price * quantity for price, quantity in zip(prices, quantities, strict=True))
    assert Decimal(after["quoteVolume"]) - Decimal(before["quoteVolume"]) == traded
    assert after["count"] - before["count"] == len(trades)
    assert (after["lastId"], Decimal(after["lastPrice"])) == (trades[-1].trade_id, prices[-1])
    assert after["lastId"] - after["firstId"] + 1 == after["count"]
    assert Decimal(after["lastQty"]) == quantities[-1]
    assert Decimal(after["lowPrice"]) <= min(prices)
    assert Decimal(after["highPrice"]) >= max(prices)


def test_a_row_agrees_with_itself() -> None:
    (row,) = json.loads(api(listings("DOGEUSDT")).answer("ticker/24hr", {"symbols": '["DOGEUSDT"]'}))
    low, high = Decimal(row["lowPrice"]), Decimal(row["highPrice"])
    assert low <= Decimal(row["openPrice"]) <= high
    assert low <= Decimal(row["lastPrice"]) <= high
    assert low <= Decimal(row["weightedAvgPrice"]) <= high
    change = Decimal(row["lastPrice"]) - Decimal(row["openPrice"])
    assert Decimal(row["priceChange"]) == change
    assert Decimal(row["priceChangePercent"]) == round(100 * change / Decimal(row["openPrice"]), 3)
    assert (row["openTime"], row["closeTime"]) == (OPENS_AT_MS - DAY_MS, OPENS_AT_MS)
    assert Decimal(row["bidPrice"]) < Decimal(row["askPrice"])


def test_the_small_form_has_fewer_fields() -> None:
    served = api(listings("DOGEUSDT"))
    full = json.loads(served.answer("ticker/24hr", {"symbol": "DOGEUSDT", "type": "FULL"}))
    mini = json.loads(served.answer("ticker/24hr", {"symbol": "DOGEUSDT", "type": "MINI"}))
    assert mini.items() <= full.items()
    assert set(full) - set(mini) == {
        "priceChange", "priceChangePercent", "weightedAvgPrice", "prevClosePrice", "lastQty", "bidPrice", "bidQty",
        "askPrice", "askQty",
    }  # fmt: skip
    with pytest.raises(BadRequest) as refused:
        served.answer("ticker/24hr", {"type": "LARGE"})
    assert refused.value.code == -1130


@pytest.mark.parametrize(
    ("query", "weight"),
    [
        ({"symbol": "A"}, 2),
        ({}, 80),
        ({"symbols": json.dumps(["A"] * 20)}, 2),
        ({"symbols": json.dumps(["A"] * 21)}, 40),
        ({"symbols": json.dumps(["A"] * 100)}, 40),
        ({"symbols": json.dumps(["A"] * 101)}, 80),
        ({"symbols": "{oops"}, 2),
    ],
)
def test_weights_are_the_documented_ones(query: dict[str, str], weight: int) -> None:
    assert ticker_weight(query) == weight
    assert api(listings("DOGEUSDT")).weight("ticker/24hr", query) == weight


def test_the_whole_exchange_has_450_symbols_that_the_settings_accept() -> None:
    assert len(set(ALL_SYMBOLS)) == len(ALL_SYMBOLS) == 450
    assert ALL_SYMBOLS[:5] == ("BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT", "ADAUSDT")
    assert all(SYMBOL_PATTERN.fullmatch(symbol) for symbol in ALL_SYMBOLS)
    for symbol in ALL_SYMBOLS:
        scale = instrument(symbol, seed=7)
        assert scale.base_asset + scale.quote_asset == symbol
        assert scale.price_decimals + scale.quantity_decimals <= 8
