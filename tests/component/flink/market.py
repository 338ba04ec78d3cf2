"""A small market for the job's tests: every kind of record that topic raw may hold, the same in every run."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace
from typing import Literal

from orderbook.messages import Book, BookState, FeedGap, GapCause, Heartbeat, RawMessage, Trade, encode
from orderbook.topics import partition_of, uncovered_partitions
from tests.component.flink import poison
from tests.records import new_book, new_heartbeat, new_trade

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
QUIET = "ADAUSDT"
TRADED_FOR_DAYS = "SOLUSDT"
PARTITIONS = 5
BEGIN_MS = 1_723_161_255_137
SECONDS = 40
DEPTH = 4
"""Levels the tests' metrics read; the books hold up to six."""


@dataclass(frozen=True, slots=True)
class Record:
    """One Kafka record; `message` is None where it cannot be read, and of the heartbeats on topic trades."""

    partition: int
    key: str
    value: bytes
    message: RawMessage | Trade | None
    topic: Literal["raw", "trades"] = "raw"


def book(
    symbol: str,
    time_ms: int,
    update_id: int,
    bids: list[float],
    asks: list[float],
    *,
    spread: int,
    state: BookState = "live",
) -> Book:
    """A book around 100.00, its ask `spread` ticks above its bid; quantities best first.

    What rests beyond its levels is told too, every third time only in part.
    """
    known = update_id % 3 > 0
    bid, ask = sum(bids, 0.0), sum(asks, 0.0)
    return new_book(
        symbol,
        time_ms,
        update_id,
        [(round(100 - 0.01 * level, 2), quantity) for level, quantity in enumerate(bids)],
        [(round(100 + 0.01 * (spread + level), 2), quantity) for level, quantity in enumerate(asks)],
        lag_ms=3,
        bid_depth_within=[bid, 2.5 * bid, 4 * bid, 8 * bid if known else None],
        ask_depth_within=[ask, 1.5 * ask, 3 * ask if known else None, 9 * ask if known else None],
        buy_sweep_bps=[spread / 2, spread + update_id / 1000 if known else None],
        sell_sweep_bps=[spread / 3 if known else None, spread + update_id / 900 if known else None],
        state=state,
    )


def heartbeat(
    symbol: str,
    time_ms: int,
    state: BookState = "live",
    reason: str | None = None,
    cause: GapCause | None = None,
) -> Heartbeat:
    return new_heartbeat(symbol, time_ms, lag_ms=3, state=state, cause=cause, reason=reason)


def feed_gap(symbol: str, time_ms: int) -> FeedGap:
    """The end of a stretch so short that no heartbeat told of it."""
    return FeedGap(
        venue="simulator",
        symbol=symbol,
        event_time_ms=time_ms,
        receive_time_ms=time_ms + 3,
        gap_id=f"{symbol}{time_ms}",
        cause="gap",
        reason="sequence gap",
        start_event_time_ms=time_ms - 20,
        start_receive_time_ms=time_ms - 17,
        end_event_time_ms=time_ms,
        end_receive_time_ms=time_ms + 3,
    )


def _lively(symbol: str) -> list[RawMessage]:
    """Pressure that swings for seconds, a spread that jumps, one-sided books, two stretches of mistrust."""
    dice = random.Random(symbol)  # noqa: S311 - a market, not a secret
    pressure, wide_until, update_id = 0.0, 0, 1000
    messages: list[RawMessage] = []
    time_ms, next_beat = BEGIN_MS, BEGIN_MS
    mistrusted = range(BEGIN_MS + 20_000, BEGIN_MS + 22_500)
    unverified = range(BEGIN_MS + 30_300, BEGIN_MS + 32_600)
    while time_ms < BEGIN_MS + SECONDS * 1000:
        while next_beat <= time_ms:
            known = next_beat not in mistrusted
            messages.append(
                heartbeat(symbol, next_beat)
                if known
                else heartbeat(symbol, next_beat, "resyncing", "sequence gap", "gap")
            )
            next_beat += 1000
        if dice.random() < 0.02:
            messages.append(feed_gap(symbol, time_ms))
        if time_ms not in mistrusted:
            pressure = max(-0.95, min(0.95, 0.97 * pressure + dice.gauss(0, 0.2)))
            if mistrusted.start - 5000 <= time_ms < mistrusted.start:
                pressure = 0.8
            if dice.random() < 0.01:
                wide_until = time_ms + 2500
            size = 6 if dice.random() < 0.9 else dice.randint(0, 3)
            bids = [round(dice.uniform(0.5, 1.5) * (1 + pressure), 5) for _ in range(size)]
            asks = [round(dice.uniform(0.5, 1.5) * (1 - pressure), 5) for _ in range(6)]
            update_id += dice.randint(1, 9)
            state: BookState = "unverified" if time_ms in unverified else "live"
            spread = 5 if time_ms < wide_until else 1
            messages.append(book(symbol, time_ms, update_id, bids, asks, spread=spread, state=state))
        time_ms += dice.choice([0, 40, 100, 100, 120, 200])
    return messages


