"""Many symbols, the truth ledger and the limits, over real sockets."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import websocket

from connectors.simulator.digest import book_digest
from connectors.simulator.ledger import read_ledger
from connectors.simulator.server import ExchangeRules
from connectors.simulator.universe import ALL_SYMBOLS
from tests.component.simulator.conftest import Address, exchange_in_thread, until
from tests.unit.simulator.rebuilding import RebuiltBook

pytestmark = pytest.mark.component


def digest(book: RebuiltBook) -> str:
    sides = (sorted(book.bids.items(), reverse=True), sorted(book.asks.items()))
    return book_digest(*([float(value) for value in part] for side in sides for part in zip(*side, strict=True)))


def test_a_client_of_many_symbols_can_compare_its_books_with_the_ledger(tmp_path: Path) -> None:
    symbols, path = ALL_SYMBOLS[:40], tmp_path / "ledger"
    rules = ExchangeRules(symbols=symbols, light_after=2, ledger=path)
    books: dict[str, RebuiltBook] = {}
    held: dict[str, list[dict[str, Any]]] = defaultdict(list)
    published: dict[tuple[str, int], str] = {}
    with exchange_in_thread(rules) as address:
        streams = "/".join(f"{symbol.lower()}@depth@100ms" for symbol in symbols)
        with address.socket(f"/stream?streams={streams}") as connection:
            while len(published) < 40 * 20:
                diff = json.loads(connection.recv())["data"]
                symbol = diff["s"]
                if symbol not in books:
                    held[symbol].append(diff)
                    books[symbol] = RebuiltBook.of_snapshot(
                        address.get(f"/api/v3/depth?symbol={symbol}&limit=1000").body
                    )
                    continue
                if books[symbol].apply(diff):
                    published[symbol, diff["u"]] = digest(books[symbol])
        until(lambda: read_ledger(path).keys() >= published.keys())
    truth = read_ledger(path)
    assert {symbol for symbol, _ in published} == set(symbols)
    assert {key: truth[key] for key in published} == published


def refusal(address: Address) -> int | None:
    try:
        with address.socket("/ws/nosuch@trade"):
            return None
    except websocket.WebSocketBadStatusException as refused:
        return refused.status_code


def test_connection_attempts_are_limited_and_rest_is_not_touched_by_it() -> None:
    with exchange_in_thread(ExchangeRules(symbols=("ADAUSDT",), attempts_per_window=3)) as address:
        assert [refusal(address) for _ in range(5)] == [None, None, None, 429, 429]
        assert address.get("/api/v3/ping").status == 200


def test_the_day_is_told_for_one_some_and_all() -> None:
    with exchange_in_thread(ExchangeRules(symbols=("ADAUSDT", "BNBUSDT"))) as address:
        one = address.get("/api/v3/ticker/24hr?symbol=ADAUSDT&type=MINI")
        everything = address.get("/api/v3/ticker/24hr")
        some = address.get('/api/v3/ticker/24hr?symbols=["BNBUSDT"]')
    assert (one.json["symbol"], one.headers["x-mbx-used-weight-1m"]) == ("ADAUSDT", "2")
    assert [row["symbol"] for row in everything.json] == ["ADAUSDT", "BNBUSDT"]
    assert everything.headers["x-mbx-used-weight-1m"] == "82"
    assert [row["symbol"] for row in some.json] == ["BNBUSDT"]
    assert all(Decimal(row["quoteVolume"]) > 0 for row in everything.json)
