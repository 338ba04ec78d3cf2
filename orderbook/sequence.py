"""Binance's sequence rules: which diffs a snapshot has already, which one continues it, and what is a gap.

Source: Binance public API documentation, "How to manage a local order book correctly", for Spot, USD-M and COIN-M
futures. The two futures markets have the same rules.
"""

from __future__ import annotations

from dataclasses import dataclass

from orderbook.market import DepthDiff, Market


@dataclass(frozen=True, slots=True)
class SequenceRules:
    """The rules of one kind of market. L is the `last_update_id` of the snapshot."""

    market: Market

    def known_to_snapshot(self, diff: DepthDiff, last_update_id: int) -> bool:
        """True for a diff that the snapshot holds already: spot u <= L, futures u < L."""
        if self.market != "spot":
            return diff.final_update_id < last_update_id
        return diff.final_update_id <= last_update_id

    def continues_snapshot(self, diff: DepthDiff, last_update_id: int) -> bool:
        """True for the first diff to apply: spot U <= L+1 <= u, futures U <= L <= u, or pu = L."""
        if self.market == "spot":
            return diff.first_update_id <= last_update_id + 1 <= diff.final_update_id
        return (
            diff.first_update_id <= last_update_id <= diff.final_update_id or diff.previous_update_id == last_update_id
        )

    def continues_diff(self, diff: DepthDiff, final_update_id: int) -> bool:
        """True when no update lies between the diff and the one before: spot U = u+1, futures pu = u."""
        if self.market != "spot":
            return diff.previous_update_id == final_update_id
        return diff.first_update_id == final_update_id + 1

    def follows_id(self, diff: DepthDiff) -> int:
        """Return the update id that the diff says to come after: spot U-1, futures pu."""
        if self.market != "spot" and diff.previous_update_id is not None:
            return diff.previous_update_id
        return diff.first_update_id - 1
