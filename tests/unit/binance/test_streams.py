from __future__ import annotations

import json

from connectors.binance.streams import MOST_STREAMS, MOST_SYMBOLS, confirmed, stream_plan


def streams_of(url: str) -> list[str]:
    base, _, names = url.partition("?streams=")
    assert base == "wss://here/stream"
    return names.split("/")


def test_a_few_symbols_stand_in_the_address() -> None:
    plan = stream_plan("wss://here", ["BTCUSDT", "ETHBTC"])
    assert streams_of(plan.url) == [
        "btcusdt@depth@100ms", "btcusdt@trade", "btcusdt@bookTicker",
        "ethbtc@depth@100ms", "ethbtc@trade", "ethbtc@bookTicker",
    ]  # fmt: skip
    assert plan.commands == ()


def test_many_symbols_are_asked_for_in_address_and_commands_each_stream_once() -> None:
    symbols = [f"COIN{number:05}USDT" for number in range(MOST_SYMBOLS)]
    plan = stream_plan("wss://here", symbols)
    assert len(plan.url) < 8_000
    asked = streams_of(plan.url)
    for command in plan.commands:
        sent = json.loads(command.text)
        assert (sent["method"], sent["id"]) == ("SUBSCRIBE", command.id)
        assert len(sent["params"]) <= 200
        asked += sent["params"]
    expected = [f"{name.lower()}@{kind}" for name in symbols for kind in ("depth@100ms", "trade", "bookTicker")]
    assert asked == expected
    assert len(asked) <= MOST_STREAMS
    assert [command.id for command in plan.commands] == list(range(1, len(plan.commands) + 1))


def test_what_confirms_a_command() -> None:
    assert confirmed(b'{"result":null,"id":3}') == 3
    assert confirmed(b'{"error":{"code":2,"msg":"Invalid request"},"id":3}') is None
    assert confirmed(b'{"e":"serverShutdown","E":1}') is None
    for unreadable in (b"nonsense", b'{"id":"\xff"}', b'{"x":' + b"[" * 5000):
        assert confirmed(unreadable) is None
