"""The exchange's limits: weight, waits, bans, regions, streams a connection."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from connectors.binance.arrivals import SnapshotArrived, StatusChanged
from connectors.simulator.universe import ALL_SYMBOLS
from orderbook.errors import VenueRefused
from orderbook.messages import Heartbeat
from orderbook.settings import Settings
from runtime.roster import followed_symbols
from tests.component.binance.following import fault, following
from tests.processes import running
from tests.servers import free_port

pytestmark = pytest.mark.component


def test_a_ban_is_waited_for_and_the_books_come_after_it(simulator: Settings) -> None:
    fault(simulator, kind="rest_status", status=418, path="depth", count=1, retry_after_s=2)
    begun_s = time.monotonic()
    with following(simulator) as one:
        one.until(lambda: one.is_live("BTCUSDT", "ETHUSDT"))
    assert time.monotonic() - begun_s >= 2.0
    assert one.came(SnapshotArrived) == 2


def test_a_snapshot_that_fails_is_asked_for_again(simulator: Settings) -> None:
    fault(simulator, kind="rest_status", status=500, path="depth", count=3)
    with following(simulator) as one:
        one.until(lambda: one.is_live("BTCUSDT", "ETHUSDT"))


def test_a_region_that_is_no_longer_served_ends_the_source_with_a_sentence(simulator: Settings) -> None:
    with following(simulator) as one:
        one.until(lambda: one.is_live("BTCUSDT"))
        fault(simulator, kind="rest_status", status=451, path="depth", count=10)
        fault(simulator, kind="drop_diff", symbol="BTCUSDT")
        with pytest.raises(VenueRefused, match=r"does not serve this region \(HTTP 451\): set FEED"):
            one.until(lambda: False)


def test_a_halted_symbol_is_told_by_its_status(simulator: Settings) -> None:
    with following(simulator) as one:
        one.until(lambda: one.is_live("BTCUSDT", "ETHUSDT", books=30))
        fault(simulator, kind="delist", symbol="ETHUSDT")
        one.until(lambda: one.came(StatusChanged) == 1)
        one.until(lambda: one.of(Heartbeat, "ETHUSDT")[-1].cause == "status")
        assert one.of(Heartbeat, "ETHUSDT")[-1].reason == "the exchange lists ETHUSDT as BREAK"
        assert one.is_live("BTCUSDT")


def test_the_most_traded_symbols_are_picked_and_written_down(tmp_path: Path) -> None:
    settings = Settings(
        symbols=("ADAUSDT", "TOP2:USDT"),
        feed="simulator",
        simulator_port=free_port(),
        state_dir=tmp_path / "state",
        log_format="json",
    )
    assert followed_symbols(settings) == ("ADAUSDT",)
    with running(settings, ["connectors.simulator"], tmp_path):
        day = urllib3.request("GET", f"http://{settings.simulator_address}/api/v3/ticker/24hr").json()
        by_volume = sorted(day, key=lambda row: float(row["quoteVolume"]), reverse=True)
        expected = dict.fromkeys(["ADAUSDT", *(row["symbol"] for row in by_volume[:2])])
        with following(settings) as one:
            one.until(lambda: one.is_live(*expected))
    assert followed_symbols(settings) == tuple(expected)


@pytest.fixture
def whole_exchange(tmp_path: Path) -> Iterator[Settings]:
    settings = Settings(
        symbols=ALL_SYMBOLS[:140],
        feed="simulator",
        simulator_port=free_port(),
        state_dir=tmp_path / "state",
        log_format="json",
    )
    with running(settings, ["connectors.simulator"], tmp_path):
        yield settings


def test_more_streams_than_an_address_takes_are_followed_within_the_weight(whole_exchange: Settings) -> None:
    with following(whole_exchange) as one:
        assert len(one.parts) == 1
        one.until(lambda: one.came(SnapshotArrived) >= 140, within_s=120)
        one.until(lambda: one.is_live(*whole_exchange.symbols, books=1), within_s=120)
    limits = [arrival.limit for arrival in one.arrivals if isinstance(arrival, SnapshotArrived)]
    weights = {100: 5, 500: 25, 1000: 50}
    assert sum(weights[limit or 0] for limit in limits) <= 3000
