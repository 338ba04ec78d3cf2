"""Books of a simulated market that plays scenes, taken from the exchange's own book at each of its diffs."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.simulator.instruments import instrument
from connectors.simulator.market import FAST_MS, DepthDiff, Market, Trade
from connectors.simulator.scenes import Scene
from orderbook.activity import Activity
from orderbook.book import LocalBook, best_of
from orderbook.changes import ChangeMeter, LargestChanges
from orderbook.coverage import WHOLE
from orderbook.market import Execution, Level
from orderbook.messages import Book

LEVELS = 20


def books(
    symbol: str, scenes: Sequence[tuple[float, Scene]], *, opens_at_ms: int, duration_s: float, light: bool = False
) -> list[Book]:
    """A book every 100 ms, with what was traded since the last; each scene begins so many seconds after the open."""
    scale = instrument(symbol, seed=7)
    market = Market(scale, seed=7, opens_at_ms=opens_at_ms, light=light)
    found: list[Book] = []
    trades: list[Trade] = []
    changes = _Changes(market)
    for at_s, scene in [*scenes, (duration_s, None)]:
        for event in market.advance(opens_at_ms + at_s * 1000):
            if isinstance(event, Trade):
                trades.append(event)
            elif isinstance(event, DepthDiff) and event.interval_ms == FAST_MS:
                found.append(_book(market, event, trades, changes.told(event, trades)))
                trades = []
        if scene is not None:
            market.perform(scene)
    return found


class _Changes:
    """The largest changes of each diff, by a local book that begins as the market does."""

    def __init__(self, market: Market) -> None:
        self._scale = market.instrument
        self._book = LocalBook()
        self._meter = ChangeMeter()
        bids, asks = (tuple(levels.lots.items()) for levels in (market.book.bids, market.book.asks))
        self._book.replace(self._levels(bids), self._levels(asks))

    def told(self, diff: DepthDiff, trades: list[Trade]) -> LargestChanges:
        activity = Activity()
        for trade in trades:
            activity.traded(
                Execution(
                    event_time_ms=trade.time_ms,
                    symbol=self._scale.symbol,
                    trade_id=trade.trade_id,
                    trade_time_ms=trade.time_ms,
                    price=self._price(trade.price),
                    quantity=1.0,
                    buyer_is_maker=trade.buyer_is_maker,
                )
            )
        changed = self._book.apply(self._levels(diff.bids), self._levels(diff.asks), self._meter.zone)
        return self._meter.told(changed, best_of(self._book.top(1)), WHOLE, activity)

    def _levels(self, levels: Sequence[tuple[int, int]]) -> list[Level]:
        return [(self._price(price), lots * 10**-self._scale.quantity_decimals) for price, lots in levels]

    def _price(self, ticks: int) -> float:
        return float(round(ticks * 10**-self._scale.price_decimals, self._scale.price_decimals))


def _book(market: Market, diff: DepthDiff, trades: list[Trade], changes: LargestChanges) -> Book:
    scale = market.instrument
    sides = [levels.top(LEVELS) for levels in (market.book.bids, market.book.asks)]
    prices = [[round(price * 10**-scale.price_decimals, scale.price_decimals) for price, _ in side] for side in sides]
    lots = [[each * 10**-scale.quantity_decimals for _, each in side] for side in sides]
    traded = {
        seller: sum(trade.lots for trade in trades if trade.buyer_is_maker is seller) * 10**-scale.quantity_decimals
        for seller in (False, True)
    }
    return Book(
        venue="simulator",
        symbol=scale.symbol,
        event_time_ms=diff.time_ms,
        receive_time_ms=diff.time_ms,
        update_id=diff.last_update_id,
        bid_price=prices[0],
        bid_qty=lots[0],
        ask_price=prices[1],
        ask_qty=lots[1],
        state="live",
        level_updates=len(diff.bids) + len(diff.asks),
        trades=len(trades),
        buy_qty=traded[False],
        sell_qty=traded[True],
        **changes._asdict(),
    )
