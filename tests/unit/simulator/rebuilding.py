"""A local book kept as Binance's documentation says, from the exchange's bytes, with exact decimals.

Written without any code of the product, to be the oracle of what the simulator sends.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

Levels = dict[Decimal, Decimal]
Best = tuple[Decimal, Decimal, Decimal, Decimal]


@dataclass
class RebuiltBook:
    """Bids and asks after the diff whose final id is `update_id`; `bridged`: a diff has met the snapshot."""

    bids: Levels = field(default_factory=dict)
    asks: Levels = field(default_factory=dict)
    update_id: int = 0
    bridged: bool = False

    @classmethod
    def of_snapshot(cls, body: bytes) -> RebuiltBook:
        snapshot = json.loads(body)
        book = cls(update_id=snapshot["lastUpdateId"])
        for levels, key in ((book.bids, "bids"), (book.asks, "asks")):
            for price, quantity in snapshot[key]:
                assert Decimal(price) not in levels
                levels[Decimal(price)] = Decimal(quantity)
        return book

    def apply(self, diff: dict[str, Any]) -> bool:
        """Apply one diff by Binance's rules; False where it is older than the book. A gap is an AssertionError."""
        first, last = diff["U"], diff["u"]
        assert first <= last
        if last <= self.update_id:
            assert not self.bridged, f"diff {first}..{last} comes again after {self.update_id}"
            return False
        if self.bridged:
            assert first == self.update_id + 1, f"gap: {self.update_id} is followed by {first}"
        else:
            assert first <= self.update_id + 1 <= last, f"snapshot {self.update_id} is not met by {first}..{last}"
            self.bridged = True
        for levels, key in ((self.bids, "b"), (self.asks, "a")):
            for price_text, quantity_text in diff[key]:
                price, quantity = Decimal(price_text), Decimal(quantity_text)
                assert quantity >= 0
                if quantity:
                    levels[price] = quantity
                else:
                    levels.pop(price, None)
        self.update_id = last
        return True

    @property
    def best(self) -> Best:
        """Best bid, its quantity, best ask, its quantity."""
        bid, ask = max(self.bids), min(self.asks)
        return bid, self.bids[bid], ask, self.asks[ask]


def quoted(ticker: dict[str, Any]) -> Best:
    """What a bookTicker says."""
    return Decimal(ticker["b"]), Decimal(ticker["B"]), Decimal(ticker["a"]), Decimal(ticker["A"])
