"""The whole connection goes wrong: all symbols are distrusted together, or the change of connections goes unseen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.faults.exchange import Exchange

pytestmark = pytest.mark.recovery

ALL = "all were on the connection"
CLOSE_CODES = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014)

ENDED: list[dict[str, Any]] = [{"kind": "disconnect"}, *({"kind": "close", "code": code} for code in CLOSE_CODES)]


def name_of(fault: dict[str, Any]) -> str:
    return " ".join(str(value) for value in fault.values())


@pytest.mark.parametrize("fault", ENDED, ids=name_of)
def test_every_symbol_is_distrusted_and_comes_back(exchange: Exchange, fault: dict[str, Any]) -> None:
    injected = exchange.inject(**fault)
    stretches = [exchange.away(symbol, injected) for symbol in exchange.symbols]
    assert {away.causes for away in stretches} == {("disconnected",)}
    exchange.books_follow(exchange.symbols, injected)
    exchange.tell(injected, max(stretches, key=lambda away: away.recovered_s), others=ALL)


@pytest.mark.parametrize("kind", ["stall_all", "half_open"])
def test_a_connection_that_falls_silent_is_noticed_by_every_symbol_s_own_pace(exchange: Exchange, kind: str) -> None:
    """A symbol that has paused for longer before may not have noticed when the silence is over."""
    lasts = {"duration_s": exchange.too_long_s("ETHUSDT")} if kind == "stall_all" else {}
    injected = exchange.inject(kind=kind, **lasts)
    stretches = [exchange.away(symbol, injected) for symbol in exchange.symbols]
    assert {away.causes[-1] for away in stretches} == {"gap"}
    assert all(set(away.causes) <= {"silent", "stale", "gap"} for away in stretches)
    noticed = [away for away in stretches if away.causes[0] == "silent"]
    assert noticed
    exchange.books_follow(exchange.symbols, injected)
    exchange.tell(injected, max(noticed, key=lambda away: away.recovered_s), others=ALL)


def test_an_exchange_that_refuses_is_tried_until_it_does_not(exchange: Exchange) -> None:
    exchange.inject(kind="refuse", duration_s=4.0)
    injected = exchange.inject(kind="disconnect")
    stretches = [exchange.away(symbol, injected) for symbol in exchange.symbols]
    assert {away.causes for away in stretches} == {("disconnected",)}
    exchange.books_follow(exchange.symbols, injected)
    longest = max(stretches, key=lambda away: away.recovered_s)
    exchange.tell(replace(injected, name="refuse duration_s=4.0, with disconnect"), longest, others=ALL)


@pytest.mark.parametrize(
    "fault", [{"kind": "server_shutdown", "notice_s": 6.0}, {"kind": "cut_24h"}], ids=["server_shutdown", "cut_24h"]
)
def test_an_announced_end_goes_unseen(exchange: Exchange, fault: dict[str, Any]) -> None:
    """The next connection is up and delivering before the old one ends: nothing is lost, nothing comes twice."""
    before = exchange.connections()
    injected = exchange.inject(**fault)
    exchange.connections_become(before + 1)
    exchange.connections_become(before)
    exchange.books_follow(exchange.symbols, injected)
    exchange.stays_live(exchange.symbols, injected)
    exchange.everything_once(injected)
    exchange.tell(injected, None)


def test_pings_without_an_answer_do_not_end_a_connection_that_delivers(exchange: Exchange) -> None:
    injected = exchange.inject(kind="no_pong", duration_s=2.0)
    exchange.books_follow(exchange.symbols, injected)
    exchange.stays_live(exchange.symbols, injected)
    exchange.tell(injected, None)
