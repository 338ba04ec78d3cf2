from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from connectors.binance.endpoints import BINANCE, BINANCE_US, BINANCE_USDM, Endpoints, endpoints_of
from connectors.binance.rest import Banned, RequestRefused, RestClient
from connectors.binance.selection import Listed
from connectors.binance.venues import choose_feed
from orderbook.errors import RateLimited, ServiceUnavailable, SettingsError, VenueRefused
from orderbook.settings import Settings


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Exchange:
    """A real HTTP server that gives the answers it was told, in order, the last one again and again."""

    at: Endpoints
    asked: list[str]


@contextmanager
def answering(*answers: Answer, prefix: str = "/api/v3") -> Iterator[Exchange]:
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
        yield Exchange(Endpoints("here", "", f"http://127.0.0.1:{server.server_port}", rest_prefix=prefix), asked)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


TIME = Answer(200, b'{"serverTime":1499827319559}')


def test_the_exchange_s_time() -> None:
    with answering(TIME) as exchange:
        assert RestClient(exchange.at).server_time_ms() == 1499827319559
        assert exchange.asked == ["/api/v3/time"]


def test_a_snapshot_asks_for_its_depth_and_comes_as_it_was_sent() -> None:
    body = b'{"lastUpdateId":7,"bids":[["1.0","2.0"]],"asks":[]}'
    with answering(Answer(200, body, {"X-MBX-USED-WEIGHT-1M": "31"})) as exchange:
        answer = RestClient(exchange.at).depth("BTCUSDT", 500)
        assert (answer.payload, answer.used_weight) == (body, 31)
        assert exchange.asked == ["/api/v3/depth?symbol=BTCUSDT&limit=500"]


def test_futures_have_paths_of_their_own() -> None:
    with answering(Answer(200, b"{}"), prefix=BINANCE_USDM.rest_prefix) as exchange:
        assert RestClient(exchange.at).depth("BTCUSDT", 1000).used_weight is None
        assert exchange.asked == ["/fapi/v1/depth?symbol=BTCUSDT&limit=1000"]


LISTED = b"""{"rateLimits":[
  {"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":100},
  {"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":1200}],
 "symbols":[
  {"symbol":"BTCUSDT","status":"TRADING","quoteAsset":"USDT"},
  {"symbol":"OLDUSDT","status":"BREAK","quoteAsset":"USDT"},
  {"symbol":"BTCUSD_PERP","contractStatus":"TRADING","quoteAsset":"USD"}]}"""


def test_what_is_listed_and_the_weight_a_minute() -> None:
    with answering(Answer(200, LISTED)) as exchange:
        listing = RestClient(exchange.at).listing()
    assert listing.weight_a_minute == 1200
    assert listing.trading == {"BTCUSDT", "BTCUSD_PERP"}
    assert listing.listed["OLDUSDT"] == Listed("OLDUSDT", "BREAK", "USDT")


def test_a_symbol_s_status() -> None:
    with answering(Answer(200, LISTED, {"X-MBX-USED-WEIGHT-1M": "9"})) as exchange:
        assert RestClient(exchange.at).status("OLDUSDT") == ("BREAK", 9)
        assert RestClient(exchange.at).status("GONEUSDT") == ("DELISTED", 9)
        assert exchange.asked[0] == "/api/v3/exchangeInfo?symbol=OLDUSDT"
    with answering(Answer(400, b'{"code":-1121,"msg":"Invalid symbol."}')) as exchange:
        assert RestClient(exchange.at).status("GONEUSDT") == ("DELISTED", None)


def test_a_listing_that_cannot_be_read_passes_like_any_fault() -> None:
    for unreadable in (b"<html>", b'{"symbols":[{"symbol":"\xff"}]}', b'{"x":' + b"[" * 5000):
        with answering(Answer(200, unreadable)) as exchange, pytest.raises(ServiceUnavailable, match="cannot be read"):
            RestClient(exchange.at).status("BTCUSDT")


def test_traded_volumes() -> None:
    body = b'[{"symbol":"BTCUSDT","quoteVolume":"12.5"},{"symbol":"BTCUSD_PERP","baseVolume":"3.0"}]'
    with answering(Answer(200, body)) as exchange:
        assert RestClient(exchange.at).quote_volumes() == {"BTCUSDT": 12.5, "BTCUSD_PERP": 3.0}
        assert exchange.asked == ["/api/v3/ticker/24hr"]


def test_a_passing_fault_is_tried_again() -> None:
    with answering(Answer(503), TIME) as exchange:
        assert RestClient(exchange.at, attempts=3).server_time_ms() == 1499827319559
        assert len(exchange.asked) == 2


def test_retry_after_is_obeyed_and_told() -> None:
    with answering(Answer(429, headers={"Retry-After": "0"}), TIME) as exchange:
        assert RestClient(exchange.at, attempts=2).server_time_ms() == 1499827319559
    for status in (429, 418):
        with answering(Answer(status, headers={"Retry-After": "37"})) as exchange:
            with pytest.raises(RateLimited) as limited:
                RestClient(exchange.at, attempts=1).server_time_ms()
            assert limited.value.retry_after_s == 37.0
            assert isinstance(limited.value, Banned) == (status == 418)


@pytest.mark.parametrize(
    ("header", "wait_s"), [("Wed, 21 Oct 2026 07:28:00 GMT", 60.0), ("inf", 60.0), ("0", 1.0), ("-5", 1.0), ("", 60.0)]
)
def test_a_retry_after_without_a_use_neither_ends_nor_hurries_us(header: str, wait_s: float) -> None:
    with answering(Answer(429, headers={"Retry-After": header})) as exchange:
        with pytest.raises(RateLimited) as limited:
            RestClient(exchange.at, attempts=1).server_time_ms()
        assert limited.value.retry_after_s == wait_s


@pytest.mark.parametrize("status", [451, 403, 400])
def test_what_is_refused_is_not_asked_again(status: int) -> None:
    with answering(Answer(status)) as exchange:
        with pytest.raises(RequestRefused, match=f"HTTP {status}") as refused:
            RestClient(exchange.at, attempts=5).server_time_ms()
        assert refused.value.status == status
        assert len(exchange.asked) == 1


def test_nobody_listening_is_unavailable() -> None:
    with answering(TIME) as exchange:
        gone = exchange.at
    with pytest.raises(ServiceUnavailable, match="does not answer"):
        RestClient(gone, attempts=1).server_time_ms()


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


def test_where_each_feed_is() -> None:
    usdm = endpoints_of(Settings(feed="binance_usdm"))
    assert (usdm.market, usdm.rest_prefix, usdm.depth_weights[1000]) == ("usdm", "/fapi/v1", 20)
    simulator = endpoints_of(Settings(feed="simulator", simulator_port=9))
    assert (simulator.websocket, simulator.rest) == ("ws://127.0.0.1:9", "http://127.0.0.1:9")
    with pytest.raises(SettingsError, match="FEED=recording has no exchange"):
        endpoints_of(Settings(feed="recording"))
