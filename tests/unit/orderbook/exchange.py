"""An exchange of Decimal dicts: what a book must be, computed without any code of the product."""

from __future__ import annotations

from decimal import Decimal

from orderbook.market import BestQuote, DepthDiff, Level, Market, Snapshot

Changes = list[tuple[int, int]]
"""(price in ticks, quantity in lots; 0 removes)."""

TICK = Decimal("0.1")
LOT = Decimal("0.001")


class NaiveExchange:
    """Keeps both sides whole, remembers the books of every update id, and never crosses: asks lie above all bids."""

    def __init__(self, market: Market = "spot") -> None:
        self.market = market
        self.update_id = 1000
        self.bids = {Decimal(1): Decimal(1)}
        self.asks = {Decimal(1000): Decimal(1)}
        self.books: dict[int, tuple[list[Level], list[Level]]] = {}
        self._remember()

    def step(self, bid_changes: Changes, ask_changes: Changes, updates: int, time_ms: int) -> DepthDiff:
        """Change the book by one diff that covers `updates` ids; futures skip some ids before it."""
        previous = self.update_id
        first = previous + (1 if self.market == "spot" else 3)
        self.update_id = first + updates - 1
        bids = {Decimal(100) - price * TICK: quantity * LOT for price, quantity in bid_changes}
        asks = {Decimal(101) + price * TICK: quantity * LOT for price, quantity in ask_changes}
        for side, changes in ((self.bids, bids), (self.asks, asks)):
            side.update(changes)
            for price in [price for price, quantity in side.items() if not quantity]:
                del side[price]
        self._remember()
        return DepthDiff(
            event_time_ms=time_ms,
            symbol="BTCUSDT",
            first_update_id=first,
            final_update_id=self.update_id,
            previous_update_id=None if self.market == "spot" else previous,
            bids=[(float(price), float(quantity)) for price, quantity in bids.items()],
            asks=[(float(price), float(quantity)) for price, quantity in asks.items()],
        )

    def snapshot(self, limit: int) -> Snapshot:
        """The book now, `limit` levels a side."""
        bids, asks = self.books[self.update_id]
        return Snapshot(last_update_id=self.update_id, bids=bids[:limit], asks=asks[:limit], limit=limit)

    def quote(self) -> BestQuote:
        """The touch now."""
        bids, asks = self.books[self.update_id]
        return BestQuote(
            update_id=self.update_id,
            symbol="BTCUSDT",
            bid_price=bids[0][0],
            bid_qty=bids[0][1],
            ask_price=asks[0][0],
            ask_qty=asks[0][1],
        )

    def _remember(self) -> None:
        self.books[self.update_id] = (
            [(float(price), float(self.bids[price])) for price in sorted(self.bids, reverse=True)],
            [(float(price), float(self.asks[price])) for price in sorted(self.asks)],
        )
