from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from dataflows.partition_clock import PartitionClock
from dataflows.routing import router
from orderbook.messages import Book, DeadLetter, Heartbeat, Trade
from orderbook.settings import Settings
from orderbook.topics import partition_of
from tests.records import new_trade


def heartbeat(symbol: str, event_time_ms: int, receive_time_ms: int = 0) -> Heartbeat:
    return Heartbeat(
        venue="v", symbol=symbol, event_time_ms=event_time_ms, receive_time_ms=receive_time_ms, update_id=1,
        state="live", reason=None, books=0, gaps=0, resyncs=0, oracle_checks=0, oracle_mismatches=0, held_back=0,
        unreadable=0,
    )  # fmt: skip


def book(symbol: str, event_time_ms: int) -> Book:
    return Book(
        venue="v", symbol=symbol, event_time_ms=event_time_ms, receive_time_ms=0, update_id=1, bid_price=[1.0],
        bid_qty=[1.0], ask_price=[2.0], ask_qty=[1.0], state="live",
    )  # fmt: skip


def trade(symbol: str, event_time_ms: int) -> Trade:
    return new_trade(symbol, event_time_ms, 1)


def settings(**changed: Any) -> Settings:  # noqa: ANN401 - whatever a setting holds
    return Settings(topic_prefix="t", watermark_delay_ms=500, **changed)


def test_within_the_delay_nothing_is_moved_and_beyond_it_the_oldest_time_that_counts() -> None:
    clock = PartitionClock(500)
    assert clock.admit(0, book("A", 10_000)).event_time_ms == 10_000
    on_time = book("B", 9_500)
    assert clock.admit(0, on_time) is on_time
    moved = clock.admit(0, book("B", 9_499))
    assert (moved.event_time_ms, moved.symbol, moved.bid_price) == (9_500, "B", [1.0])
    assert clock.admit(1, book("C", 1)).event_time_ms == 1
    assert clock.moved == 1


@given(
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from("ABCD"), st.integers(0, 3_000)), max_size=200),
    st.integers(0, 1_000),
)
def test_nothing_is_late_and_no_symbol_goes_back(steps: list[tuple[int, str, int]], delay_ms: int) -> None:
    clock = PartitionClock(delay_ms)
    given_ms: dict[str, int] = {}
    published: dict[int, list[int]] = {}
    of_symbol: dict[str, list[int]] = {}
    for partition, letter, event_time_ms in steps:
        symbol = f"{letter}{partition}"
        given_ms[symbol] = max(given_ms.get(symbol, 0), event_time_ms)
        at_ms = clock.admit(partition, heartbeat(symbol, given_ms[symbol])).event_time_ms
        before = published.setdefault(partition, [])
        assert at_ms >= given_ms[symbol]
        assert not before or at_ms >= max(before) - delay_ms
        assert at_ms == given_ms[symbol] or at_ms == max(before) - delay_ms
        before.append(at_ms)
        of_symbol.setdefault(symbol, []).append(at_ms)
    assert all(times == sorted(times) for times in of_symbol.values())


def test_messages_go_to_their_topic_and_their_symbol_s_partition() -> None:
    route = router(settings(topic_partitions=7), ("BTCUSDT",))
    [of_book] = route(book("BTCUSDT", 5))
    assert (of_book.topic, of_book.key, of_book.partition) == ("t.raw", b"BTCUSDT", partition_of("BTCUSDT", 7))
    [of_trade] = route(trade("LATERUSDT", 5))
    assert (of_trade.topic, of_trade.partition) == ("t.trades", partition_of("LATERUSDT", 7))
    of_raw, of_trades = route(heartbeat("BTCUSDT", 6, 6))
    assert (of_raw.topic, of_trades.topic) == ("t.raw", "t.trades")
    assert (of_trades.key, of_trades.partition, of_trades.value) == (of_raw.key, of_raw.partition, of_raw.value)
    letter = DeadLetter(venue="v", origin="o", receive_time_ms=0, reason="r", payload="p")
    [of_letter] = route(letter)
    assert (of_letter.topic, of_letter.key, of_letter.partition) == ("t.dead_letter", None, None)


def test_the_event_time_of_what_lags_is_moved_on_topic_raw_only() -> None:
    route = router(settings(topic_partitions=1), ("A", "B"))
    route(book("A", 10_000))
    [record] = route(book("B", 8_000))
    assert msgspec.json.decode(record.value)["event_time_ms"] == 9_500
    [record] = route(trade("B", 8_000))
    assert msgspec.json.decode(record.value)["event_time_ms"] == 8_000


def placed(route: Any, now_ms: int) -> list[int]:  # noqa: ANN401 - the router's function
    records = route(heartbeat("", now_ms, now_ms))
    assert {(record.topic, record.key) for record in records} <= {("t.raw", b""), ("t.trades", b"")}
    of_raw, of_trades = ([r.partition for r in records if r.topic == topic] for topic in ("t.raw", "t.trades"))
    assert of_raw == of_trades
    return of_raw


def test_clock_heartbeats_go_where_no_symbol_lives_and_follow_what_comes_and_goes() -> None:
    partitions = 4
    btc, eth = partition_of("BTCUSDT", partitions), partition_of("ETHUSDT", partitions)
    assert btc != eth
    route = router(settings(topic_partitions=partitions), ("BTCUSDT",))
    rest = [number for number in range(partitions) if number != btc]
    assert placed(route, 100_000) == rest  # also before the first record
    route(heartbeat("BTCUSDT", 100_500, 100_500))
    route(heartbeat("ETHUSDT", 100_500, 100_500))
    assert placed(route, 101_000) == [number for number in rest if number != eth]
    for now_ms in (101_500, 102_500, 103_500, 104_500):
        route(heartbeat("BTCUSDT", now_ms, now_ms))
    assert placed(route, 104_600) == rest  # ETHUSDT is gone
    route(heartbeat("ETHUSDT", 104_700, 104_700))
    route(heartbeat("BTCUSDT", 105_000, 5_000))  # the receive clock went back
    assert placed(route, 5_000) == rest
