"""Who receives what: market events go out, encoded once, to the connections that listen to their stream."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final, Protocol

from connectors.simulator.corruption import corrupted
from connectors.simulator.faults import (
    ClockJump,
    CorruptionKind,
    Delay,
    Delist,
    QuietSymbol,
    Relist,
    StallAll,
    StallSymbol,
    StreamFault,
)
from connectors.simulator.ledger import Ledger
from connectors.simulator.market import FAST_MS, SLOW_MS, AggregateTrade, BestQuote, DepthDiff, MarketEvent, Trade
from connectors.simulator.rest import BREAK, TRADING, Listing
from connectors.simulator.scenes import Scene
from connectors.simulator.trouble import Frame, Trouble
from connectors.simulator.wire import combined

PARTIAL_LEVELS: Final = (5, 10, 20)


class Listener(Protocol):
    """One connection, as the feed sees it."""

    @property
    def in_combined(self) -> bool:
        """Whether it wants messages wrapped as {"stream", "data"}."""

    def push(self, message: bytes) -> None:
        """Take one message; never blocks."""


class Feed:
    """The streams of all listings (by symbol).

    `advance` moves every market and sends what happens. A message is encoded only when somebody listens. The ledger,
    where there is one, is told of every diff.
    """

    def __init__(self, listings: Mapping[str, Listing], ledger: Ledger | None = None) -> None:
        self._listings = listings
        self._listeners: dict[str, dict[Listener, None]] = {}
        self._channels = {symbol: _Channel(listing, self, ledger) for symbol, listing in listings.items()}
        self.now_ms = float(max(listing.market.now_ms for listing in listings.values()))
        """The market's clock, in epoch milliseconds: how far `advance` has come."""

    def listen(self, listener: Listener, streams: Iterable[str]) -> None:
        """Send `streams` to `listener` from now on; names of no stream stay silent."""
        for stream in streams:
            self._listeners.setdefault(stream, {})[listener] = None

    def leave(self, listener: Listener, streams: Iterable[str]) -> None:
        """Send `streams` to `listener` no longer."""
        for stream in streams:
            listeners = self._listeners.get(stream)
            if listeners is not None:
                listeners.pop(listener, None)
                if not listeners:
                    del self._listeners[stream]

    def advance(self, until_ms: float) -> None:
        """Move every market to `until_ms` (epoch milliseconds of the market's clock) and send its events."""
        for channel in self._channels.values():
            if channel.due_ms <= until_ms:
                channel.advance(until_ms)
        self.now_ms = until_ms

    def skip(self, skipped_ms: int) -> None:
        """Let every market stand still for `skipped_ms` of its time."""
        for listing in self._listings.values():
            listing.market.skip(skipped_ms)

    def disturb(self, fault: StreamFault | ClockJump | StallAll) -> None:
        """Put a fault of streams in force from now on."""
        match fault:
            case StallAll() | ClockJump(symbol=None):
                channels = list(self._channels.values())
            case _:
                channels = [self._channels[str(fault.symbol)]]
        for channel in channels:
            channel.disturb(fault, self.now_ms)

    def perform(self, scene: Scene) -> None:
        """Have the market of the scene's symbol play it from now on."""
        self._channels[scene.symbol].perform(scene)

    def heard(self, stream: str) -> bool:
        """Whether anybody listens to `stream`."""
        return stream in self._listeners

    def send(self, stream: str, encode: Callable[[], bytes], how: CorruptionKind | None = None) -> None:
        """Send one message of `stream` to whoever listens; `encode` is called at most once, and `how` spoils it."""
        listeners = self._listeners.get(stream)
        if not listeners:
            return
        payload = encode()
        wrapped: bytes | None = None
        for listener in tuple(listeners):
            if listener.in_combined:
                wrapped = wrapped or combined(stream, payload)
                frame = wrapped
            else:
                frame = payload
            listener.push(frame if how is None else corrupted(how, frame))


_DIFF_STREAMS: Final = (("@depth@100ms", FAST_MS), ("@depth", SLOW_MS))


