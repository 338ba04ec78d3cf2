"""The exchanges this room can talk to, and which one FEED=auto takes.

Addresses: Binance public API documentation, general information; Binance.US API documentation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from connectors.binance.rest import RestClient
from orderbook.errors import OrderbookError, SettingsError
from orderbook.settings import Feed, Settings


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where one venue is: its name in every message, its WebSocket base and its REST base, without trailing slash."""

    venue: str
    websocket: str
    rest: str


BINANCE: Final = Endpoints("binance", "wss://data-stream.binance.vision", "https://data-api.binance.vision")
BINANCE_US: Final = Endpoints("binance_us", "wss://stream.binance.us:9443", "https://api.binance.us")


@dataclass(frozen=True, slots=True)
class FeedChoice:
    """The feed that is used, and why, in words for a person."""

    feed: Feed
    why: str


def endpoints_of(settings: Settings) -> Endpoints:
    """Return where the chosen feed is.

    Raises SettingsError for FEED=auto, which `choose_feed` resolves first, and for recordings, which have no address.
    """
    match settings.feed:
        case "binance":
            return BINANCE
        case "binance_us":
            return BINANCE_US
        case "simulator":
            address = settings.simulator_address
            return Endpoints("simulator", f"ws://{address}", f"http://{address}")
        case _:
            raise SettingsError(f"FEED={settings.feed} has no exchange to connect to")


def choose_feed(feed: Feed, serves: Callable[[Endpoints], None] | None = None) -> FeedChoice:
    """Resolve FEED=auto: Binance, else Binance.US, else the simulator; any other feed is taken as it is.

    `serves` raises an OrderbookError when an exchange does not answer; by default it asks for the exchange's time.
    """
    if feed != "auto":
        return FeedChoice(feed, f"FEED={feed} is set")
    refusals: list[str] = []
    for endpoints in (BINANCE, BINANCE_US):
        try:
            (serves or _answers)(endpoints)
        except OrderbookError as refused:
            refusals.append(str(refused))
        else:
            name: Feed = "binance" if endpoints is BINANCE else "binance_us"
            return FeedChoice(name, "; ".join([*refusals, f"{name} answers"]))
    return FeedChoice("simulator", "; ".join(refusals))


def _answers(endpoints: Endpoints) -> None:
    RestClient(endpoints.rest, connect_timeout_s=3.0, attempts=1).server_time_ms()
