"""The exchange's best quotes as the judge of a book: at equal update ids both must say the same.

Quotes and books come in any order, so each side waits for the other. A quote may skip an update and a book may lack a
quote: only equal ids are compared.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

from orderbook.market import BestQuote

REMEMBERED: Final = 256
"""Quotes, and best levels of past books, kept until the other side of the comparison arrives."""

BestLevels = tuple[float, float, float, float]
"""Bid price, bid quantity, ask price, ask quantity."""


class QuoteOracle:
    """Compares, and counts. `judge` and `quote` return False for a mismatch, True for a match or nothing to compare."""

    __slots__ = ("_bests", "_compared_id", "_quotes", "checks", "mismatches")

    def __init__(self) -> None:
        self.checks = 0
        self.mismatches = 0
        self._quotes: dict[int, BestLevels] = {}
        self._bests: dict[int, BestLevels] = {}
        self._compared_id: int | None = None

    def judge(self, update_id: int, best: BestLevels) -> bool:
        """Take the best levels of our book after an update."""
        if self._quotes:
            quote = self._quotes.pop(update_id, None)
            if quote is not None:
                return self._compare(update_id, quote, best)
        bests = self._bests
        bests[update_id] = best
        if len(bests) > 2 * REMEMBERED:  # half of them at once: this is called for every update
            for old in list(islice(bests, REMEMBERED)):
                del bests[old]
        return True

    def quote(self, quote: BestQuote, last_update_id: int | None) -> bool:
        """Take the exchange's quote; `last_update_id` is our book's, so that older quotes are not kept."""
        update_id = quote.update_id
        best = self._bests.pop(update_id, None)
        levels = (quote.bid_price, quote.bid_qty, quote.ask_price, quote.ask_qty)
        if best is not None:
            return self._compare(update_id, levels, best)
        if (last_update_id is None or update_id > last_update_id) and update_id != self._compared_id:
            quotes = self._quotes
            quotes[update_id] = levels
            if len(quotes) > REMEMBERED:
                del quotes[next(iter(quotes))]
        return True

    def forget(self) -> None:
        """Forget what waits: the book begins anew."""
        self._quotes.clear()
        self._bests.clear()

    def _compare(self, update_id: int, quote: BestLevels, best: BestLevels) -> bool:
        self._compared_id = update_id
        self.checks += 1
        if quote == best:
            return True
        self.mismatches += 1
        return False
