"""Market events as the JSON that Binance Spot sends: its field names, order and decimals."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from connectors.simulator.instruments import Instrument
from connectors.simulator.market import AggregateTrade, BestQuote, DepthDiff, Trade

DECIMALS: Final = 8
"""Every price and quantity on the wire has this many decimals."""


class Wire:
    """Writes the events of one instrument. Output is ASCII JSON without blanks."""

    __slots__ = ("_price_unit", "_quantity_unit", "symbol")

    def __init__(self, instrument: Instrument) -> None:
        self.symbol = instrument.symbol
        self._price_unit = 10 ** (DECIMALS - instrument.price_decimals)
        self._quantity_unit = 10 ** (DECIMALS - instrument.quantity_decimals)

    def price(self, ticks: int) -> str:
        """A price in ticks as a decimal string."""
        return decimal(ticks * self._price_unit)

    def quantity(self, lots: int) -> str:
        """A quantity in lots as a decimal string."""
        return decimal(lots * self._quantity_unit)

    def levels(self, levels: Iterable[tuple[int, int]]) -> str:
        """Levels as a JSON array of [price, quantity]."""
        price, quantity = self._price_unit, self._quantity_unit
        return "[" + ",".join(f'["{decimal(p * price)}","{decimal(q * quantity)}"]' for p, q in levels) + "]"

    def depth_diff(self, diff: DepthDiff) -> bytes:
        """The payload of `<symbol>@depth` and `<symbol>@depth@100ms`."""
        return (
            f'{{"e":"depthUpdate","E":{diff.time_ms},"s":"{self.symbol}","U":{diff.first_update_id},'
            f'"u":{diff.last_update_id},"b":{self.levels(diff.bids)},"a":{self.levels(diff.asks)}}}'
        ).encode()

    def book(self, update_id: int, bids: Iterable[tuple[int, int]], asks: Iterable[tuple[int, int]]) -> bytes:
        """A depth snapshot, also the payload of `<symbol>@depth{5,10,20}`."""
        return f'{{"lastUpdateId":{update_id},"bids":{self.levels(bids)},"asks":{self.levels(asks)}}}'.encode()

    def best_quote(self, quote: BestQuote) -> bytes:
        """The payload of `<symbol>@bookTicker`: no event name and no time, as on spot."""
        touch = quote.touch
        return (
            f'{{"u":{quote.update_id},"s":"{self.symbol}","b":"{self.price(touch.bid)}",'
            f'"B":"{self.quantity(touch.bid_lots)}","a":"{self.price(touch.ask)}",'
            f'"A":"{self.quantity(touch.ask_lots)}"}}'
        ).encode()

    def trade(self, trade: Trade) -> bytes:
        """The payload of `<symbol>@trade`."""
        return (
            f'{{"e":"trade","E":{trade.time_ms},"s":"{self.symbol}","t":{trade.trade_id},'
            f'"p":"{self.price(trade.price)}","q":"{self.quantity(trade.lots)}","T":{trade.time_ms},'
            f'"m":{_boolean(trade.buyer_is_maker)},"M":true}}'
        ).encode()

    def aggregate_trade(self, trade: AggregateTrade) -> bytes:
        """The payload of `<symbol>@aggTrade`."""
        return (
            f'{{"e":"aggTrade","E":{trade.time_ms},"s":"{self.symbol}","a":{trade.aggregate_id},'
            f'"p":"{self.price(trade.price)}","q":"{self.quantity(trade.lots)}","f":{trade.first_trade_id},'
            f'"l":{trade.last_trade_id},"T":{trade.time_ms},"m":{_boolean(trade.buyer_is_maker)},"M":true}}'
        ).encode()


def combined(stream: str, payload: bytes) -> bytes:
    """A payload wrapped as combined streams wrap it; `stream` is a known name, so it needs no escaping."""
    return b'{"stream":"' + stream.encode() + b'","data":' + payload + b"}"


def server_shutdown(time_ms: int, *, in_combined: bool) -> bytes:
    """The notice that this connection is about to end."""
    payload = f'{{"e":"serverShutdown","E":{time_ms}}}'.encode()
    return combined("!serverShutdown", payload) if in_combined else payload


def decimal(units: int) -> str:
    """A number of units of 1e-8 as a decimal string."""
    whole, part = divmod(units, 100_000_000)
    return f"{whole}.{part:08d}"


def _boolean(value: bool) -> str:  # noqa: FBT001 - its only argument
    return "true" if value else "false"
