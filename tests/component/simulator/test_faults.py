"""Each fault as a raw client sees it."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
import websocket

from connectors.simulator.connection import ConnectionRules
from connectors.simulator.faults import KINDS
from connectors.simulator.server import ExchangeRules
from tests.component.simulator.conftest import Address, exchange_in_thread, until
from tests.component.simulator.test_lifecycle import closing
from tests.unit.simulator.rebuilding import RebuiltBook

pytestmark = pytest.mark.component

SYMBOL = "ADAUSDT"
DIFFS = "/ws/adausdt@depth@100ms"
RULES = ExchangeRules(
    symbols=(SYMBOL, "BNBUSDT"), connections=ConnectionRules(ping_interval_s=0.5, shutdown_notice_s=0.7)
)


@pytest.fixture
def address() -> Iterator[Address]:
    with exchange_in_thread(RULES) as served:
        yield served


def accepted(address: Address, **fault: Any) -> None:  # noqa: ANN401 - JSON values
    answer = address.request("POST", "/simulator/fault", json.dumps(fault).encode())
    assert answer.status == 202, answer.body
    assert answer.json["accepted"].items() >= fault.items()


def receive(connection: websocket.WebSocket) -> Any:  # noqa: ANN401 - a JSON value
    return json.loads(connection.recv())


def several(connection: websocket.WebSocket, count: int) -> list[dict[str, Any]]:
    return [receive(connection) for _ in range(count)]


def chained(diffs: list[dict[str, Any]]) -> bool:
    return all(later["U"] == sooner["u"] + 1 for sooner, later in pairwise(diffs))


def gaps(diffs: list[dict[str, Any]]) -> int:
    return sum(later["U"] != sooner["u"] + 1 for sooner, later in pairwise(diffs))


def test_a_duplicated_diff_comes_twice_and_the_chain_goes_on(address: Address) -> None:
    with address.socket(DIFFS) as connection:
        diffs = several(connection, 1)
        accepted(address, kind="duplicate_diff", symbol=SYMBOL, count=2)
        diffs += several(connection, 20)
    twice = [sooner for sooner, later in pairwise(diffs) if sooner == later]
    assert len(twice) == 2
    assert chained([diff for sooner, diff in pairwise([{}, *diffs]) if sooner != diff])


def test_a_reordered_diff_follows_the_next_one(address: Address) -> None:
    with address.socket(DIFFS) as connection:
        diffs = several(connection, 1)
        accepted(address, kind="reorder_diff", symbol=SYMBOL)
        diffs += several(connection, 20)
    assert not chained(diffs)
    swapped = next(at for at, (sooner, later) in enumerate(pairwise(diffs)) if later["U"] < sooner["U"])
    diffs[swapped], diffs[swapped + 1] = diffs[swapped + 1], diffs[swapped]
    assert chained(diffs)


def test_a_delay_holds_one_symbol_and_then_delivers_all_in_order(address: Address) -> None:
    with address.socket("/ws/adausdt@depth@100ms/bnbusdt@depth@100ms") as connection:
        several(connection, 4)
        accepted(address, kind="delay", symbol=SYMBOL, duration_s=2)
        seen = several(connection, 80)
    held = [diff for diff in seen if diff["s"] == SYMBOL]
    assert chained(held)
    assert chained([diff for diff in seen if diff["s"] != SYMBOL])
    runs = [[diff["s"] for diff in seen][at : at + 12] for at in range(len(seen) - 12)]
    assert ["BNBUSDT"] * 12 in runs
    assert [SYMBOL] * 12 in runs


@pytest.mark.parametrize("how", ["bad_json", "truncated"])
def test_broken_json_arrives_once(address: Address, how: str) -> None:
    with address.socket("/stream?streams=adausdt@depth@100ms") as connection:
        texts = [str(connection.recv())]
        accepted(address, kind="corrupt", symbol=SYMBOL, how=how)
        texts += [str(connection.recv()) for _ in range(10)]
    broken = [text for text in texts if not _is_json(text)]
    assert len(broken) == 1
    assert broken[0].startswith('{"stream":"adausdt@depth@100ms","data":{"e":"depthUpdate"')
    assert gaps([json.loads(text)["data"] for text in texts if text not in broken]) == 1


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except json.JSONDecodeError:
        return False
    return True


@pytest.mark.parametrize(
    ("how", "shows"),
    [
        ("unknown_event", lambda diff: diff["e"] != "depthUpdate"),
        ("wrong_types", lambda diff: isinstance(diff["U"], str) and diff["u"] is None),
        ("nan", lambda diff: any(quantity == "NaN" for _, quantity in diff["b"] + diff["a"])),
        ("negative_qty", lambda diff: any(quantity.startswith("-") for _, quantity in diff["b"] + diff["a"])),
    ],
)
def test_a_spoiled_diff_arrives_once(address: Address, how: str, shows: Callable[[dict[str, Any]], bool]) -> None:
    with address.socket(DIFFS) as connection:
        receive(connection)
        accepted(address, kind="corrupt", symbol=SYMBOL, how=how)
        diffs = several(connection, 10)
    assert sum(map(shows, diffs)) == 1


def test_a_huge_frame_is_a_valid_diff_of_megabytes(address: Address) -> None:
    with address.socket(DIFFS) as connection:
        receive(connection)
        accepted(address, kind="corrupt", symbol=SYMBOL, how="huge_frame")
        texts = [str(connection.recv()) for _ in range(10)]
    assert sum(len(text) > 4_000_000 for text in texts) == 1
    assert chained([json.loads(text) for text in texts])


def rebuilt(address: Address, diffs: list[dict[str, Any]]) -> RebuiltBook:
    book = RebuiltBook.of_snapshot(address.get(f"/api/v3/depth?symbol={SYMBOL}&limit=5000").body)
    for diff in diffs:
        book.apply(diff)
    return book


def test_a_crossed_book_keeps_its_ids_and_only_a_snapshot_heals_it(address: Address) -> None:
    with address.socket(DIFFS) as connection:
        book = rebuilt(address, several(connection, 2))
        accepted(address, kind="crossed_book", symbol=SYMBOL)
        crossed = []
        for _ in range(25):
            book.apply(receive(connection))  # a gap fails here
            crossed.append(book.best[0] >= book.best[2])
        assert crossed[-1]
        assert crossed == sorted(crossed)
        healed = rebuilt(address, [receive(connection)])
        assert healed.best[0] < healed.best[2]


def test_a_wrong_quote_differs_from_the_book_at_its_id(address: Address) -> None:
    with address.socket("/ws/adausdt@depth@100ms/adausdt@bookTicker") as connection:
        while "U" not in (first := receive(connection)):
            pass
        book = rebuilt(address, [first])
        accepted(address, kind="wrong_quote", symbol=SYMBOL)
        quotes: dict[int, float] = {}
        wrong = applied = 0
        while applied < 15:
            event = receive(connection)
            if "U" not in event:
                quotes[event["u"]] = float(event["b"])
            elif book.apply(event):
                applied += 1
                wrong += quotes.get(event["u"], float(book.best[0])) != float(book.best[0])
    assert wrong == 1


@pytest.mark.parametrize(
    ("fault", "gap"),
    [
        ({"kind": "stall_symbol", "symbol": SYMBOL, "duration_s": 1.5}, 1),
        ({"kind": "stall_all", "duration_s": 1.5}, 1),
        ({"kind": "quiet_symbol", "symbol": SYMBOL, "duration_s": 1.5}, 0),
    ],
)
def test_a_stall_leaves_a_gap_and_a_quiet_market_does_not(address: Address, fault: dict[str, Any], gap: int) -> None:
    with address.socket(DIFFS) as connection:
        diffs = several(connection, 3)
        accepted(address, **fault)
        diffs += several(connection, 25)
    assert gaps(diffs) == gap
    assert max(later["E"] - sooner["E"] for sooner, later in pairwise(diffs)) >= 1400


def test_delisting_breaks_off_and_relisting_goes_on_without_a_gap(address: Address) -> None:
    with address.socket("/ws/adausdt@depth@100ms/bnbusdt@depth@100ms") as connection:
        several(connection, 4)
        accepted(address, kind="delist", symbol=SYMBOL)
        statuses = [one["status"] for one in address.get("/api/v3/exchangeInfo").json["symbols"]]
        assert statuses == ["BREAK", "TRADING"]
        seen = several(connection, 30)
        assert [diff["s"] for diff in seen[-10:]] == ["BNBUSDT"] * 10
        accepted(address, kind="relist", symbol=SYMBOL)
        assert address.get(f"/api/v3/exchangeInfo?symbol={SYMBOL}").json["symbols"][0]["status"] == "TRADING"
        seen += several(connection, 30)
    assert {diff["s"] for diff in seen[-10:]} == {SYMBOL, "BNBUSDT"}
    assert chained([diff for diff in seen if diff["s"] == SYMBOL])


def test_a_clock_jump_shifts_event_times_for_a_while(address: Address) -> None:
    with address.socket(DIFFS) as connection:
        receive(connection)
        accepted(address, kind="clock_jump", shift_ms=-60_000, duration_s=1.0)
        diffs = several(connection, 25)
    jumps = [later["E"] - sooner["E"] for sooner, later in pairwise(diffs)]
    assert [round(jump, -4) for jump in jumps if abs(jump) > 5000] in ([-60_000, 60_000], [60_000])
    assert chained(diffs)


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1012, 1014])
def test_a_close_carries_its_code(address: Address, code: int) -> None:
    with address.socket("/ws/nosuch@trade") as one, address.socket("/ws/nosuch@trade") as other:
        accepted(address, kind="close", code=code)
        assert closing(one) == closing(other) == ([], code)


def test_a_refused_handshake_is_503_until_the_refusal_is_over(address: Address) -> None:
    accepted(address, kind="refuse", duration_s=1.0)
    with pytest.raises(websocket.WebSocketBadStatusException) as refused, address.socket(DIFFS):
        pass
    assert refused.value.status_code == 503

    def opens() -> bool:
        try:
            with address.socket(DIFFS):
                return True
        except websocket.WebSocketBadStatusException:
            return False

    until(opens)


def test_a_half_open_connection_stays_and_says_nothing_more(address: Address) -> None:
    with address.socket(DIFFS) as dead:
        receive(dead)
        accepted(address, kind="half_open")
        with address.socket(DIFFS) as alive:
            while True:  # what was under way when the fault came
                dead.settimeout(1.5)
                try:
                    dead.recv_data(control_frame=True)
                except websocket.WebSocketTimeoutException:
                    break
            dead.ping("anybody?")
            with pytest.raises(websocket.WebSocketTimeoutException):
                dead.recv_data(control_frame=True)
            several(alive, 3)
        dead.send_close()
        with pytest.raises(websocket.WebSocketTimeoutException):
            dead.recv_data(control_frame=True)
        assert address.get("/simulator/market").json["connections"] >= 1
    until(lambda: address.get("/simulator/market").json["connections"] == 0)


def test_without_pongs_data_goes_on(address: Address) -> None:
    with address.socket(DIFFS) as connection:
        connection.ping("one")
        assert _pong_within(connection, 20) == b"one"
        accepted(address, kind="no_pong", duration_s=30)
        connection.ping("two")
        assert _pong_within(connection, 20) is None


def _pong_within(connection: websocket.WebSocket, frames: int) -> bytes | None:
    for _ in range(frames):
        opcode, payload = connection.recv_data(control_frame=True)
        if opcode == websocket.ABNF.OPCODE_PONG:
            return bytes(payload)
    return None


@pytest.mark.parametrize("fault", [{"kind": "server_shutdown", "notice_s": 0.3}, {"kind": "cut_24h"}])
def test_a_shutdown_is_told_and_then_closes(address: Address, fault: dict[str, Any]) -> None:
    with address.socket("/ws/nosuch@trade") as connection:
        accepted(address, **fault)
        messages, code = closing(connection)
    assert ([message["e"] for message in messages], code) == (["serverShutdown"], 1001)


def test_a_stale_snapshot_is_older_than_the_stream(address: Address) -> None:
    depth = f"/api/v3/depth?symbol={SYMBOL}&limit=1000"
    with address.socket(DIFFS) as connection:
        first = several(connection, 25)[0]
        accepted(address, kind="stale_snapshot", symbol=SYMBOL, age_ms=5000, count=2)
        ids = [address.get(depth).json["lastUpdateId"] for _ in range(3)]
    assert ids[0] < first["U"]
    assert ids[1] < first["U"]
    assert ids[2] >= first["u"]


@pytest.mark.parametrize("status", [403, 418, 429, 451, 500, 502, 503, 504])
def test_rest_answers_by_the_status_asked_for(address: Address, status: int) -> None:
    accepted(address, kind="rest_status", status=status, count=2, path="depth", retry_after_s=7)
    assert address.get("/api/v3/ping").status == 200
    answers = [address.get(f"/api/v3/depth?symbol={SYMBOL}&limit=5") for _ in range(3)]
    assert [answer.status for answer in answers] == [status, status, 200]
    assert answers[0].headers.get("retry-after") == ("7" if status in {418, 429} else None)
    assert set(answers[0].json) == {"code", "msg"}


def test_slow_rest_answers_after_the_others(address: Address) -> None:
    accepted(address, kind="slow_rest", delay_s=1.0, duration_s=30)
    order: list[str] = []

    def ask(path: str) -> None:
        address.get(path)
        order.append(path)

    asking = threading.Thread(target=ask, args=("/api/v3/ping",))
    asking.start()
    with address.socket(DIFFS) as connection:
        several(connection, 3)
        order.append("diffs")
    asking.join()
    assert order == ["diffs", "/api/v3/ping"]


def test_the_kinds_are_told_and_nonsense_is_refused(address: Address) -> None:
    assert [one["kind"] for one in address.get("/simulator/fault").json] == list(KINDS)
    refused = address.request("POST", "/simulator/fault", b'{"kind": "close", "code": 1006}')
    assert (refused.status, refused.json["code"]) == (400, -1102)
    assert "1000 | 1001" in refused.json["msg"]
    for path in ("fault", "faults/random", "faults/script"):
        assert address.request("POST", f"/simulator/{path}", b"{oops").status == 400


def test_a_scene_is_played_and_kept_among_what_was_carried_out(address: Address) -> None:
    asked = {"kind": "spoof", "symbol": SYMBOL, "side": "ask"}
    told = address.request("POST", "/simulator/scene", json.dumps(asked).encode())
    assert (told.status, told.json) == (202, {"accepted": {**asked, "away_bps": 2.0}})
    with address.socket("/ws/adausdt@trade") as connection:
        # The taker's one trade of the scene: everybody else stands aside.
        assert receive(connection)["m"] is True
    assert address.get("/simulator/faults").json["injected"][-1]["fault"] == {**asked, "away_bps": 2.0}
    refused = address.request("POST", "/simulator/scene", b'{"kind": "spoof", "symbol": "NOPE"}')
    assert (refused.status, refused.json["code"]) == (400, -1102)


def test_scripts_and_random_schedules_are_carried_out_and_kept(address: Address) -> None:
    script = [
        {"at_s": 0.2, "kind": "clock_jump", "shift_ms": 5, "duration_s": 1},
        {"at_s": 0.0, "kind": "drop_diff", "symbol": SYMBOL},
    ]
    told = address.request("POST", "/simulator/faults/script", json.dumps(script).encode())
    assert (told.status, told.json) == (202, {"scheduled": 2})
    at_random = {"seed": 4, "every_s": 0.1, "duration_s": 2, "kinds": ["drop_diff", "wrong_quote"]}
    told = address.request("POST", "/simulator/faults/random", json.dumps(at_random).encode())
    assert told.status == 202
    accepted(address, kind="disconnect")
    until(lambda: address.get("/simulator/faults").json["schedules_running"] == 0)
    injected = address.get("/simulator/faults").json["injected"]
    kinds = {origin: [one["fault"]["kind"] for one in injected if one["origin"] == origin] for origin in
             ("request", "script", "random")}  # fmt: skip
    assert kinds["request"] == ["disconnect"]
    assert kinds["script"] == ["drop_diff", "clock_jump"]
    assert len(kinds["random"]) == told.json["scheduled"] > 5
    assert set(kinds["random"]) == {"drop_diff", "wrong_quote"}
    assert all(abs(one["wall_time_ms"] - time.time() * 1000) < 60_000 for one in injected)
    assert all(abs(one["wall_time_ms"] - one["market_time_ms"]) < 5_000 for one in injected)


def test_a_fault_that_is_under_way_does_not_keep_the_exchange_from_ending() -> None:
    with exchange_in_thread(RULES) as address:
        address.request("POST", "/simulator/faults/script", b'[{"at_s": 500, "kind": "disconnect"}]')
        with address.socket(DIFFS):
            accepted(address, kind="half_open")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", address.port))
