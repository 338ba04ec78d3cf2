"""The live source against an exchange on a real port, with every arrival and every message kept."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import urllib3

from connectors.binance.arrivals import Arrival
from connectors.binance.endpoints import endpoints_of
from connectors.binance.line import LineRules
from connectors.binance.rest import RestClient
from connectors.binance.roster import starting
from connectors.binance.selection import needs_volumes, select
from connectors.binance.source import BinanceSource
from orderbook.messages import Book, FeedGap, Heartbeat, IngestMessage, Trade
from orderbook.settings import Settings
from runtime.roster import read_wanted

WITHIN_S = 60.0
M = TypeVar("M")


class Following:
    """The partitions of a source, driven by the test as a worker would drive them."""

    def __init__(self, settings: Settings, rules: LineRules) -> None:
        self.settings = settings
        self.arrivals: list[Arrival] = []
        self.messages: list[IngestMessage] = []
        endpoints = endpoints_of(settings)
        rest = RestClient(endpoints)
        listing = rest.listing()
        volumes = rest.quote_volumes() if needs_volumes(settings.symbols) else {}
        chosen = select(settings.symbols, listing, volumes)
        decision = starting(chosen, read_wanted(settings), listing)
        source = BinanceSource(
            endpoints, settings, listing, chosen, decision, recorder=self.arrivals.append, rules=rules
        )
        self.parts = [source.build_part("exchange", name, None) for name in source.list_parts()]

    def until(self, met: Callable[[], bool], within_s: float = WITHIN_S) -> None:
        """Drive until a condition is met; fails where it is not in time, and raises what the source raises."""
        end = time.monotonic() + within_s
        while True:
            made = [message for part in self.parts for message in part.next_batch()]
            self.messages += made
            if made and met():
                return
            assert time.monotonic() < end, f"not met; last arrivals {self.arrivals[-3:]}, messages {self.messages[-3:]}"
            if not made:
                time.sleep(0.005)

    def of(self, kind: type[M], symbol: str) -> list[M]:
        """All messages of a kind and a symbol."""
        return [
            message
            for message in self.messages
            if isinstance(message, kind) and isinstance(message, Book | Heartbeat | Trade | FeedGap)
            if message.symbol == symbol
        ]

    def came(self, kind: type[Arrival]) -> int:
        """How many arrivals of a kind there were."""
        return sum(isinstance(arrival, kind) for arrival in self.arrivals)

    def is_live(self, *symbols: str, books: int = 5) -> bool:
        """Whether the last sign of life of each symbol is live and it has had books."""
        return all(
            len(self.of(Book, symbol)) >= books and self.of(Heartbeat, symbol)[-1].state == "live" for symbol in symbols
        )

    def close(self) -> None:
        """End it."""
        for part in self.parts:
            part.close()


@contextmanager
def following(settings: Settings, rules: LineRules | None = None) -> Iterator[Following]:
    """A source that follows the exchange at the address of the settings, and is closed after the test."""
    one = Following(settings, rules or LineRules())
    try:
        yield one
    finally:
        one.close()


def fault(settings: Settings, **asked: Any) -> None:  # noqa: ANN401 - whatever a fault's field takes
    """Let the simulator do something wrong."""
    answer = urllib3.request("POST", f"http://{settings.simulator_address}/simulator/fault", json=asked)
    assert answer.status == 202, answer.data


def connections(settings: Settings) -> int:
    """How many WebSocket connections the simulator has."""
    answer = urllib3.request("GET", f"http://{settings.simulator_address}/simulator/market")
    return int(json.loads(answer.data)["connections"])
