"""Which exchange FEED=auto takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from connectors.binance.endpoints import BINANCE, BINANCE_US, Endpoints
from connectors.binance.rest import RestClient
from orderbook.errors import OrderbookError
from orderbook.settings import Feed


@dataclass(frozen=True, slots=True)
class FeedChoice:
    """The feed that is used, and why, in words for a person."""

    feed: Feed
    why: str


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
    RestClient(endpoints, connect_timeout_s=3.0, attempts=1).server_time_ms()
