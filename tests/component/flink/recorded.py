"""The shared recordings as records of topics raw and trades: made by the ingest's code, under symbols of their own."""

from __future__ import annotations

import msgspec

from connectors.recordings.files import summarise
from connectors.recordings.playing import Player
from connectors.recordings.source import RecordingPartition
from orderbook.messages import Book, FeedGap, Heartbeat, Trade
from tests.recordings import BTC, ETH, USDM_BTC, recording

RECORDED = {"BTCUSDT": BTC, "ETHUSDT": ETH, "BTCUSDC": USDM_BTC}
"""The symbol that each recording is given; both of spot BTC and USD-M BTC are called BTCUSDT."""


Message = Book | Heartbeat | FeedGap | Trade

BEYOND_MS = 1501
"""How far beyond its newest event the heartbeats at a recording's end are: its last seconds close."""


def messages(symbol: str) -> list[Book | Heartbeat | FeedGap]:
    """Every record of one recording but its trades; skips the test where the recording is absent."""
    return [message for message in ingested(symbol, BEYOND_MS) if not isinstance(message, Trade)]


def ingested(symbol: str, beyond_ms: int) -> list[Message]:
    """Every message of one recording in its order; skips the test where the recording is absent."""
    files = recording(RECORDED[symbol])
    player = Player(summarise(files), depth_levels=20, covered=False)
    partition = RecordingPartition(files, player, "max", beyond_ms, None)
    found: list[Message] = []
    while True:
        try:
            batch = partition.next_batch()
        except StopIteration:
            return found
        found += [
            msgspec.structs.replace(message, symbol=symbol)
            for message in batch
            if isinstance(message, Book | Heartbeat | FeedGap | Trade) and message.symbol
        ]
