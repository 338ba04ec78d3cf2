"""Who follows which symbol: the assignment of symbols to connections, and its change while they run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from connectors.binance.selection import Listing, why_unknown
from connectors.binance.streams import MOST_SYMBOLS
from orderbook.errors import OrderbookError
from orderbook.settings import Settings
from runtime.logs import get_logger
from runtime.roster import Roster, WantedSymbols, read_wanted, write_roster

PLANNED_SYMBOLS: Final = 200
"""Symbols a connection starts with at most; the rest of its streams is room for those that are added."""
LOOK_EVERY_S: Final = 1.0

log = get_logger("binance_roster")

Assignment = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Decision:
    """Which connection follows what, and what was refused, with the reason."""

    assignment: Assignment
    refused: Mapping[str, str]

    @property
    def symbols(self) -> tuple[str, ...]:
        """All symbols that are followed."""
        return tuple(symbol for part in self.assignment.values() for symbol in part)


def planned(symbols: Sequence[str]) -> Assignment:
    """Spread the symbols evenly over as few connections as they need, at least one."""
    connections = max(1, -(-len(symbols) // PLANNED_SYMBOLS))
    size = -(-len(symbols) // connections)
    return {
        f"connection-{number:03}": tuple(symbols[number * size : (number + 1) * size]) for number in range(connections)
    }


def starting(chosen: Sequence[str], wanted: WantedSymbols, listing: Listing) -> Decision:
    """Decide what to follow from the start: what was chosen, and the changes that were asked for before."""
    asked = wanted.applied_to(tuple(chosen))
    decision = decided({"": tuple(chosen)}, asked, listing, most=len(chosen) + len(asked))
    return Decision(planned(decision.symbols), decision.refused)


def decided(now: Assignment, wanted: Sequence[str], listing: Listing, most: int = MOST_SYMBOLS) -> Decision:
    """Change an assignment so that it follows what is wanted; symbols that stay keep their connection.

    Each new symbol goes to the connection with the fewest. Refused are symbols that are not trading, those for which
    there is no room (`most` a connection), and the removal of the last symbol.
    """
    trading = listing.trading
    followed = {symbol for part in now.values() for symbol in part}
    refused: dict[str, str] = {}
    kept = set(wanted)
    parts = {name: [symbol for symbol in part if symbol in kept] for name, part in now.items()}
    for symbol in wanted:
        if symbol in followed:
            continue
        name = min(parts, key=lambda each: len(parts[each]))
        if symbol not in trading:
            refused[symbol] = f"{listing.venue} does not trade {why_unknown(symbol, listing)}"
        elif len(parts[name]) >= most:
            refused[symbol] = f"every connection has {most} symbols: restart the ingest, or remove other symbols"
        else:
            parts[name].append(symbol)
    if not any(parts.values()):
        last = dict.fromkeys(sorted(followed), "no symbol would be left: add another one first")
        return Decision(now, {**refused, **last})
    return Decision({name: tuple(part) for name, part in parts.items()}, refused)


class RosterKeeper:
    """A thread that looks for changes somebody asked for and lets the connections follow them.

    `connections` by the names of the assignment; `listing` asks the exchange what it trades. The symbols in force are
    written at the start and after each change. What cannot be read or asked is tried again a second later.
    """

    def __init__(
        self,
        settings: Settings,
        chosen: tuple[str, ...],
        decision: Decision,
        connections: Mapping[str, Callable[[tuple[str, ...]], None]],
        listing: Callable[[], Listing],
    ) -> None:
        self._settings = settings
        self._chosen = chosen
        self._decision = decision
        self._connections = connections
        self._listing = listing
        self._wanted = read_wanted(settings)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="binance-roster", daemon=True)

    def start(self) -> None:
        """Write the symbols in force and begin to look."""
        self._write()
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()

    def look(self) -> None:
        """Follow what is asked for, if that has changed; raises OrderbookError where the exchange cannot be asked."""
        wanted = read_wanted(self._settings)
        if wanted == self._wanted:
            return
        before = self._decision
        decision = decided(before.assignment, wanted.applied_to(self._chosen), self._listing())
        for name, symbols in decision.assignment.items():
            if symbols != before.assignment[name]:
                log.info("symbols_changed", connection=name, symbols=len(symbols))
                self._connections[name](symbols)
        for symbol, reason in decision.refused.items():
            log.warning("symbol_refused", symbol=symbol, reason=reason)
        self._decision, self._wanted = decision, wanted
        self._write()

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_EVERY_S):
            try:
                self.look()
            except OrderbookError as failed:
                log.warning("symbols_not_changed", reason=str(failed))

    def _write(self) -> None:
        roster = Roster(
            tokens=self._settings.symbols, symbols=self._decision.symbols, refused=dict(self._decision.refused)
        )
        try:
            write_roster(self._settings, roster)
        except OSError as refused:
            log.warning("roster_not_written", state_dir=str(self._settings.state_dir), reason=str(refused))
