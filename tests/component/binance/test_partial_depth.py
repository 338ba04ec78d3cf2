"""DEPTH_STREAM=depth20 over real sockets: whole books of few levels, never live, and no snapshot asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
import urllib3

from orderbook.messages import Book, Heartbeat
from orderbook.settings import Settings
from tests.faults.consumer import Consumer
from tests.processes import eventually, running
from tests.servers import free_port

pytestmark = pytest.mark.component


def test_partial_books_are_unverified_and_compared_with_the_best_quotes(tmp_path: Path) -> None:
    settings = Settings(
        symbols=("BTCUSDT", "ETHUSDT"),
        feed="simulator",
        depth_stream="depth20",
        simulator_port=free_port(),
        state_dir=tmp_path / "state",
    )
    consumer = Consumer(settings)
    with running(settings, ["connectors.simulator"], tmp_path), consumer.running():
        beats = eventually(lambda: enough(consumer), 40.0)
        weight = urllib3.request("GET", f"http://{settings.simulator_address}/simulator/market").json()
    assert consumer.failed is None
    books = [message for _, message in consumer.made if isinstance(message, Book)]
    assert {(book.state, book.cause, len(book.bid_price)) for book in books} == {("unverified", "partial", 20)}
    assert {beat.oracle_mismatches for beat in beats} == {0}
    assert weight["most_weight_a_minute"] < 50  # exchangeInfo alone


def enough(consumer: Consumer) -> list[Heartbeat] | None:
    """The newest heartbeats, once each symbol has been compared a few times."""
    if consumer.failed is not None:
        raise consumer.failed
    newest = [beat for symbol in consumer.symbols if (beat := consumer.newest(symbol)) is not None]
    return newest if newest and all(beat.oracle_checks >= 3 for beat in newest) else None
