"""Binance's REST API, as far as local books need it: depth, what is listed, traded volumes, time.

Source: Binance public API documentation, Market Data endpoints and Limits.

    RateLimited
    └── Banned               HTTP 418: an address that went on after 429
    VenueRefused
    └── RequestRefused       any other 4xx; `.status` says which: 451 and 403 for the region, 400 for the request
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import msgspec
import urllib3
from tenacity import RetryCallState, retry_if_exception_type, stop_after_attempt, wait_random_exponential
from tenacity import Retrying as Attempts

from connectors.binance.attempts import asked_wait_s
from connectors.binance.endpoints import Endpoints
from connectors.binance.frames import UNREADABLE
from connectors.binance.selection import Listed, Listing
from orderbook.errors import RateLimited, Retryable, ServiceUnavailable, VenueRefused
from runtime.logs import get_logger

READ_TIMEOUT_S: Final = 10.0
BANNED: Final = 418
USED_WEIGHT: Final = "X-MBX-USED-WEIGHT-1M"
DELISTED: Final = "DELISTED"
"""The status of a symbol the exchange does not list at all; Binance has no word for it."""
CONNECTIONS_KEPT: Final = 4
log = get_logger("binance_rest")


class Banned(RateLimited):
    """The exchange has banned this address for `retry_after_s`."""


class RequestRefused(VenueRefused):
    """The exchange refuses this request, or this region (status 451, 403).

    `status`: the HTTP status.
    """

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    """The body of an answer, and the request weight this address has used in the present minute; None if unsaid."""

    payload: bytes
    used_weight: int | None


class _ServerTime(msgspec.Struct):
    serverTime: int  # noqa: N815 - Binance's name


class _ListedSymbol(msgspec.Struct):
    symbol: str
    status: str = ""
    quoteAsset: str = ""  # noqa: N815 - Binance's name
    contractStatus: str = ""  # noqa: N815 - COIN-M futures' name for `status`


class _RateLimit(msgspec.Struct):
    rateLimitType: str  # noqa: N815 - Binance's name
    interval: str
    intervalNum: int  # noqa: N815 - Binance's name
    limit: int


class _ExchangeInfo(msgspec.Struct):
    symbols: list[_ListedSymbol]
    rateLimits: list[_RateLimit] = []  # noqa: N815 - Binance's name


class _Ticker(msgspec.Struct):
    symbol: str
    quoteVolume: float | None = None  # noqa: N815 - Binance's name
    baseVolume: float | None = None  # noqa: N815 - COIN-M futures': contracts are worth a fixed amount of the quote


class RestClient:
    """One exchange's REST API. Safe to use from several threads.

    Every call tries `attempts` times with exponential back-off and jitter and obeys Retry-After. It raises
    RateLimited (429, 418) or ServiceUnavailable when that was not enough, RequestRefused (451, 403, 400) at once.
    """

    def __init__(self, endpoints: Endpoints, *, connect_timeout_s: float = 5.0, attempts: int = 5) -> None:
        self._endpoints = endpoints
        self._base = endpoints.rest + endpoints.rest_prefix
        self._pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=connect_timeout_s, read=READ_TIMEOUT_S),
            retries=False,
            maxsize=CONNECTIONS_KEPT,
        )
        self._attempts = attempts

    def server_time_ms(self) -> int:
        """The exchange's clock, milliseconds since the epoch."""
        return msgspec.json.decode(self._get("/time").payload, type=_ServerTime).serverTime

    def depth(self, symbol: str, limit: int) -> Answer:
        """The book of a symbol as it was sent, `limit` levels a side."""
        return self._get(f"/depth?symbol={symbol}&limit={limit}")

    def listing(self) -> Listing:
        """Everything the exchange lists, and how much weight it allows a minute."""
        info = _listed(self._get("/exchangeInfo").payload)
        listed = {
            entry.symbol: Listed(entry.symbol, entry.status or entry.contractStatus, entry.quoteAsset)
            for entry in info.symbols
        }
        weights = [
            limit.limit
            for limit in info.rateLimits
            if (limit.rateLimitType, limit.interval, limit.intervalNum) == ("REQUEST_WEIGHT", "MINUTE", 1)
        ]
        return Listing(self._endpoints.venue, listed, weights[0] if weights else None)

    def status(self, symbol: str) -> tuple[str, int | None]:
        """A symbol's trading status, such as TRADING or BREAK, or DELISTED; and the weight used, as in `Answer`."""
        try:
            answer = self._get(f"/exchangeInfo?symbol={symbol}")
        except RequestRefused as refused:
            if refused.status != HTTPStatus.BAD_REQUEST:
                raise
            return DELISTED, None
        entries = {entry.symbol: entry for entry in _listed(answer.payload).symbols}
        entry = entries.get(symbol)
        return (DELISTED if entry is None else entry.status or entry.contractStatus), answer.used_weight

    def quote_volumes(self) -> dict[str, float]:
        """What was traded in the last 24 hours, in quote currency, by symbol."""
        tickers = msgspec.json.decode(self._get("/ticker/24hr").payload, type=list[_Ticker], strict=False)
        return {ticker.symbol: ticker.quoteVolume or ticker.baseVolume or 0.0 for ticker in tickers}

    def _get(self, path: str) -> Answer:
        attempts = Attempts(
            retry=retry_if_exception_type(Retryable),
            stop=stop_after_attempt(self._attempts),
            wait=_wait,
            before_sleep=lambda state: log.warning("retrying", path=path, reason=str(_error(state))),
            reraise=True,
        )
        return attempts(self._get_once, path)

    def _get_once(self, path: str) -> Answer:
        try:
            response = self._pool.request("GET", self._base + path)
        except urllib3.exceptions.HTTPError as unreachable:
            raise ServiceUnavailable(f"{self._endpoints.rest} does not answer: {_short(unreachable)}") from None
        status = response.status
        if status == HTTPStatus.OK:
            used = response.headers.get(USED_WEIGHT, "")
            return Answer(response.data, int(used) if used.isdigit() else None)
        raise _refusal(self._endpoints.rest, path, status, response.headers.get("Retry-After"), response.data)


def _listed(payload: bytes) -> _ExchangeInfo:
    try:
        return msgspec.json.decode(payload, type=_ExchangeInfo)
    except UNREADABLE as unreadable:
        raise ServiceUnavailable(f"exchangeInfo cannot be read: {unreadable}") from None


def _refusal(
    base: str, path: str, status: int, retry_after: str | None, body: bytes
) -> RateLimited | ServiceUnavailable | RequestRefused:
    if status in (HTTPStatus.TOO_MANY_REQUESTS, BANNED):
        wait_s = asked_wait_s(retry_after)
        kind = Banned if status == BANNED else RateLimited
        return kind(f"{base} asks to wait {wait_s:.0f} s (HTTP {status})", retry_after_s=wait_s)
    if status in (HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS, HTTPStatus.FORBIDDEN):
        return RequestRefused(f"{base} does not serve this region (HTTP {status})", status=status)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServiceUnavailable(f"{base}{path} answered HTTP {status}")
    return RequestRefused(f"{base}{path} answered HTTP {status}: {body[:200].decode(errors='replace')}", status=status)


_backoff = wait_random_exponential(multiplier=0.5, max=30)


def _wait(state: RetryCallState) -> float:
    error = _error(state)
    return error.retry_after_s if isinstance(error, RateLimited) else _backoff(state)


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None


def _short(error: BaseException) -> str:
    text = str(error).rsplit(": ", 1)[-1]
    return text or type(error).__name__
