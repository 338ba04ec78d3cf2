"""The shared recordings as records of topics raw and trades: made by the ingest's code, under symbols of their own."""

from __future__ import annotations

import msgspec

from orderbook.messages import Book, FeedGap, Heartbeat, Trade
from tests import played
from tests.recordings import BTC, ETH, USDM_BTC

RECORDED = {"BTCUSDT": BTC, "ETHUSDT": ETH, "BTCUSDC": USDM_BTC}
"""The symbol that each recording is given; both of spot BTC and USD-M BTC are called BTCUSDT."""


Message = Book | Heartbeat | FeedGap | Trade


def messages(symbol: str) -> list[Book | Heartbeat | FeedGap]:
    """Every record of one recording but its trades; skips the test where the recording is absent."""
    return [message for message in ingested(symbol, played.BEYOND_MS) if not isinstance(message, Trade)]


def ingested(symbol: str, beyond_ms: int) -> list[Message]:
    """Every message of one recording in its order; skips the test where the recording is absent."""
    return [
        msgspec.structs.replace(message, symbol=symbol)
        for message in played.messages(RECORDED[symbol], depth_levels=20, beyond_ms=beyond_ms)
        if isinstance(message, Book | Heartbeat | FeedGap | Trade) and message.symbol
    ]
