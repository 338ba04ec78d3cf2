"""What a connection tells its partition, with sockets that do nothing by themselves."""

from __future__ import annotations

import pytest

from connectors.binance import connection as module
from connectors.binance.arrival_queue import ArrivalQueue
from connectors.binance.arrivals import Closed, Opened, SymbolsChanged
from connectors.binance.attempts import AttemptLimiter
from connectors.binance.connection import StreamConnection
from connectors.binance.receive_clock import MachineClock
from connectors.binance.stream_socket import StreamSocket


class IdleSocket(StreamSocket):
    """Neither connects nor reads."""

    def start(self) -> None:
        opened.append(self)


opened: list[IdleSocket] = []


def test_symbols_that_were_removed_during_the_handshake_do_not_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    opened.clear()
    monkeypatch.setattr(module, "StreamSocket", IdleSocket)
    arrivals = ArrivalQueue()
    connection = StreamConnection(
        "one", "ws://127.0.0.1:9", ("BTCUSDT",), arrivals, attempts=AttemptLimiter(), clock=MachineClock()
    )
    connection.step(silent=False)
    connection.follow(())
    [socket] = opened
    connection.opened(socket)
    connection.step(silent=False)
    connection.ended(socket, "it was closed", 0.0)
    came = arrivals.take(10)
    assert [type(arrival) for arrival in came] == [SymbolsChanged, Opened, Closed]
    assert isinstance(came[0], SymbolsChanged)
    assert (came[0].added, came[0].removed) == ((), ("BTCUSDT",))
