"""The one data consumer of the process: it looks at Redis and the database, and every session reads what it found."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from orderbook.alerts.rules import EXTREME_IMBALANCE
from orderbook.errors import ServiceUnavailable
from panel_app.episodes import KEPT_EPISODES, Episode, EpisodeBook, episode_of
from panel_app.faults import Fault, Outage, faults_of
from panel_app.following import following
from panel_app.history_reads import HistoryReads
from panel_app.markets import Market, Markets
from panel_app.redis_reads import Look, RedisReads
from panel_app.tape import Tape
from runtime.alert_rules import rules_in_force
from runtime.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from orderbook.messages import Alert, Book
    from orderbook.settings import Settings

LOOK_EVERY_S: Final = 0.25
RETRY_EVERY_S: Final = 1.0
ALERTS_EVERY_S: Final = 10.0
HISTORY_EVERY_S: Final = 0.5

CHART_MINUTES: Final = 15
"""How far back the charts reach."""

TAPE_CAPACITY: Final = 12_000
"""Points kept a watched symbol: the chart's minutes at ten a second, with room."""

log = get_logger("dashboard")


def wall_clock_ms() -> int:
    """The machine's clock in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known at `now_ms`; a new one at each look.

    `markets` holds one for each symbol that is followed, in the roster's order; `books` only the watched symbols'.
    """

    now_ms: int
    markets: tuple[Market, ...]
    books: Mapping[str, Book]
    episodes: tuple[Episode, ...]
    active: tuple[Episode, ...]
    faults: tuple[Fault, ...]

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols that are followed; empty while none is known."""
        return tuple(market.symbol for market in self.markets)

    def market(self, symbol: str) -> Market | None:
        """One symbol's market; None for a symbol that is not followed."""
        return next((market for market in self.markets if market.symbol == symbol), None)


