"""A made-up market as a COIN-M or spot recording: a small generator with books of its own, in whole ticks."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import Any

RECEIVED_AFTER_MS = 7
STEP_MS = 100
BEGAN_MS = 1_700_000_000_000


@dataclass
class SyntheticMarket:
    """Random diffs, best quotes and snapshots. Update ids have holes between diffs in futures, as they really do."""

    futures: bool
    seed: int = 1
    symbol: str = "BTCUSD_PERP"
    bids: dict[int, int] = field(default_factory=lambda: {1000 - rank: 5 + rank for rank in range(30)})
    asks: dict[int, int] = field(default_factory=lambda: {1001 + rank: 5 + rank for rank in range(30)})
    update_id: int = 5000
    now_ms: int = BEGAN_MS

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - a made market, no secret
        self._next_first = self.update_id + 1

    def diff(self) -> dict[str, Any]:
        """The next diff; the touch moves at times and never crosses."""
        self.now_ms += STEP_MS
        changed: tuple[dict[int, int], dict[int, int]] = ({}, {})
        for _ in range(self._random.randint(1, 8)):
            side = self._random.randrange(2)
            levels, sign = ((self.bids, -1), (self.asks, 1))[side]
            touch = max(self.bids) if side == 0 else min(self.asks)
            other = min(self.asks) if side == 0 else max(self.bids)
            price = touch + sign * self._random.randint(-1, 20)
            if (price - other) * sign <= 0:
                continue
            quantity = self._random.randint(1, 90)
            if price in levels and len(levels) > 25 and self._random.random() < 0.5:
                quantity = 0
                del levels[price]
            else:
                levels[price] = quantity
            changed[side][price] = quantity
        previous, first = self.update_id, self._next_first
        self.update_id = first + self._random.randint(0, 6)
        self._next_first = self.update_id + (self._random.randint(1, 50) if self.futures else 1)
        data = {"e": "depthUpdate", "E": self.now_ms, "s": self.symbol, "U": first, "u": self.update_id}
        if self.futures:
            data |= {"T": self.now_ms - 3, "ps": "BTCUSD", "pu": previous}
        data |= {"b": self._levels(changed[0]), "a": self._levels(changed[1])}
        return self._frame("depth@100ms", data)

    def quote(self) -> dict[str, Any]:
        """The best quote after the last diff."""
        bid, ask = max(self.bids), min(self.asks)
        [[bid_price, bid_qty]], [[ask_price, ask_qty]] = (
            self._levels({bid: self.bids[bid]}),
            self._levels({ask: self.asks[ask]}),
        )
        data = {"u": self.update_id, "s": self.symbol, "b": bid_price, "B": bid_qty, "a": ask_price, "A": ask_qty}
        if self.futures:
            data |= {"e": "bookTicker", "ps": "BTCUSD", "T": self.now_ms, "E": self.now_ms}
        return self._frame("bookTicker", data)

    def snapshot(self) -> dict[str, Any]:
        """The body of a REST answer at the last diff, all levels."""
        body: dict[str, Any] = {"lastUpdateId": self.update_id}
        if self.futures:
            body |= {"E": self.now_ms, "T": self.now_ms, "symbol": self.symbol, "pair": "BTCUSD"}
        return body | {
            "bids": self._levels(dict(sorted(self.bids.items(), reverse=True))),
            "asks": self._levels(dict(sorted(self.asks.items()))),
        }

    def line(self, message: dict[str, Any]) -> str:
        """A line as it would have been recorded."""
        return f"{(self.now_ms + RECEIVED_AFTER_MS) * 1_000_000} {json.dumps(message, separators=(',', ':'))}\n"

    def recording(self, diffs: int, *, without: int | None = None, snapshots: tuple[int, ...] = (3,)) -> list[str]:
        """Lines: each diff but `without` and its quote, and a snapshot after each of the diffs named."""
        lines: list[str] = []
        for number in range(diffs):
            diff = self.line(self.diff())
            if number != without:
                lines.append(diff)
            lines.append(self.line(self.quote()))
            if number in snapshots:
                lines.append(self.line(self.snapshot()))
        return lines

    def _frame(self, stream: str, data: dict[str, Any]) -> dict[str, Any]:
        return {"stream": f"{self.symbol.lower()}@{stream}", "data": data}

    @staticmethod
    def _levels(levels: dict[int, int]) -> list[list[str]]:
        return [[f"{price / 10:.1f}", str(quantity)] for price, quantity in levels.items()]
