"""What happened to a symbol between two of its published books: level updates and trades, in the order received."""

from __future__ import annotations

from math import inf

from orderbook.market import Execution


class Activity:
    """The counts since the last book. Quantities are in base currency, by the side that took liquidity.

    `highest_bought` and `lowest_sold` are how far takers of each side reached; 0 and infinity where there were none.
    """

    __slots__ = ("buy_qty", "highest_bought", "level_updates", "lowest_sold", "sell_qty", "trades")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew: what came before does not belong to the next book."""
        self.level_updates = 0
        self.trades = 0
        self.buy_qty = 0.0
        self.sell_qty = 0.0
        self.highest_bought = 0.0
        self.lowest_sold = inf

    def traded(self, execution: Execution) -> None:
        """Count one trade."""
        self.trades += 1
        if execution.buyer_is_maker:
            self.sell_qty += execution.quantity
            self.lowest_sold = min(self.lowest_sold, execution.price)
        else:
            self.buy_qty += execution.quantity
            self.highest_bought = max(self.highest_bought, execution.price)

    def taken(self) -> tuple[int, int, float, float]:
        """Return level updates, trades, quantity bought and quantity sold, and begin anew."""
        counted = self.level_updates, self.trades, self.buy_qty, self.sell_qty
        self.level_updates = 0
        if self.trades:
            self.trades, self.buy_qty, self.sell_qty = 0, 0.0, 0.0
            self.highest_bought, self.lowest_sold = 0.0, inf
        return counted
