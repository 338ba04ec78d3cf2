"""The exchange's own book of one symbol: price levels, the rules of limit, cancel and taking orders, update ids.

Quantities are kept a level, not an order: how a level splits into makers is only asked when a taker meets them.
Nothing here knows time or chance.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple


class Side(IntEnum):
    """A side of the book; the value is the sign that makes a better price a larger key."""

    BID = 1
    ASK = -1

    @property
    def other(self) -> Side:
        """The opposite side."""
        return Side.ASK if self is Side.BID else Side.BID


class Fill(NamedTuple):
    """One trade of a taker with one maker: the level's price in ticks, the quantity in lots."""

    price: int
    lots: int


class Touch(NamedTuple):
    """Best bid and ask: prices in ticks, quantities in lots."""

    bid: int
    bid_lots: int
    ask: int
    ask_lots: int


class Levels:
    """One side: quantity by price, and the prices in order with the best LAST."""

    __slots__ = ("changed", "keys", "lots", "side", "sign")

    def __init__(self, side: Side) -> None:
        self.side = side
        self.sign = int(side)
        self.lots: dict[int, int] = {}
        self.keys: list[int] = []
        """sign * price of every level, ascending: the best price is the last."""
        self.changed: dict[int, int] = {}
        """Prices whose quantity was set since `forget_changes`, and the lots they had then."""

    def put(self, price: int, lots: int) -> None:
        """Set the quantity at `price`; 0 removes the level."""
        key = self.sign * price
        before = self.lots.get(price, 0)
        if lots:
            if not before:
                insort(self.keys, key)
            self.lots[price] = lots
        else:
            del self.lots[price]
            del self.keys[bisect_left(self.keys, key)]
        if price not in self.changed:
            self.changed[price] = before

    def forget_changes(self) -> None:
        """Start `changed` anew; who holds the old one keeps it as it is."""
        self.changed = {}

    @property
    def best(self) -> int | None:
        """Best price in ticks; None where the side is empty."""
        return self.sign * self.keys[-1] if self.keys else None

    def until(self, limit: int) -> list[int]:
        """Prices no worse for a taker than `limit`, best first, the side's last level left out."""
        sign, keys, bound = self.sign, self.keys, self.sign * limit
        return [sign * key for key in keys[: max(0, bisect_left(keys, bound) - 1) : -1]]

    def top(self, count: int) -> list[tuple[int, int]]:
        """The best `count` levels as (price, lots), best first."""
        sign, lots = self.sign, self.lots
        prices = [sign * key for key in self.keys[: -count - 1 : -1]]
        return [(price, lots[price]) for price in prices]


class MatchingBook:
    """A limit order book that is never crossed and never negative, whatever orders it is given.

    Each change of a level's quantity takes the next update id.
    """

    __slots__ = ("asks", "bids", "update_id")

    def __init__(self, update_id: int) -> None:
        self.update_id = update_id
        self.bids = Levels(Side.BID)
        self.asks = Levels(Side.ASK)

    def levels(self, side: Side) -> Levels:
        """The levels of one side."""
        return self.bids if side is Side.BID else self.asks

    @property
    def touch(self) -> Touch | None:
        """Best bid and ask with their quantities; None where a side is empty."""
        bids, asks = self.bids, self.asks
        if not bids.keys or not asks.keys:
            return None
        bid, ask = bids.keys[-1], -asks.keys[-1]
        return Touch(bid, bids.lots[bid], ask, asks.lots[ask])

    def rest(self, side: Side, price: int, lots: int) -> None:
        """Add `lots` to the level at `price`.

        An order that would meet the other side is refused, as post-only orders are; so is one of no quantity or at a
        price below one tick.
        """
        opposite = self.levels(side.other)
        if lots <= 0 or price < 1 or (opposite.keys and side * price >= -opposite.keys[-1]):
            return
        levels = self.levels(side)
        self.update_id += 1
        levels.put(price, levels.lots.get(price, 0) + lots)

    def cancel(self, side: Side, price: int, lots: int) -> None:
        """Take up to `lots` off the level at `price`; nothing happens where there is none."""
        levels = self.levels(side)
        resting = levels.lots.get(price, 0)
        if not resting or lots <= 0:
            return
        self.update_id += 1
        levels.put(price, max(0, resting - lots))

    def take(self, side: Side, limit: int, lots: int, maker_lots: Callable[[], int]) -> list[Fill]:
        """Trade a taker of `side` (BID buys) up to price `limit`; what is left of it expires.

        `maker_lots` says how large the next maker in the queue is, in lots. Each fill takes one update id. The fills
        come in the order of the trades, best price first.
        """
        opposite = self.levels(side.other)
        fills: list[Fill] = []
        while lots > 0 and opposite.keys:
            price = opposite.sign * opposite.keys[-1]
            if side * price > side * limit:
                break
            resting = opposite.lots[price]
            while lots > 0 and resting > 0:
                filled = min(max(1, maker_lots()), lots, resting)
                lots -= filled
                resting -= filled
                self.update_id += 1
                fills.append(Fill(price, filled))
            opposite.put(price, resting)
        return fills
