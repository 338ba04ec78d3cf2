"""The baseline: orjson, a sortedcontainers.SortedDict a side, and no checks but the order of the update ids."""

from __future__ import annotations

from itertools import islice

import orjson
from sortedcontainers import SortedDict  # type: ignore[import-untyped] # published without types

from benchmarks.peers.contending import LEVELS, Rest, serve


class Baseline:
    """Prices and quantities are floats."""

    def __init__(self, symbol: str, rest: Rest) -> None:
        self.refused = 0
        self._symbol = symbol
        snapshot = orjson.loads(rest.answer)
        self._last_update_id: int = snapshot["lastUpdateId"]
        self._bids = SortedDict((float(price), float(quantity)) for price, quantity in snapshot["bids"])
        self._asks = SortedDict((float(price), float(quantity)) for price, quantity in snapshot["asks"])

    def take(self, frame: bytes, receive_time_ms: int) -> bytes | None:
        """See Contender."""
        diff = orjson.loads(frame)["data"]
        if diff["u"] <= self._last_update_id:
            return None
        self._last_update_id = diff["u"]
        bids, asks = self._bids, self._asks
        for side, changes in ((bids, diff["b"]), (asks, diff["a"])):
            for price, quantity_text in changes:
                quantity = float(quantity_text)
                if quantity:
                    side[float(price)] = quantity
                else:
                    side.pop(float(price), None)
        bid_price = list(islice(reversed(bids), LEVELS))
        ask_price = list(islice(asks, LEVELS))
        return orjson.dumps(
            {
                "symbol": self._symbol,
                "event_time_ms": diff["E"],
                "receive_time_ms": receive_time_ms,
                "update_id": diff["u"],
                "bid_price": bid_price,
                "bid_qty": [bids[price] for price in bid_price],
                "ask_price": ask_price,
                "ask_qty": [asks[price] for price in ask_price],
            }
        )


if __name__ == "__main__":
    serve(Baseline)
