"""A small market that writes what the bridge writes to Redis: for tests of the dashboard without the pipeline.

The figures come from a seeded random walk. Imbalance follows each symbol's `lean`, which a test may set.
"""

from __future__ import annotations

import random
import threading
import time
from types import TracebackType
from typing import Final, Literal, Self

import msgspec
import redis

from orderbook import keys
from orderbook.messages import Alert, Book, BookState, Heartbeat, Metrics, encode
from tests.records import new_book, new_heartbeat, new_metrics

LEVELS: Final = 20
DEPTH: Final = 10
START_PRICES: Final = {"BTCUSDT": 61_000.0, "ETHUSDT": 2_610.0, "SOLUSDT": 148.0, "BNBUSDT": 512.0, "ADAUSDT": 0.423}
RECENT_ROWS: Final = 3000
TTL_S: Final = 60

_json = msgspec.json.Encoder()


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Market:
    """One symbol's book as it goes on, deterministic for its name but for the clock."""

    def __init__(self, symbol: str, venue: str) -> None:
        self.symbol = symbol
        self.venue = venue
        self.lean = 0.0
        self.state: BookState = "live"
        self.reason: str | None = None
        self.clock_offset_ms = 0
        self.update_id = 1_000
        self.spread_ticks = 1
        self._random = random.Random(symbol)  # noqa: S311 - a market, not a secret
        self._mid = START_PRICES.get(symbol, 1.0 + self._random.random() * 100)
        self._tick = 10 ** (-2 if self._mid > 10 else -4)
        self._imbalance = 0.0
        self._snapshot_ms = now_ms()
        self._spreads: list[float] = []
        self._newest_book: Book | None = None

    def book(self) -> Book:
        self.update_id += self._random.randint(1, 9)
        self._imbalance += 0.12 * (self.lean - self._imbalance) + self._random.gauss(0, 0.035)
        self._imbalance = max(-0.95, min(0.95, self._imbalance))
        self._mid *= 1 + self._random.gauss(0.00001 * self._imbalance, 0.00002)
        bid = round(self._mid / self._tick) * self._tick
        ask = bid + self._tick * self.spread_ticks
        time_ms = now_ms() - self.clock_offset_ms
        bids = [(round(bid - level * self._tick, 6), self._quantity(1 + self._imbalance)) for level in range(LEVELS)]
        asks = [(round(ask + level * self._tick, 6), self._quantity(1 - self._imbalance)) for level in range(LEVELS)]
        self._newest_book = new_book(self.symbol, time_ms, self.update_id, bids, asks, venue=self.venue)
        return self._newest_book

    def metrics(self, book: Book) -> Metrics:
        bids, asks = book.bid_qty[:DEPTH], book.ask_qty[:DEPTH]
        bid, ask = book.bid_price[0], book.ask_price[0]
        mid = (bid + ask) / 2
        self._spreads = [*self._spreads[-599:], ask - bid]
        weighted_bid = sum(quantity / (level + 1) for level, quantity in enumerate(bids))
        weighted_ask = sum(quantity / (level + 1) for level, quantity in enumerate(asks))
        return new_metrics(
            book.symbol,
            book.event_time_ms,
            book.update_id,
            venue=book.venue,
            best_bid=bid,
            best_bid_qty=bids[0],
            best_ask=ask,
            best_ask_qty=asks[0],
            bid_depth=sum(bids),
            ask_depth=sum(asks),
            bid_weighted_depth=weighted_bid,
            ask_weighted_depth=weighted_ask,
            spread_baseline=sum(self._spreads) / len(self._spreads),
            imbalance_ratio=(sum(bids) - sum(asks)) / (sum(bids) + sum(asks)),
            weighted_imbalance=(weighted_bid - weighted_ask) / (weighted_bid + weighted_ask),
            vtob_ratio=(bids[0] + asks[0]) / (sum(bids) + sum(asks)),
            spread=ask - bid,
            spread_bps=10_000 * (ask - bid) / mid,
            mid=mid,
        )

    def heartbeat(self) -> Heartbeat:
        time_ms = now_ms() - self.clock_offset_ms
        return new_heartbeat(
            self.symbol,
            time_ms,
            venue=self.venue,
            update_id=self.update_id,
            state=self.state,
            reason=self.reason,
            books=self.update_id,
            oracle_checks=self.update_id,
            snapshot_age_ms=time_ms - self._snapshot_ms,
            bid_coverage_bps=38.25,
            ask_coverage_bps=104.6,
            stale_after_ms=3_200,
            clock_offset_ms=-1_320,
            latency_counts=[0, 0, 0, 40, 55, 0, 5, 0, 0, 0, 0, 0, 0],
        )

    def _quantity(self, weight: float) -> float:
        size: float = 1_000 / self._mid**0.7
        return round(max(0.001, weight * self._random.uniform(0.2, 2.0) * size), 5)


