"""The shared recordings as records of topic raw: rebuilt by the ingest's own code, under symbols of their own."""

from __future__ import annotations

import msgspec

from connectors.recordings.files import summarise
from connectors.recordings.playing import Player
from connectors.recordings.source import RecordingPartition
from orderbook.messages import Book, FeedGap, Heartbeat
from tests.recordings import BTC, ETH, USDM_BTC, recording

RECORDED = {"BTCUSDT": BTC, "ETHUSDT": ETH, "BTCUSDC": USDM_BTC}
"""The symbol that each recording is given; both of spot BTC and USD-M BTC are called BTCUSDT."""


def messages(symbol: str) -> list[Book | Heartbeat | FeedGap]:
    """Every record of one recording; skips the test where the recording is absent."""
    files = recording(RECORDED[symbol])
    summary = summarise(files)
    player = Player(summary, depth_levels=20, covered=False)
    partition = RecordingPartition(files, player, "max", 1501, None)
    found: list[Book | Heartbeat | FeedGap] = []
    while True:
        try:
            batch = partition.next_batch()
        except StopIteration:
            return found
        found += [
            msgspec.structs.replace(message, symbol=symbol)
            for message in batch
            if isinstance(message, Book | Heartbeat | FeedGap) and message.symbol
        ]
