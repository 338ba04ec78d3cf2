"""Every published book against the exchange's own ledger, at the same update id."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from connectors.simulator.digest import book_digest
from connectors.simulator.ledger import read_ledger
from orderbook.messages import Book, IngestMessage


def judged(messages: Iterable[IngestMessage], ledger: Path) -> tuple[int, list[tuple[str, int]]]:
    """How many live books were compared, and the symbol and update id of each that is not the exchange's own."""
    truth = read_ledger(ledger)
    books, wrong = 0, []
    for message in messages:
        if isinstance(message, Book) and message.state == "live":
            books += 1
            ours = book_digest(message.bid_price, message.bid_qty, message.ask_price, message.ask_qty)
            if truth.get((message.symbol, message.update_id)) != ours:
                wrong.append((message.symbol, message.update_id))
    return books, wrong
