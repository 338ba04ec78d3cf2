"""One exchange and one consumer for all faults: each test waits until every symbol is live, and leaves it so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.binance.line import LineRules
from orderbook.settings import Settings
from tests.faults.consumer import Consumer
from tests.faults.exchange import Exchange
from tests.faults.outcomes import Outcome, write
from tests.faults.truth import judged
from tests.processes import eventually, running
from tests.servers import free_port

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT", "ADAUSDT")


@pytest.fixture(scope="session")
def outcomes() -> Iterator[list[Outcome]]:
    """What each fault did; the table is written at the end."""
    kept: list[Outcome] = []
    yield kept
    write(kept)


@pytest.fixture(scope="session")
def running_exchange(tmp_path_factory: pytest.TempPathFactory, outcomes: list[Outcome]) -> Iterator[Exchange]:
    """Every live book that was published meanwhile is compared with the exchange's own ledger in the end."""
    folder = tmp_path_factory.mktemp("faults")
    ledger = folder / "ledger.txt"
    settings = Settings(
        symbols=SYMBOLS,
        feed="simulator",
        simulator_port=free_port(),
        state_dir=folder / "state",
        simulator_ledger=ledger,
        # A test loses every book every few seconds. Where the weight for new ones runs short, they come shallow, and a
        # market that walks out of one leaves live for no fault of the test.
        request_weight_share=1.0,
        snapshot_limit=500,
    )
    # The tests end one connection after the other: each shall count as settled, and none pay for the one before it.
    consumer = Consumer(settings, rules=LineRules(settled_ms=500))
    with running(settings, ["connectors.simulator"], folder), consumer.running():
        eventually(lambda: consumer.symbols or None, 30.0)
        one = Exchange(settings, consumer, outcomes)
        one.settled(books=25)  # until each symbol knows its own pace
        yield one
    books, wrong = judged([message for _, message in consumer.made], ledger)
    assert books > 1000
    assert wrong == []


@pytest.fixture
def exchange(running_exchange: Exchange) -> Exchange:
    """All symbols are live."""
    running_exchange.settled()
    return running_exchange
