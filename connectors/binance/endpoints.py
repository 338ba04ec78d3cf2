"""Where the exchanges of this room are.

Source: general information of the API documentation of Binance Spot, USD-M and COIN-M futures, and of Binance.US.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from orderbook.errors import SettingsError
from orderbook.market import Market
from orderbook.settings import Settings

SPOT_DEPTH_WEIGHTS: Final[Mapping[int, int]] = {100: 5, 500: 25, 1000: 50, 5000: 250}
FUTURES_DEPTH_WEIGHTS: Final[Mapping[int, int]] = {100: 5, 500: 10, 1000: 20}


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where one venue is: its name in every message, its WebSocket base and its REST base, without trailing slash.

    REST paths begin with `rest_prefix`.
    """

    venue: str
    websocket: str
    rest: str
    market: Market = "spot"
    rest_prefix: str = "/api/v3"

    @property
    def depth_weights(self) -> Mapping[int, int]:
        """Request weight of a depth request by its limit, for the limits we use."""
        return SPOT_DEPTH_WEIGHTS if self.market == "spot" else FUTURES_DEPTH_WEIGHTS

    @property
    def weight_a_minute(self) -> int:
        """Request weight an address has a minute where exchangeInfo does not say."""
        return 6000 if self.market == "spot" else 2400

    @property
    def listing_weight(self) -> int:
        """Request weight of exchangeInfo."""
        return 20 if self.market == "spot" else 1


BINANCE: Final = Endpoints("binance", "wss://data-stream.binance.vision", "https://data-api.binance.vision")
BINANCE_US: Final = Endpoints("binance_us", "wss://stream.binance.us:9443", "https://api.binance.us")
BINANCE_USDM: Final = Endpoints(
    "binance_usdm", "wss://fstream.binance.com", "https://fapi.binance.com", "usdm", "/fapi/v1"
)
BINANCE_COINM: Final = Endpoints(
    "binance_coinm", "wss://dstream.binance.com", "https://dapi.binance.com", "coinm", "/dapi/v1"
)


def endpoints_of(settings: Settings) -> Endpoints:
    """Return where the chosen feed is.

    Raises SettingsError for FEED=auto, which `venues.choose_feed` resolves first, and for recordings, which have no
    address.
    """
    match settings.feed:
        case "binance":
            return BINANCE
        case "binance_us":
            return BINANCE_US
        case "binance_usdm":
            return BINANCE_USDM
        case "binance_coinm":
            return BINANCE_COINM
        case "simulator":
            address = settings.simulator_address
            return Endpoints("simulator", f"ws://{address}", f"http://{address}")
        case _:
            raise SettingsError(f"FEED={settings.feed} has no exchange to connect to")