def alert(
    symbol: str,
    *,
    alert_id: str,
    step: int = 0,
    rule: str = "extreme_imbalance",
    side: Literal["bid", "ask"] | None = "bid",
    status: Literal["FIRING", "ESCALATED", "RECOVERING", "RESOLVED", "SUPPRESSED", "MATCHED"] = "FIRING",
    severity: Literal["medium", "high"] = "medium",
    onset_ms: int,
    event_ms: int | None = None,
    peak: float = 0.6,
    venue: str = "simulator",
    reason: str | None = None,
) -> Alert:
    return Alert(
        venue=venue,
        symbol=symbol,
        alert_id=alert_id,
        step=step,
        rule=rule,
        side=side,
        status=status,
        severity=severity,
        event_time_ms=event_ms if event_ms is not None else onset_ms,
        onset_time_ms=onset_ms,
        value=peak,
        peak=peak,
        threshold=0.7 if severity == "high" else 0.5,
        reason=reason,
    )


class Feeder:
    """Writes every market's books and metrics ten times a second and its heartbeat each second, in a thread.

    `writes_metrics` and `writes_raw` stop one of the two, as a dead Flink job or a dead ingest would. A Redis that is
    away is waited for.
    """

    def __init__(
        self, host: str, port: int, symbols: tuple[str, ...], venue: str = "simulator", every_s: float = 0.1
    ) -> None:
        self.markets = {symbol: Market(symbol, venue) for symbol in symbols}
        self.writes_metrics = True
        self.writes_raw = True
        self.quiet: set[str] = set()
        self.redis: redis.Redis = redis.Redis(host=host, port=port, socket_timeout=2)
        self._every_s = every_s
        self._ending = threading.Event()
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="feeder")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join()
        self.redis.close()
        if self._failed is not None:
            raise self._failed

    def step(self, message: Alert) -> None:
        """Write one step of an alert as the bridge does."""
        payload = encode(message)
        pipeline = self.redis.pipeline()
        if message.status in {"RESOLVED", "MATCHED"}:
            pipeline.hdel(keys.ACTIVE_ALERTS, message.alert_id)
        else:
            pipeline.hset(keys.ACTIVE_ALERTS, message.alert_id, payload)
        pipeline.xadd(keys.RECENT_ALERTS, {"alert": payload}, maxlen=1000)
        pipeline.execute()

    def _run(self) -> None:
        heartbeat_due = 0.0
        try:
            while not self._ending.is_set():
                beats = time.monotonic() >= heartbeat_due
                if beats:
                    heartbeat_due = time.monotonic() + 1.0
                try:
                    self._write(beats=beats)
                except (redis.ConnectionError, redis.TimeoutError):
                    self._ending.wait(0.2)
                self._ending.wait(self._every_s)
        except BaseException as error:  # noqa: BLE001 - given to whoever started the thread
            self._failed = error

    def _write(self, *, beats: bool) -> None:
        pipeline = self.redis.pipeline(transaction=False)
        for symbol, market in self.markets.items():
            if symbol not in self.quiet and market.state == "live" and self.writes_raw:
                book = market.book()
                pipeline.set(keys.book(symbol), encode(book), ex=TTL_S)
                if self.writes_metrics:
                    payload = _json.encode(market.metrics(book))
                    pipeline.set(keys.latest(symbol), payload, ex=TTL_S)
                    pipeline.xadd(keys.recent(symbol), {"metrics": payload}, maxlen=RECENT_ROWS)
            if beats and self.writes_raw:
                pipeline.set(keys.heartbeat(symbol), encode(market.heartbeat()), ex=TTL_S)
        pipeline.execute()
