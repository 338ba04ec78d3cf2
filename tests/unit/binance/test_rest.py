from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from connectors.binance.rest import RestClient, check_symbols
from connectors.binance.venues import BINANCE, BINANCE_US, Endpoints, choose_feed
from orderbook.errors import RateLimited, ServiceUnavailable, SettingsError, VenueRefused


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Exchange:
    """A real HTTP server that gives the answers it was told, in order, the last one again and again."""

    base: str
    asked: list[str]


@contextmanager
def answering(*answers: Answer) -> Iterator[Exchange]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = answers[min(len(asked), len(answers) - 1)]
            asked.append(self.path)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Exchange(f"http://127.0.0.1:{server.server_port}", asked)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


TIME = Answer(200, b'{"serverTime":1499827319559}')


def test_the_exchange_s_time() -> None:
    with answering(TIME) as exchange:
        assert RestClient(exchange.base).server_time_ms() == 1499827319559
        assert exchange.asked == ["/api/v3/time"]


def test_a_snapshot_asks_for_its_depth() -> None:
    with answering(Answer(200, b'{"lastUpdateId":7,"bids":[["1.0","2.0"]],"asks":[]}')) as exchange:
        assert RestClient(exchange.base).snapshot("BTCUSDT", 500).last_update_id == 7
        assert exchange.asked == ["/api/v3/depth?symbol=BTCUSDT&limit=500"]


def test_only_trading_symbols_count() -> None:
    body = b'{"symbols":[{"symbol":"BTCUSDT","status":"TRADING"},{"symbol":"OLDUSDT","status":"BREAK"}]}'
    with answering(Answer(200, body)) as exchange:
        assert RestClient(exchange.base).trading_symbols() == {"BTCUSDT"}


def test_a_passing_fault_is_tried_again() -> None:
    with answering(Answer(503), TIME) as exchange:
        assert RestClient(exchange.base, attempts=3).server_time_ms() == 1499827319559
        assert len(exchange.asked) == 2


def test_retry_after_is_obeyed_and_told() -> None:
    with answering(Answer(429, headers={"Retry-After": "0"}), TIME) as exchange:
        assert RestClient(exchange.base, attempts=2).server_time_ms() == 1499827319559
    for status in (429, 418):
        with answering(Answer(status, headers={"Retry-After": "37"})) as exchange:
            with pytest.raises(RateLimited) as limited:
                RestClient(exchange.base, attempts=1).server_time_ms()
            assert limited.value.retry_after_s == 37.0


@pytest.mark.parametrize("status", [451, 403])
def test_a_region_that_is_not_served_is_not_asked_again(status: int) -> None:
    with answering(Answer(status)) as exchange:
        with pytest.raises(VenueRefused, match=f"HTTP {status}"):
            RestClient(exchange.base, attempts=5).server_time_ms()
        assert len(exchange.asked) == 1


def test_nobody_listening_is_unavailable() -> None:
    with answering(TIME) as exchange:
        base = exchange.base
    with pytest.raises(ServiceUnavailable, match="does not answer"):
        RestClient(base, attempts=1).server_time_ms()


def test_unknown_symbols_are_named_with_their_neighbours() -> None:
    with pytest.raises(SettingsError, match=r"BTCUSD \(did you mean BTCUSDT") as refused:
        check_symbols(["ETHUSDT", "BTCUSD", "QQQQQ"], {"BTCUSDT", "ETHUSDT"}, "binance")
    assert str(refused.value).endswith("; QQQQQ")
    check_symbols(["ETHUSDT"], {"ETHUSDT"}, "binance")


def refusing(*refused: Endpoints) -> Callable[[Endpoints], None]:
    def serves(endpoints: Endpoints) -> None:
        if endpoints in refused:
            raise VenueRefused(f"{endpoints.venue} does not serve this region (HTTP 451)")

    return serves


def test_auto_takes_the_first_exchange_that_answers_and_says_why() -> None:
    assert choose_feed("auto", refusing()).feed == "binance"
    second = choose_feed("auto", refusing(BINANCE))
    assert (second.feed, second.why) == (
        "binance_us",
        "binance does not serve this region (HTTP 451); binance_us answers",
    )
    last = choose_feed("auto", refusing(BINANCE, BINANCE_US))
    assert last.feed == "simulator"
    assert "binance_us does not serve this region" in last.why


def test_a_feed_that_is_set_is_not_questioned() -> None:
    assert choose_feed("binance", refusing(BINANCE)).feed == "binance"
