"""How the exchange treats its connections, and how its process starts and ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import websocket

from connectors.simulator.connection import ConnectionRules
from connectors.simulator.server import ExchangeRules
from tests.component.simulator.conftest import (
    REPOSITORY,
    WITHIN_S,
    Address,
    exchange_in_thread,
    simulator_process,
    until,
)

pytestmark = pytest.mark.component


def closing(connection: websocket.WebSocket) -> tuple[list[dict[str, Any]], int | None]:
    """What comes until the connection ends, and the closing code; None where it was cut off."""
    messages: list[dict[str, Any]] = []
    while True:
        try:
            opcode, frame = connection.recv_data()
        except (OSError, websocket.WebSocketConnectionClosedException):
            return messages, None
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            return messages, int.from_bytes(frame[:2], "big")
        messages.append(json.loads(frame))


def rules(**connection: Any) -> ExchangeRules:  # noqa: ANN401 - a rule's value
    return ExchangeRules(symbols=("BTCUSDT",), connections=ConnectionRules(**connection))


def test_a_connection_is_announced_its_end_before_its_life_is_over() -> None:
    with (
        exchange_in_thread(rules(life_s=1.5, shutdown_notice_s=0.5)) as address,
        address.socket("/stream?streams=nosuch@trade") as wrapped,
        address.socket("/ws/nosuch@trade") as raw,
    ):
        messages, code = closing(wrapped)
        assert [message["stream"] for message in messages] == ["!serverShutdown"]
        assert code == 1001
        messages, code = closing(raw)
        assert [message["e"] for message in messages] == ["serverShutdown"]
        assert code == 1001


def test_who_answers_pings_stays_and_who_does_not_is_cut_off() -> None:
    with (
        exchange_in_thread(rules(ping_interval_s=0.3, pong_timeout_s=3.0)) as address,
        address.socket("/ws/nosuch@trade") as silent,
        address.socket("/ws/nosuch@trade") as polite,
        address.socket("/ws/nosuch@trade") as chatty,
    ):
        pings = 0
        while address.get("/simulator/market").json["connections"] > 1:
            opcode, _ = polite.recv_data(control_frame=True)  # websocket-client answers a ping as it reads it
            assert opcode == websocket.ABNF.OPCODE_PING
            pings += 1
            with suppress(OSError):
                chatty.pong(b"")  # unsolicited: allowed, but no proof of being there
        assert pings > 3
        assert closing(silent) == closing(chatty) == ([], None)
        polite.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": 1}))
        assert json.loads(polite.recv()) == {"result": ["nosuch@trade"], "id": 1}


def test_a_client_that_does_not_read_is_cut_off_and_the_market_goes_on() -> None:
    busy = ExchangeRules(symbols=("BTCUSDT",), speed=300.0, connections=ConnectionRules(most_waiting_bytes=200_000))
    with exchange_in_thread(busy) as address:
        lazy = socket.create_connection(("127.0.0.1", address.port))
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.sendall(
            b"GET /ws/btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@depth20@100ms HTTP/1.1\r\nHost: x\r\n"
            b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            b"Sec-WebSocket-Version: 13\r\n\r\n"
        )
        assert lazy.recv(12) == b"HTTP/1.1 101"
        until(lambda: address.get("/simulator/market").json["connections"] == 0)
        before = address.get("/simulator/market").json["market_time_ms"]
        until(lambda: address.get("/simulator/market").json["market_time_ms"] > before + 1000)
        lazy.close()


def test_the_weight_limit_answers_429_then_418() -> None:
    with exchange_in_thread(ExchangeRules(symbols=("BTCUSDT",), weight_per_minute=500)) as address:
        statuses: list[int] = []
        while 418 not in statuses:
            answer = address.get("/api/v3/depth?symbol=BTCUSDT&limit=1000")
            statuses.append(answer.status)
            if answer.status != 200:
                assert answer.json["code"] == -1003
                assert int(answer.headers["retry-after"]) >= 1
            assert len(statuses) < 200
        assert statuses[:10] == [200] * 10
        assert 429 in statuses
        assert address.get("/api/v3/ping").status == 418


def test_disconnect_and_shutdown_faults() -> None:
    with (
        exchange_in_thread(rules()) as address,
        address.socket("/ws/nosuch@trade") as told,
    ):
        assert address.fault(kind="server_shutdown").status == 202
        assert json.loads(told.recv())["e"] == "serverShutdown"
        assert address.fault(kind="disconnect").status == 202
        assert closing(told) == ([], None)


def frames(address: Address, count: int) -> list[dict[str, Any]]:
    with address.socket("/ws/adausdt@depth@100ms") as connection:
        return [json.loads(connection.recv()) for _ in range(count)]


def test_two_servers_with_one_seed_have_the_same_market(tmp_path: Path) -> None:
    kept: list[dict[int, tuple[Any, ...]]] = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        with simulator_process(folder, SYMBOLS="ADAUSDT,XYZUSDT", SIMULATOR_SEED="11", SIMULATOR_SPEED="20") as (
            address,
            _,
        ):
            diffs = frames(address, 300)
        start = diffs[0]["E"]
        kept.append({diff["U"]: (diff["u"], diff["b"], diff["a"]) for diff in diffs})
        assert all((diff["E"] - start) % 100 == 0 for diff in diffs)
    shared = kept[0].keys() & kept[1].keys()
    assert len(shared) > 50
    assert {first: kept[0][first] for first in shared} == {first: kept[1][first] for first in shared}


def test_sigterm_tells_the_clients_and_ends_with_status_0(tmp_path: Path) -> None:
    with simulator_process(tmp_path, LOG_FORMAT="json") as (address, process):
        with address.socket("/ws/nosuch@trade") as connection:
            process.send_signal(signal.SIGTERM)
            messages, code = closing(connection)
        assert [message["e"] for message in messages] == ["serverShutdown"]
        assert code == 1001
        assert process.wait(WITHIN_S) == 0
    events = [json.loads(line)["event"] for line in (tmp_path / "log").read_text().splitlines()]
    assert events == ["simulator_listening", "client_connected", "client_disconnected"]


def test_a_port_in_use_is_one_clear_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "connectors.simulator"],
            env={**os.environ, "SIMULATOR_PORT": str(port)},
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line == (
        f"the simulator cannot listen on 127.0.0.1:{port} (Address already in use): "
        "free the port or set SIMULATOR_PORT to another"
    )
