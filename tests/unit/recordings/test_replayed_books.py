"""The books of the shared recordings, compared with what the exchange itself said."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.recordings.files import summarise
from connectors.recordings.source import RecordingPartition, RecordingSource
from orderbook.messages import Book, IngestMessage, Trade
from tests.recordings import BTC, ETH, USDM_BTC, lines, recording


def opened(names: tuple[str, ...]) -> RecordingPartition:
    files = recording(names)
    source = RecordingSource(files, summarise(files), speed="max", depth_levels=20, watermark_delay_ms=500)
    [part] = source.list_parts()
    return source.build_part("test", part, None)


def played(partition: RecordingPartition) -> Iterator[IngestMessage]:
    while True:
        try:
            yield from partition.next_batch()
        except StopIteration:
            return


@pytest.mark.parametrize(
    ("names", "comparisons"), [(BTC, 1072), (ETH, 1056), (USDM_BTC, 629)], ids=["spot BTC", "spot ETH", "USD-M BTC"]
)
def test_every_diff_after_the_snapshot_is_a_book_with_the_exchange_s_best_quotes(
    names: tuple[str, ...], comparisons: int
) -> None:
    """The shared data's README gives the number of quotes that share an update id with a diff."""
    messages = list(played(opened(names)))
    books = [message for message in messages if isinstance(message, Book)]
    recorded = [message for _, message in lines(names)]
    [snapshot_id] = [message["lastUpdateId"] for message in recorded if "lastUpdateId" in message]
    data = [message["data"] for message in recorded if "data" in message]
    diffs = [one for one in data if one.get("e") == "depthUpdate"]
    if "pu" in diffs[0]:
        after = [one["u"] for one in diffs if one["u"] >= snapshot_id]
    else:
        after = [one["u"] for one in diffs if one["u"] > snapshot_id]
    assert [book.update_id for book in books] == after
    quotes = {
        one["u"]: tuple(float(one[name]) for name in ("b", "B", "a", "A")) for one in data if "B" in one and "A" in one
    }
    ours = {
        book.update_id: (book.bid_price[0], book.bid_qty[0], book.ask_price[0], book.ask_qty[0])
        for book in books
        if book.update_id in quotes
    }
    assert len(ours) == comparisons
    assert ours == {update_id: quotes[update_id] for update_id in ours}
    trades = [message for message in messages if isinstance(message, Trade)]
    assert [trade.trade_id for trade in trades] == [one["t"] for one in data if one.get("e") == "trade"]
