"""What happened to a symbol between two of its published books: level updates and trades, in the order received."""

from __future__ import annotations

from orderbook.market import Execution


class Activity:
    """The counts since the last book. Quantities are in base currency, by the side that took liquidity."""

    __slots__ = ("buy_qty", "level_updates", "sell_qty", "trades")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew: what came before does not belong to the next book."""
        self.level_updates = 0
        self.trades = 0
        self.buy_qty = 0.0
        self.sell_qty = 0.0

    def traded(self, execution: Execution) -> None:
        """Count one trade."""
        self.trades += 1
        if execution.buyer_is_maker:
            self.sell_qty += execution.quantity
        else:
            self.buy_qty += execution.quantity

    def taken(self) -> tuple[int, int, float, float]:
        """Return level updates, trades, quantity bought and quantity sold, and begin anew."""
        counted = self.level_updates, self.trades, self.buy_qty, self.sell_qty
        self.level_updates = 0
        if self.trades:
            self.trades, self.buy_qty, self.sell_qty = 0, 0.0, 0.0
        return counted
