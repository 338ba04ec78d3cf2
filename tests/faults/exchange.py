"""The simulated exchange as a process, a consumer of it, and what a fault did between them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import urllib3

from orderbook.messages import Book, DeadLetter, FeedGap, Heartbeat, Trade
from orderbook.settings import Settings
from tests.faults.consumer import Consumer, Made
from tests.faults.outcomes import Outcome
from tests.processes import eventually

LEAST_PAUSE_MS: Final = 500
"""Five symbols of the simulator have an event each few milliseconds: one that says nothing for so long stands still."""


@dataclass(frozen=True, slots=True)
class Injected:
    """A fault: its name in the table, the moment, and where the consumer's messages stood then."""

    name: str
    at_s: float
    position: int


@dataclass(frozen=True, slots=True)
class Away:
    """A stretch in which a symbol was not live: its causes in order, and its two moments, seconds after the fault."""

    causes: tuple[str, ...]
    states: tuple[str, ...]
    noticed_s: float
    recovered_s: float


class Exchange:
    """A simulator and a consumer that listens to it."""

    def __init__(self, settings: Settings, consumer: Consumer, outcomes: list[Outcome]) -> None:
        self.settings = settings
        self.consumer = consumer
        self.outcomes = outcomes

    @property
    def symbols(self) -> tuple[str, ...]:
        return self.consumer.symbols

    def settled(self, books: int = 3) -> None:
        """Wait until every symbol has made so many live books from now on."""
        position = len(self.consumer.made)

        def live() -> bool | None:
            self._check()
            counts = dict.fromkeys(self.symbols, 0)
            for _, message in self.consumer.since(position):
                if isinstance(message, Book) and message.state == "live":
                    counts[message.symbol] += 1
                elif isinstance(message, Heartbeat | FeedGap) and message.symbol in counts:
                    counts[message.symbol] *= not isinstance(message, Heartbeat) or message.state == "live"
            return True if counts and all(count >= books for count in counts.values()) else None

        eventually(live, 60.0)

    def inject(self, **fault: Any) -> Injected:  # noqa: ANN401 - the fields of a fault
        """Let something go wrong."""
        name = " ".join(
            [str(fault["kind"]), *(f"{key}={value}" for key, value in fault.items() if key not in {"kind", "symbol"})]
        )
        injected = Injected(name, time.monotonic(), len(self.consumer.made))
        answer = urllib3.request("POST", f"http://{self.settings.simulator_address}/simulator/fault", json=fault)
        assert answer.status == 202, answer.data
        return injected

    def too_long_s(self, *symbols: str) -> float:
        """A silence that each of the symbols takes for one, at the pace it has now; seconds."""
        newest = [self.consumer.newest(symbol) for symbol in symbols]
        return max((beat.stale_after_ms or 0) / 1000 for beat in newest if beat is not None) + 2.0

    def away(self, symbol: str, fault: Injected, within_s: float = 45.0) -> Away:
        """Wait until the symbol has left live after the fault and is back, and return the stretch."""
        return eventually(lambda: self._away(symbol, fault), within_s)

    def stays_live(self, symbols: Iterable[str], fault: Injected) -> None:
        """Fail where one of the symbols has left live since the fault.

        But for a silence of the exchange itself: the times of its own events show whether it paused, as it does where
        this machine stands still. A silence while it went on is the consumer's doing, and fails.
        """
        wanted = set(symbols)
        made = [message for _, message in self.consumer.since(fault.position)]
        events_ms = sorted(message.event_time_ms for message in made if isinstance(message, Book | Trade))
        pauses = [(a, b) for a, b in pairwise(events_ms) if b - a >= LEAST_PAUSE_MS]
        left: list[tuple[str, str, str | None, str | None]] = []
        excused: set[str] = set()
        for message in made:
            if not isinstance(message, Heartbeat) or message.symbol not in wanted:
                continue
            if message.state == "live":
                excused.discard(message.symbol)
            elif message.cause == "silent" and any(a <= message.event_time_ms <= b for a, b in pauses):
                excused.add(message.symbol)
            elif message.cause != "stale" or message.symbol not in excused:
                left.append((message.symbol, message.state, message.cause, message.reason))
        assert left == [], f"left live: {left}"

    def books_follow(self, symbols: Iterable[str], fault: Injected, books: int = 10) -> None:
        """Wait until each of the symbols has published so many live books since the fault."""
        wanted = set(symbols)

        def enough() -> bool | None:
            self._check()
            counts = dict.fromkeys(wanted, 0)
            for _, message in self.consumer.since(fault.position):
                if isinstance(message, Book) and message.symbol in wanted and message.state == "live":
                    counts[message.symbol] += 1
            return True if all(count >= books for count in counts.values()) else None

        eventually(enough, 60.0)

    def everything_once(self, fault: Injected) -> None:
        """Fail where a trade or an update since the fault is missing or came twice."""
        for symbol in self.symbols:
            messages = [m for _, m in self.consumer.since(fault.position) if getattr(m, "symbol", None) == symbol]
            trades = sorted(message.trade_id for message in messages if isinstance(message, Trade))
            assert trades
            assert trades == list(range(trades[0], trades[-1] + 1))
            updates = [message.update_id for message in messages if isinstance(message, Book)]
            assert updates == sorted(set(updates))

    def connections(self) -> int:
        """How many connections the exchange has now."""
        answer = urllib3.request("GET", f"http://{self.settings.simulator_address}/simulator/market")
        return int(answer.json()["connections"])

    def connections_become(self, number: int) -> None:
        """Wait until the exchange has so many connections."""
        eventually(lambda: True if self.connections() == number else None, 45.0)

    def dead_letters(self, fault: Injected) -> list[DeadLetter]:
        """What could not be read since the fault."""
        return [m for _, m in self.consumer.since(fault.position) if isinstance(m, DeadLetter)]

    def tell(self, fault: Injected, away: Away | None, others: str = "live") -> None:
        """Keep the fault's outcome for the table; `away` None: no symbol left live, which the test has looked at."""
        told = "live throughout"
        if away is not None:
            told = ", then ".join(f"{state} ({cause})" for state, cause in zip(away.states, away.causes, strict=True))
        self.outcomes.append(
            Outcome(
                fault.name,
                told,
                None if away is None else away.noticed_s,
                None if away is None else away.recovered_s,
                others,
            )
        )

    def _away(self, symbol: str, fault: Injected) -> Away | None:
        self._check()
        left: list[Made] = []
        for made in self.consumer.since(fault.position):
            message = made.message
            if not isinstance(message, Heartbeat) or message.symbol != symbol:
                continue
            if message.state != "live":
                left.append(made)
            elif left:
                beats = [one.message for one in left if isinstance(one.message, Heartbeat)]
                changes = list(dict.fromkeys((beat.state, str(beat.cause)) for beat in beats))
                return Away(
                    causes=tuple(cause for _, cause in changes),
                    states=tuple(state for state, _ in changes),
                    noticed_s=left[0].at_s - fault.at_s,
                    recovered_s=made.at_s - fault.at_s,
                )
        return None

    def _check(self) -> None:
        if self.consumer.failed is not None:
            raise self.consumer.failed
