"""The simulator as a client sees it: a real process, websocket-client and plain HTTP."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import websocket

from tests.component.simulator.conftest import Address
from tests.unit.simulator.rebuilding import RebuiltBook, quoted

pytestmark = pytest.mark.component

SYMBOLS = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT", "ADAUSDT"]


def receive(connection: websocket.WebSocket) -> Any:  # noqa: ANN401 - a JSON value
    return json.loads(connection.recv())


def test_a_buffered_snapshot_bridged_book_equals_every_book_ticker(simulator: Address) -> None:
    streams = "/".join(f"{symbol.lower()}@{kind}" for symbol in SYMBOLS[:3] for kind in ("depth@100ms", "bookTicker"))
    books: dict[str, RebuiltBook] = {}
    tickers: dict[str, dict[int, dict[str, Any]]] = {symbol: {} for symbol in SYMBOLS}
    held: dict[str, list[dict[str, Any]]] = {symbol: [] for symbol in SYMBOLS}
    stale = compared = 0
    with simulator.socket(f"/stream?streams={streams}") as connection:
        while compared < 30:
            frame = receive(connection)
            symbol, event = frame["data"]["s"], frame["data"]
            if frame["stream"] == f"{symbol.lower()}@bookTicker":
                tickers[symbol][event["u"]] = event
                continue
            assert frame["stream"] == f"{symbol.lower()}@depth@100ms"
            if symbol not in books:
                held[symbol].append(event)
                if len(held[symbol]) < 3:
                    continue
                snapshot = simulator.get(f"/api/v3/depth?symbol={symbol}&limit=5000")
                books[symbol] = RebuiltBook.of_snapshot(snapshot.body)
                assert held[symbol][0]["U"] <= books[symbol].update_id + 1
                stale += sum(not books[symbol].apply(diff) for diff in held[symbol])
                continue
            book = books[symbol]
            if not book.apply(event):
                stale += 1
                continue
            assert book.best[0] < book.best[2]
            if event["u"] in tickers[symbol]:
                compared += 1
                assert quoted(tickers[symbol][event["u"]]) == book.best
    assert stale > 0


def test_raw_streams_come_unwrapped_and_several_fit_one_address(simulator: Address) -> None:
    with simulator.socket("/ws/btcusdt@depth@100ms/btcusdt@trade") as connection:
        kinds: dict[str, dict[str, Any]] = {}
        while len(kinds) < 2:
            event = receive(connection)
            kinds[event["e"]] = event
    assert list(kinds["depthUpdate"]) == ["e", "E", "s", "U", "u", "b", "a"]
    assert list(kinds["trade"]) == ["e", "E", "s", "t", "p", "q", "T", "m", "M"]


def test_market_time_is_the_wall_clock_at_speed_1(simulator: Address) -> None:
    asked_ms = time.time() * 1000
    told_ms = simulator.get("/api/v3/time").json["serverTime"]
    assert abs(told_ms - asked_ms) < 30_000
    with simulator.socket("/ws/btcusdt@depth@100ms") as connection:
        first, second = receive(connection), receive(connection)
    assert abs(first["E"] - told_ms) < 30_000
    assert second["E"] - first["E"] >= 100
    assert second["U"] == first["u"] + 1


def test_commands_over_a_connection(simulator: Address) -> None:
    with simulator.socket("/ws") as connection:
        connection.send(json.dumps({"method": "SUBSCRIBE", "params": ["ethusdt@bookTicker", "NOSUCH@x"], "id": 1}))
        assert receive(connection) == {"result": None, "id": 1}
        assert receive(connection)["s"] == "ETHUSDT"
        connection.send(json.dumps({"method": "SET_PROPERTY", "params": ["combined", True], "id": 2}))
        wrapped = next(frame for _ in range(10_000) if "stream" in (frame := receive(connection)))
        assert wrapped["stream"] == "ethusdt@bookTicker"
        connection.send(json.dumps({"method": "UNSUBSCRIBE", "params": ["ethusdt@bookTicker"], "id": 3}))
        while receive(connection) != {"result": None, "id": 3}:
            pass
        connection.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": 4}))
        assert receive(connection) == {"result": ["NOSUCH@x"], "id": 4}
        connection.send("{oops")
        assert receive(connection)["error"]["code"] == 3


def test_the_sixth_message_in_a_second_ends_the_connection(simulator: Address) -> None:
    with simulator.socket("/ws/nosuch@trade") as connection:
        for number in range(6):
            connection.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": number}))
        answered = 0
        while True:
            opcode, frame = connection.recv_data()
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                break
            answered += 1
        assert answered <= 5
        assert frame[:2] == (1008).to_bytes(2, "big")


def test_1024_streams_fit_one_address_and_one_more_is_refused(simulator: Address) -> None:
    names = [f"stream{number}@depth@100ms" for number in range(1025)]
    with simulator.socket(f"/stream?streams={'/'.join([*names[:1023], 'btcusdt@bookTicker'])}") as connection:
        assert receive(connection)["stream"] == "btcusdt@bookTicker"
    with (
        pytest.raises(websocket.WebSocketBadStatusException) as refused,
        simulator.socket(f"/stream?streams={'/'.join(names)}"),
    ):
        pass
    assert refused.value.status_code == 400
    assert b"1024" in (refused.value.resp_body or b"")


def test_rest_errors_and_weights(simulator: Address) -> None:
    refused = simulator.get("/api/v3/depth?symbol=NOSUCH")
    assert (refused.status, refused.json) == (400, {"code": -1121, "msg": "Invalid symbol."})
    assert simulator.get("/api/v3/depth").json["code"] == -1102
    before = int(simulator.get("/api/v3/ping").headers["x-mbx-used-weight-1m"])
    after = simulator.get("/api/v3/depth?symbol=BTCUSDT&limit=500")
    used = int(after.headers["x-mbx-used-weight-1m"]) - before
    assert used == 25 or before + used == 25  # the minute may have turned in between
    assert len(after.json["bids"]) == 500
    assert [s["symbol"] for s in simulator.get("/api/v3/exchangeInfo").json["symbols"]] == SYMBOLS


def test_it_says_that_it_is_simulated(simulator: Address) -> None:
    told = simulator.get("/simulator/market").json
    assert told["simulated"] is True
    assert (told["seed"], told["speed"], told["symbols"]) == (7, 1.0, SYMBOLS)


def test_a_dropped_diff_leaves_a_gap_that_a_client_can_see(simulator: Address) -> None:
    with simulator.socket("/ws/solusdt@depth@100ms") as connection:
        last = receive(connection)["u"]
        assert simulator.fault(kind="drop_diff", symbol="SOLUSDT").status == 202
        gaps = []
        for _ in range(30):
            diff = receive(connection)
            if diff["U"] != last + 1:
                gaps.append(diff["U"] - last - 1)
            last = diff["u"]
        assert len(gaps) == 1
        assert gaps[0] > 0


def test_faults_that_make_no_sense_are_refused(simulator: Address) -> None:
    assert simulator.fault(kind="drop_diff", symbol="NOSUCH").status == 400
    assert simulator.fault(kind="earthquake").status == 400
    assert simulator.request("POST", "/simulator/fault", b"{oops").status == 400
