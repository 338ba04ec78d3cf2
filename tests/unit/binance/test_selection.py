from __future__ import annotations

import pytest

from connectors.binance.selection import Listed, Listing, needs_volumes, select
from orderbook.errors import SettingsError

LISTING = Listing(
    "binance",
    {
        entry.symbol: entry
        for entry in (
            Listed("BTCUSDT", "TRADING", "USDT"),
            Listed("ETHUSDT", "TRADING", "USDT"),
            Listed("ADAUSDT", "TRADING", "USDT"),
            Listed("LUNAUSDT", "BREAK", "USDT"),
            Listed("ETHBTC", "TRADING", "BTC"),
            Listed("币安人生USDT", "TRADING", "USDT"),
        )
    },
)
VOLUMES = {"BTCUSDT": 9e9, "ETHUSDT": 5e9, "ADAUSDT": 7e9, "LUNAUSDT": 1e12, "ETHBTC": 3.0}


@pytest.mark.parametrize(
    ("tokens", "chosen"),
    [
        (("ETHBTC", "BTCUSDT"), ("ETHBTC", "BTCUSDT")),
        (("ALL:USDT",), ("ADAUSDT", "BTCUSDT", "ETHUSDT")),
        (("TOP2:USDT",), ("BTCUSDT", "ADAUSDT")),
        (("TOP50:USDT",), ("BTCUSDT", "ADAUSDT", "ETHUSDT")),
        (("ETHBTC", "TOP1:USDT", "ALL:USDT"), ("ETHBTC", "BTCUSDT", "ADAUSDT", "ETHUSDT")),
        (("ALL:BTC", "ETHBTC"), ("ETHBTC",)),
    ],
)
def test_what_the_tokens_stand_for(tokens: tuple[str, ...], chosen: tuple[str, ...]) -> None:
    assert select(tokens, LISTING, VOLUMES) == chosen


def test_equal_volumes_are_ordered_by_name() -> None:
    assert select(("TOP2:USDT",), LISTING, {}) == ("ADAUSDT", "BTCUSDT")


@pytest.mark.parametrize(
    ("tokens", "sentence"),
    [
        (
            ("ETHUSDT", "BTCUSD", "QQQQQ"),
            "SYMBOLS names what binance does not trade: BTCUSD (did you mean BTCUSDT, ETHUSDT?); QQQQQ",
        ),
        (("LUNAUSDT",), "SYMBOLS names what binance does not trade: LUNAUSDT (its status is BREAK)"),
        (
            ("BTCUSDT", "ALL:USDX"),
            "SYMBOLS holds ALL:USDX, but nothing on binance is traded in USDX: its quote assets are BTC, USDT",
        ),
    ],
)
def test_what_cannot_be_followed_is_refused(tokens: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(SettingsError) as refused:
        select(tokens, LISTING, VOLUMES)
    assert str(refused.value) == sentence


def test_only_a_choice_by_volume_needs_volumes() -> None:
    assert needs_volumes(("BTCUSDT", "TOP5:USDT"))
    assert not needs_volumes(("BTCUSDT", "ALL:USDT"))