def _quiet() -> list[RawMessage]:
    """One second of books that press, then silence: only heartbeats can fire what follows, and resolve it."""
    messages: list[RawMessage] = [heartbeat(QUIET, BEGIN_MS)]
    messages += [book(QUIET, BEGIN_MS + 100 * i, i, [9.0] * 6, [1.0] * 6, spread=1) for i in range(1, 10)]
    messages += [heartbeat(QUIET, BEGIN_MS + 1000 * second) for second in range(1, 10)]
    messages.append(book(QUIET, BEGIN_MS + 9_500, 11, [1.0] * 6, [1.0] * 6, spread=1))
    return messages + [heartbeat(QUIET, BEGIN_MS + 1000 * second) for second in range(10, SECONDS)]


def _trades(symbol: str) -> list[Trade]:
    """Bursts of trades, with seconds in which nothing is traded."""
    dice = random.Random(f"trades of {symbol}")  # noqa: S311 - a market, not a secret
    times = sorted(
        BEGIN_MS + 1000 * second + dice.randrange(1000)
        for second in range(SECONDS)
        for _ in range(dice.choice([0, 0, 1, 2, 7]))
    )
    if symbol == TRADED_FOR_DAYS:
        # Two UTC days and a part of the one before, so that VPIN's buckets take their size from the day before.
        times = [BEGIN_MS - 2_400_000 * ago - dice.randrange(2_000_000) for ago in range(80, 0, -1)] + times
    return [
        new_trade(
            symbol,
            time_ms,
            number,
            lag_ms=3,
            quantity=round(dice.uniform(0.01, 3), 5),
            aggressor=dice.choice(["buy", "sell"]),
        )
        for number, time_ms in enumerate(times)
    ]


def _of_both_topics(record: Record) -> list[Record]:
    """A heartbeat moves the event time of topic trades too."""
    if isinstance(record.message, Heartbeat):
        return [record, replace(record, message=None, topic="trades")]
    return [record]


def _poison() -> list[Record]:
    """What must be left out, under the key and in the partition of a symbol, and without a key in every partition."""
    sound = book("BTCUSDT", BEGIN_MS + 5000, 1, [1.0] * 6, [1.0] * 6, spread=1)
    of_raw = poison.of_raw(sound, heartbeat("BTCUSDT", BEGIN_MS + 5000), feed_gap("BTCUSDT", BEGIN_MS + 5000))
    of_trades = poison.of_trades(_trades("BTCUSDT")[0], sound)
    home = partition_of("BTCUSDT", PARTITIONS)
    bad = [Record(home, "BTCUSDT", payload, None) for payload in of_raw]
    bad += [Record(home, "BTCUSDT", payload, None, "trades") for payload in of_trades]
    keyless = next(payload for payload, reason in of_raw.items() if "after its receive_time_ms" in reason)
    return bad + [Record(partition, "", keyless, None) for partition in range(PARTITIONS)]


def records() -> list[Record]:
    """Every record, each partition's in its order, followed by the heartbeats that close the last window."""
    lives = {symbol: _lively(symbol) for symbol in SYMBOLS} | {QUIET: _quiet()}
    for symbol, messages in lives.items():
        messages += [heartbeat(symbol, BEGIN_MS + 1000 * (SECONDS + second)) for second in range(1, 9)]
    streams = {(symbol, partition_of(symbol, PARTITIONS)): messages for symbol, messages in lives.items()}
    clocks = uncovered_partitions(tuple(lives), PARTITIONS)
    assert clocks, "the tests need a partition that only a clock keeps moving"
    for partition in clocks:
        streams["", partition] = [heartbeat("", BEGIN_MS + 1000 * second) for second in range(SECONDS + 9)]
    merged = sorted(
        ((m.event_time_ms, stream, i, m) for stream, messages in streams.items() for i, m in enumerate(messages)),
        key=lambda entry: entry[:3],
    )
    of_raw = [Record(partition, key, encode(message), message) for _, (key, partition), _, message in merged]
    of_trades = [
        Record(partition_of(symbol, PARTITIONS), symbol, encode(trade), trade, "trades")
        for symbol in SYMBOLS
        for trade in _trades(symbol)
    ]
    both = [record for one in of_raw for record in _of_both_topics(one)] + of_trades
    times = {id(record): json.loads(record.value)["event_time_ms"] for record in both}
    produced = sorted(both, key=lambda record: times[id(record)])
    bad = _poison()
    for position, record in enumerate(bad, start=1):
        produced.insert(position * len(produced) // (len(bad) + 1), record)
    return produced