class _Channel:
    """The streams of one symbol."""

    def __init__(self, listing: Listing, feed: Feed, ledger: Ledger | None) -> None:
        self._listing, self._feed = listing, feed
        self._market, self._wire = listing.market, listing.wire
        self._page = ledger.page(listing.market.instrument) if ledger is not None else None
        self._trouble: Trouble | None = None
        self._quiet_until_ms = 0
        self.due_ms = -math.inf
        """Before this time there is nothing to do, in epoch milliseconds of the market's clock."""
        name = listing.wire.symbol.lower()
        self._trade = f"{name}@trade"
        self._aggregate_trade = f"{name}@aggTrade"
        self._best_quote = f"{name}@bookTicker"
        self._diffs = {interval_ms: name + suffix for suffix, interval_ms in _DIFF_STREAMS}
        self._partials = {
            interval_ms: tuple((f"{name}@depth{levels}{suffix}", levels) for levels in PARTIAL_LEVELS)
            for suffix, interval_ms in (("@100ms", FAST_MS), ("", SLOW_MS))
        }

    def advance(self, until_ms: float) -> None:
        if self._quiet_until_ms and not self._awake(until_ms):
            return
        if self._trouble is None:
            for event in self._market.advance(until_ms):
                self._write_down(event)
                self._publish(event)
            self.due_ms = self._market.due_ms
            return
        for event in self._market.advance(until_ms):
            self._write_down(event)
            self._release(event.time_ms)
            self._publish_in_trouble(self._trouble, event)
        self._release(until_ms)
        if self._trouble.over(until_ms):
            self._trouble = None

    def disturb(self, fault: StreamFault | ClockJump | StallAll, now_ms: float) -> None:
        self.due_ms = -math.inf
        match fault:
            case Delist():
                self._listing.status = BREAK
                self._quiet_until_ms = max(1, self._quiet_until_ms)
                return
            case Relist():
                self._listing.status = TRADING
                return
            case QuietSymbol(duration_s=duration_s):
                self._quiet_until_ms = max(self._quiet_until_ms, int(now_ms + duration_s * 1000))
                return
        trouble = self._trouble = self._trouble or Trouble()
        match fault:
            case StallAll(duration_s=duration_s) | StallSymbol(duration_s=duration_s):
                trouble.stall(now_ms + duration_s * 1000)
            case Delay(duration_s=duration_s):
                trouble.delay(now_ms + duration_s * 1000)
            case ClockJump(shift_ms=shift_ms, duration_s=duration_s):
                trouble.shift(shift_ms, now_ms + duration_s * 1000)
            case _:
                trouble.await_diff(fault)

    def perform(self, scene: Scene) -> None:
        self.due_ms = -math.inf
        self._market.perform(scene)

    def _awake(self, until_ms: float) -> bool:
        """Whether the market moves again; what would have happened then comes as much later as it stood still."""
        if self._listing.status == BREAK or until_ms < self._quiet_until_ms:
            return False
        wakes_at_ms = max(self._quiet_until_ms, int(self._feed.now_ms))
        self._market.skip(max(0, wakes_at_ms - self._market.now_ms))
        self._quiet_until_ms = 0
        return True

    def _write_down(self, event: MarketEvent) -> None:
        if self._page is not None and isinstance(event, DepthDiff) and event.interval_ms == FAST_MS:
            self._page.note(self._market.book, event)

    def _publish(self, event: MarketEvent) -> None:
        feed = self._feed
        stream = self._stream(event)
        if feed.heard(stream):
            feed.send(stream, partial(self._encoded, event))
        if isinstance(event, DepthDiff):
            for partial_stream, levels in self._partials[event.interval_ms]:
                if feed.heard(partial_stream):
                    feed.send(partial_stream, partial(self._top, levels))

    def _publish_in_trouble(self, trouble: Trouble, event: MarketEvent) -> None:
        touch = self._market.book.touch
        if touch is None or trouble.silent(event.time_ms):
            return
        for outgoing in trouble.outgoing(event, touch):
            encode = partial(self._encoded, outgoing.event)
            self._send_or_hold(trouble, event, self._stream(outgoing.event), encode, outgoing.how)
        if isinstance(event, DepthDiff):
            for stream, levels in self._partials[event.interval_ms]:
                self._send_or_hold(trouble, event, stream, partial(self._top, levels), None)

    def _send_or_hold(
        self, trouble: Trouble, event: MarketEvent, stream: str, encode: Callable[[], bytes], how: CorruptionKind | None
    ) -> None:
        if self._feed.heard(stream):
            payload = encode()
            if not trouble.hold(Frame(stream, payload, how), event.time_ms):
                self._feed.send(stream, lambda: payload, how)

    def _release(self, now_ms: float) -> None:
        if self._trouble is not None:
            for stream, payload, how in self._trouble.released(now_ms):
                self._feed.send(stream, partial(bytes, payload), how)

    def _stream(self, event: MarketEvent) -> str:
        match event:
            case BestQuote():
                return self._best_quote
            case Trade():
                return self._trade
            case AggregateTrade():
                return self._aggregate_trade
            case DepthDiff():
                return self._diffs[event.interval_ms]

    def _encoded(self, event: MarketEvent) -> bytes:
        match event:
            case BestQuote():
                return self._wire.best_quote(event)
            case Trade():
                return self._wire.trade(event)
            case AggregateTrade():
                return self._wire.aggregate_trade(event)
            case DepthDiff():
                return self._wire.depth_diff(event)

    def _top(self, levels: int) -> bytes:
        book = self._market.book
        return self._wire.book(book.update_id, book.bids.top(levels), book.asks.top(levels))