class Live:
    """Follows Redis in one thread and the database in another, so that a slow database holds up no live number.

    `snapshot` may be called from any thread at any time. `failed` is called once, from its thread, if a thread ends
    by an error that was not foreseen; the process should then end, to be started again.
    """

    def __init__(
        self, settings: Settings, failed: Callable[[], None], clock_ms: Callable[[], int] = wall_clock_ms
    ) -> None:
        self._settings = settings
        self._failed = failed
        self._clock_ms = clock_ms
        self._started_ms = clock_ms()
        self._following = following(settings)
        self._markets = Markets(rules_in_force(settings).rule(EXTREME_IMBALANCE).terms.thresholds)
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._episodes = EpisodeBook()
        self._tapes: dict[str, Tape] = {}
        self._watchers: dict[str, int] = {}
        self._cursors: dict[str, str] = {}
        self._alert_cursor: str | None = None
        self._history_epochs: dict[str, int] = {}
        self._redis_outage: Outage | None = None
        self._database_outage: Outage | None = None
        self._last_look: Look | None = None
        self._follow_roster()
        self._publish()
        self._threads = (
            threading.Thread(target=self._guarded, args=(self._follow_redis,), name="redis-reader", daemon=True),
            threading.Thread(target=self._guarded, args=(self._follow_database,), name="history-reader", daemon=True),
        )

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot."""
        return self._snapshot

    def start(self) -> None:
        """Start to follow."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop; returns when both threads have ended or will within their time-outs."""
        self._ending.set()
        for thread in self._threads:
            thread.join(timeout=RETRY_EVERY_S)

    def watch(self, symbol: str) -> Tape:
        """Follow a symbol's book and recent rows until `unwatch` was called as often; return its tape."""
        with self._lock:
            self._watchers[symbol] = self._watchers.get(symbol, 0) + 1
            if symbol not in self._tapes:
                self._tapes[symbol] = Tape(TAPE_CAPACITY, self._settings.spread_alert_multiplier)
            return self._tapes[symbol]

    def unwatch(self, symbol: str) -> None:
        """Say that one watcher of the symbol has gone; the last one lets its tape go too."""
        with self._lock:
            self._watchers[symbol] -= 1
            if not self._watchers[symbol]:
                for kept in (self._watchers, self._tapes, self._cursors, self._history_epochs):
                    kept.pop(symbol, None)

    def _guarded(self, follow: Callable[[], None]) -> None:
        try:
            follow()
        except Exception:
            log.exception("reader_failed", thread=threading.current_thread().name)
            self._failed()

    def _follow_redis(self) -> None:
        reads = RedisReads(self._settings)
        while not self._ending.is_set():
            pause_s = LOOK_EVERY_S
            self._follow_roster()
            with self._lock:
                watched = {symbol: self._cursors.get(symbol) for symbol in self._tapes}
            try:
                look = reads.look(self._markets.symbols, watched, self._alert_cursor)
            except ServiceUnavailable as down:
                self._lose_redis(str(down))
                pause_s = RETRY_EVERY_S
            else:
                self._take(look)
            self._publish()
            self._ending.wait(pause_s)
        reads.close()

    def _follow_roster(self) -> None:
        symbols = self._following.symbols(self._clock_ms())
        if symbols == self._markets.symbols:
            return
        log.info("symbols_followed", symbols=len(symbols))
        with self._lock:
            self._markets.follow(symbols)
            self._episodes.forget_others(frozenset(symbols))
        # The steps of alerts of a symbol that comes are in the stream before the place read up to.
        self._alert_cursor = None

    def _lose_redis(self, error: str) -> None:
        if self._redis_outage is None:
            log.warning("redis_lost", error=error)
            self._redis_outage = Outage(self._clock_ms(), error)
        # A server that comes back may hold other streams: they are read from their start again.
        self._alert_cursor = None
        with self._lock:
            self._cursors.clear()

    def _take(self, look: Look) -> None:
        if self._redis_outage is not None:
            log.info("redis_back", after_ms=self._clock_ms() - self._redis_outage.since_ms)
            self._redis_outage = None
        self._last_look = look
        self._alert_cursor = look.alert_cursor
        with self._lock:
            self._episodes.learn(self._followed(look.alert_steps))
            self._episodes.activate(self._followed(look.active_alerts))
            for symbol, read in look.recent.items():
                tape = self._tapes.get(symbol)
                if tape is None or read.whole != (symbol not in self._cursors):
                    continue  # watched anew while Redis was being read: the next look reads it from the start
                self._cursors[symbol] = read.cursor
                if read.whole:
                    tape.replace(read.rows)
                else:
                    tape.append(read.rows)

    def _followed(self, steps: Iterable[Alert]) -> Iterator[Episode]:
        return (episode_of(step) for step in steps if step.symbol in self._markets)

    def _publish(self) -> None:
        now_ms = self._clock_ms()
        look = self._last_look
        metrics = look.metrics if look is not None else {}
        heartbeats = look.heartbeats if look is not None else {}
        markets = self._markets.observe(metrics, heartbeats, now_ms)
        with self._lock:
            episodes, active = self._episodes.newest(), self._episodes.active()
        faults = faults_of(
            now_ms=now_ms,
            started_ms=self._started_ms,
            markets=markets,
            redis=self._redis_outage,
            database=self._database_outage,
            unreadable=look.unreadable if look is not None else 0,
        )
        self._snapshot = Snapshot(now_ms, markets, look.books if look is not None else {}, episodes, active, faults)

    def _follow_database(self) -> None:
        reads = HistoryReads(self._settings)
        alerts_due = 0.0
        asked: tuple[str, ...] = ()
        while not self._ending.is_set():
            pause_s = HISTORY_EVERY_S
            try:
                symbols = self._markets.symbols
                if time.monotonic() >= alerts_due or symbols != asked:
                    past = reads.newest_alerts(symbols, KEPT_EPISODES)
                    with self._lock:
                        self._episodes.learn(episode for episode in past if episode.symbol in self._markets)
                    asked = symbols
                    alerts_due = time.monotonic() + ALERTS_EVERY_S
                self._fill_history(reads)
            except ServiceUnavailable as down:
                if self._database_outage is None:
                    log.warning("database_lost", error=str(down))
                    self._database_outage = Outage(self._clock_ms(), str(down))
                pause_s = RETRY_EVERY_S
                alerts_due = 0.0
            else:
                if self._database_outage is not None:
                    log.info("database_back", after_ms=self._clock_ms() - self._database_outage.since_ms)
                    self._database_outage = None
            self._ending.wait(pause_s)
        reads.close()

    def _fill_history(self, reads: HistoryReads) -> None:
        with self._lock:
            tapes = dict(self._tapes)
        for symbol, tape in tapes.items():
            epoch = tape.epoch
            start = tape.start()
            if start is None or self._history_epochs.get(symbol) == epoch:
                continue
            venue, oldest_ms = start
            points = reads.windows(venue, symbol, oldest_ms - CHART_MINUTES * 60_000, oldest_ms)
            filled = tape.put_before(points, epoch)
            with self._lock:
                if filled is not None and self._tapes.get(symbol) is tape:
                    self._history_epochs[symbol] = filled
