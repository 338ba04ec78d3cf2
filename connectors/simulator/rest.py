"""REST requests and their answers, as Binance Spot gives them. No sockets: a request comes as its parameters.

Supported: ping, time, exchangeInfo, depth, ticker/24hr, ticker/bookTicker and ticker/price of `/api/v3`.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from connectors.simulator.market import Market
from connectors.simulator.ticker import ticker_row, ticker_weight
from connectors.simulator.wire import Wire

MOST_LEVELS: Final = 5000
DEFAULT_LEVELS: Final = 100
DEPTH_WEIGHTS: Final = ((100, 5), (500, 25), (1000, 50), (5000, 250))
"""Weight of a depth request by the largest limit it covers."""

TRADING: Final = "TRADING"
BREAK: Final = "BREAK"
"""The two states of a symbol in exchangeInfo."""

_SYMBOL: Final = re.compile(r"[A-Z0-9-_.]{1,20}")
_NUMBER: Final = re.compile(r"[0-9]{1,20}")


class BadRequest(Exception):
    """A request that is answered by HTTP 400 and Binance's {"code", "msg"}."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(slots=True)
class Listing:
    """One symbol as the exchange holds it: its market, its way onto the wire, and whether it trades.

    `stale_ages_ms`: how old, in milliseconds, the books of the next depth answers are; without any, not at all.
    """

    market: Market
    wire: Wire
    status: str = TRADING
    stale_ages_ms: deque[int] = field(default_factory=deque)


