"""Who receives what: market events go out, encoded once, to the connections that listen to their stream."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final, Protocol

from connectors.simulator.market import FAST_MS, AggregateTrade, BestQuote, DepthDiff, MarketEvent, Trade
from connectors.simulator.rest import Listing
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

    `advance` moves every market and sends what happens. A message is encoded only when somebody listens.
    """

    def __init__(self, listings: Mapping[str, Listing]) -> None:
        self._listings = listings
        self._listeners: dict[str, dict[Listener, None]] = {}
        self._diffs_to_drop: Counter[tuple[str, int]] = Counter()
        self._channels = [_Channel(listing, self) for listing in listings.values()]

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
        for channel in self._channels:
            channel.advance(until_ms)

    def skip(self, skipped_ms: int) -> None:
        """Let every market stand still for `skipped_ms` of its time."""
        for listing in self._listings.values():
            listing.market.skip(skipped_ms)

    def drop_next_diff(self, symbol: str) -> None:
        """Lose the next diff of `symbol` on each diff stream, as a broken network would: nobody receives it."""
        for _, interval_ms in _DIFF_STREAMS:
            self._diffs_to_drop[symbol, interval_ms] += 1

    def drops(self, symbol: str, interval_ms: int) -> bool:
        """Whether the diff at hand is to be lost; uses up one `drop_next_diff`."""
        if not self._diffs_to_drop or not self._diffs_to_drop[symbol, interval_ms]:
            return False
        self._diffs_to_drop[symbol, interval_ms] -= 1
        return True

    def send(self, stream: str, encode: Callable[[], bytes]) -> None:
        """Send one message of `stream` to whoever listens; `encode` is called at most once."""
        listeners = self._listeners.get(stream)
        if not listeners:
            return
        payload = encode()
        wrapped: bytes | None = None
        for listener in tuple(listeners):
            if listener.in_combined:
                wrapped = wrapped or combined(stream, payload)
                listener.push(wrapped)
            else:
                listener.push(payload)


_DIFF_STREAMS: Final = (("@depth@100ms", FAST_MS), ("@depth", 1000))


class _Channel:
    """The streams of one symbol."""

    def __init__(self, listing: Listing, feed: Feed) -> None:
        self._market, self._wire, self._feed = listing.market, listing.wire, feed
        name = listing.wire.symbol.lower()
        self._trade = f"{name}@trade"
        self._aggregate_trade = f"{name}@aggTrade"
        self._best_quote = f"{name}@bookTicker"
        self._diffs = {interval_ms: name + suffix for suffix, interval_ms in _DIFF_STREAMS}
        self._partials = {
            interval_ms: tuple((f"{name}@depth{levels}{suffix}", levels) for levels in PARTIAL_LEVELS)
            for suffix, interval_ms in (("@100ms", FAST_MS), ("", 1000))
        }

    def advance(self, until_ms: float) -> None:
        for event in self._market.advance(until_ms):
            self._publish(event)

    def _publish(self, event: MarketEvent) -> None:
        send, wire = self._feed.send, self._wire
        match event:
            case BestQuote():
                send(self._best_quote, lambda: wire.best_quote(event))
            case Trade():
                send(self._trade, lambda: wire.trade(event))
            case AggregateTrade():
                send(self._aggregate_trade, lambda: wire.aggregate_trade(event))
            case DepthDiff():
                if not self._feed.drops(wire.symbol, event.interval_ms):
                    send(self._diffs[event.interval_ms], lambda: wire.depth_diff(event))
                for stream, levels in self._partials[event.interval_ms]:
                    send(stream, partial(self._top, levels))

    def _top(self, levels: int) -> bytes:
        book = self._market.book
        return self._wire.book(book.update_id, book.bids.top(levels), book.asks.top(levels))
