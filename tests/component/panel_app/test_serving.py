"""The process: that it serves, says so, refuses plainly and ends cleanly."""

from __future__ import annotations

import signal
import socket
import urllib.request
from pathlib import Path

import pytest

from orderbook.settings import load_settings
from tests.processes import eventually, running
from tests.servers import free_port

pytestmark = pytest.mark.component


def test_it_serves_without_any_other_part_and_ends_with_status_0(tmp_path: Path) -> None:
    settings = load_settings(
        dashboard_port=free_port(), redis_port=free_port(), database_port=free_port(), state_dir=str(tmp_path)
    )
    with running(settings, ["panel_app"], tmp_path) as dashboard:
        address = f"http://127.0.0.1:{settings.dashboard_port}"
        with urllib.request.urlopen(f"{address}/liveness") as answer:  # noqa: S310 - http on this machine
            assert answer.status == 200
        with urllib.request.urlopen(f"{address}/") as answer:  # noqa: S310 - the same
            page = answer.read().decode()
        assert "<title>Order Book Imbalance</title>" in page
        assert "over the best 10 levels a side" in page
        eventually(lambda: "redis_lost" in dashboard.output() or None, process=dashboard)
        eventually(lambda: "database_lost" in dashboard.output() or None, process=dashboard)
        assert dashboard.end(signal.SIGTERM) == 0
        assert "Traceback" not in dashboard.output()


def test_it_ends_with_status_0_when_interrupted(tmp_path: Path) -> None:
    settings = load_settings(dashboard_port=free_port(), redis_port=free_port(), database_port=free_port())
    with running(settings, ["panel_app"], tmp_path) as dashboard:
        assert dashboard.end(signal.SIGINT) == 0
        assert "Traceback" not in dashboard.output()


def test_a_port_in_use_is_one_sentence_and_status_1(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = load_settings(dashboard_port=taken.getsockname()[1])
        with running(settings, ["panel_app"], tmp_path, ready=False) as dashboard:
            assert dashboard.process.wait(60) == 1
            [line] = dashboard.output().strip().splitlines()
    assert f"127.0.0.1:{settings.dashboard_port}" in line
    assert "DASHBOARD_PORT" in line


def test_a_page_from_another_site_gets_no_live_connection(tmp_path: Path) -> None:
    settings = load_settings(dashboard_port=free_port(), redis_port=free_port(), database_port=free_port())
    with (
        running(settings, ["panel_app"], tmp_path),
        socket.create_connection(("127.0.0.1", settings.dashboard_port), timeout=10) as connection,
    ):
        connection.sendall(
            f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{settings.dashboard_port}\r\nOrigin: http://elsewhere.example\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: bokeh\r\n\r\n".encode()
        )
        assert b" 403 " in connection.recv(200).split(b"\r\n")[0]