class RestApi:
    """Answers the public requests about `listings` (by symbol) at the time that `now_ms` tells. Bodies are JSON bytes.

    A handler raises BadRequest where Binance answers by an error.
    """

    def __init__(self, listings: Mapping[str, Listing], *, weight_limit: int, now_ms: Callable[[], int]) -> None:
        self._listings = listings
        self._weight_limit = weight_limit
        self._now_ms = now_ms
        self._handlers = {
            "ping": (self._ping, frozenset[str]()),
            "time": (self._time, frozenset[str]()),
            "exchangeInfo": (
                self._exchange_info,
                frozenset({"symbol", "symbols", "permissions", "showPermissionSets", "symbolStatus"}),
            ),
            "depth": (self._depth, frozenset({"symbol", "limit", "symbolStatus"})),
            "ticker/24hr": (self._day, frozenset({"symbol", "symbols", "type", "symbolStatus"})),
            "ticker/bookTicker": (self._book_ticker, frozenset({"symbol", "symbols", "symbolStatus"})),
            "ticker/price": (self._price, frozenset({"symbol", "symbols", "symbolStatus"})),
        }

    @property
    def paths(self) -> tuple[str, ...]:
        """What comes after `/api/v3/`."""
        return tuple(self._handlers)

    def weight(self, path: str, query: Mapping[str, str]) -> int:
        """Request weight of a request, also of one that will be refused as malformed."""
        match path:
            case "depth":
                limit = query.get("limit", "")
                levels = int(limit) if _NUMBER.fullmatch(limit) else DEFAULT_LEVELS
                return next((weight for most, weight in DEPTH_WEIGHTS if levels <= most), DEPTH_WEIGHTS[-1][1])
            case "exchangeInfo":
                return 20
            case "ticker/24hr":
                return ticker_weight(query)
            case "ticker/bookTicker" | "ticker/price":
                return 2 if "symbol" in query else 4
            case _:
                return 1

    def answer(self, path: str, query: Mapping[str, str]) -> bytes:
        """The body of the answer to `/api/v3/<path>`; raises BadRequest."""
        handler, known = self._handlers[path]
        for name in query:
            if name not in known:
                read = sum(1 for other in query if other in known)
                raise BadRequest(
                    -1104,
                    f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{len(query)}'.",
                )
        return handler(query)

    def _ping(self, _query: Mapping[str, str]) -> bytes:
        return b"{}"

    def _time(self, _query: Mapping[str, str]) -> bytes:
        return orjson.dumps({"serverTime": self._now_ms()})

    def _depth(self, query: Mapping[str, str]) -> bytes:
        listing = self._listing(_mandatory_symbol(query))
        levels = DEFAULT_LEVELS
        if "limit" in query:
            limit = query["limit"]
            if not _NUMBER.fullmatch(limit):
                raise _illegal("limit", "^[0-9]{1,20}$")
            levels = min(int(limit), MOST_LEVELS)
            if levels < 1:
                raise BadRequest(-1130, "Data sent for parameter 'limit' is not valid.")
        market, book = listing.market, listing.market.book
        if listing.stale_ages_ms:
            past = market.history.before(book, self._now_ms() - listing.stale_ages_ms.popleft())
            return listing.wire.book(past.update_id, past.bids[:levels], past.asks[:levels])
        return listing.wire.book(book.update_id, book.bids.top(levels), book.asks.top(levels))

    def _exchange_info(self, query: Mapping[str, str]) -> bytes:
        return orjson.dumps(
            {
                "timezone": "UTC",
                "serverTime": self._now_ms(),
                "rateLimits": [
                    {
                        "rateLimitType": "REQUEST_WEIGHT",
                        "interval": "MINUTE",
                        "intervalNum": 1,
                        "limit": self._weight_limit,
                    }
                ],
                "exchangeFilters": [],
                "symbols": [_listed(listing) for listing in self._asked(query)],
            }
        )

    def _day(self, query: Mapping[str, str]) -> bytes:
        form = query.get("type", "FULL")
        if form not in {"FULL", "MINI"}:
            raise BadRequest(-1130, "Data sent for parameter 'type' is not valid.")
        mini = form == "MINI"
        return _one_or_all(
            query, [ticker_row(one.market, one.wire, now_ms=self._now_ms(), mini=mini) for one in self._asked(query)]
        )

    def _book_ticker(self, query: Mapping[str, str]) -> bytes:
        return _one_or_all(query, [self._best(listing) for listing in self._asked(query)])

    def _price(self, query: Mapping[str, str]) -> bytes:
        rows = [
            {"symbol": listing.wire.symbol, "price": listing.wire.price(listing.market.last_price)}
            for listing in self._asked(query)
        ]
        return _one_or_all(query, rows)

    @staticmethod
    def _best(listing: Listing) -> dict[str, str]:
        wire, book = listing.wire, listing.market.book
        (bid, bid_lots), (ask, ask_lots) = book.bids.top(1)[0], book.asks.top(1)[0]
        return {
            "symbol": wire.symbol,
            "bidPrice": wire.price(bid),
            "bidQty": wire.quantity(bid_lots),
            "askPrice": wire.price(ask),
            "askQty": wire.quantity(ask_lots),
        }

    def _listing(self, symbol: str) -> Listing:
        listing = self._listings.get(symbol)
        if listing is None:
            raise BadRequest(-1121, "Invalid symbol.")
        return listing

    def _asked(self, query: Mapping[str, str]) -> list[Listing]:
        """The listings that `symbol` or `symbols` (a JSON array) name; all where neither is sent."""
        if "symbol" in query and "symbols" in query:
            raise BadRequest(-1128, "Combination of optional parameters invalid.")
        if "symbol" in query:
            return [self._listing(_mandatory_symbol(query))]
        if "symbols" not in query:
            return list(self._listings.values())
        try:
            names = orjson.loads(query["symbols"])
        except orjson.JSONDecodeError:
            names = None
        if (
            not isinstance(names, list)
            or not names
            or not all(isinstance(n, str) and _SYMBOL.fullmatch(n) for n in names)
        ):
            raise _illegal("symbols", r'^\["[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}\]$')
        return [self._listing(name) for name in names]


def _mandatory_symbol(query: Mapping[str, str]) -> str:
    symbol = query.get("symbol")
    if symbol is None:
        raise BadRequest(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
    if not symbol:
        raise BadRequest(-1105, "Parameter 'symbol' was empty.")
    if not _SYMBOL.fullmatch(symbol):
        raise _illegal("symbol", "^[A-Z0-9-_.]{1,20}$")
    return symbol


def _illegal(name: str, legal: str) -> BadRequest:
    return BadRequest(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def _one_or_all(query: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> bytes:
    return orjson.dumps(rows[0] if "symbol" in query else rows)


def _listed(listing: Listing) -> dict[str, Any]:
    instrument, wire = listing.market.instrument, listing.wire
    tick, lot = wire.price(1), wire.quantity(1)
    return {
        "symbol": instrument.symbol,
        "status": listing.status,
        "baseAsset": instrument.base_asset,
        "baseAssetPrecision": 8,
        "quoteAsset": instrument.quote_asset,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "icebergAllowed": False,
        "ocoAllowed": False,
        "otoAllowed": False,
        "quoteOrderQtyMarketAllowed": False,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": tick,
                "maxPrice": wire.price(instrument.open_ticks * 100),
                "tickSize": tick,
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": lot,
                "maxQty": wire.quantity(instrument.touch_lots * 10_000),
                "stepSize": lot,
            },
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "NONE",
        "allowedSelfTradePreventionModes": ["NONE"],
    }
