"""What a line of connections and symbols has come to: the state that a segment's header states."""

from __future__ import annotations

from connectors.binance.arrivals import (
    Arrival,
    Closed,
    Opened,
    OverlapBegan,
    OverlapEnded,
    SymbolsChanged,
)


class Followed:
    """How many connections of a part are up (0, 1, or 2 while they overlap), and which symbols it follows."""

    def __init__(self, symbols: tuple[str, ...], connections: int = 0) -> None:
        self.symbols = symbols
        self.connections = connections

    def take(self, arrival: Arrival) -> None:
        """Move on by one arrival; frames and snapshots change nothing."""
        match arrival:
            case Opened() | OverlapEnded():
                self.connections = 1
            case OverlapBegan():
                self.connections = 2
            case Closed():
                self.connections = 0
            case SymbolsChanged(_, added, removed):
                kept = tuple(symbol for symbol in self.symbols if symbol not in removed)
                self.symbols = (*kept, *(symbol for symbol in added if symbol not in kept))
            case _:
                pass
