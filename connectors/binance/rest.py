"""Binance's REST API, as far as local books need it: snapshots, symbols, time.

Source: Binance public API documentation, Market Data endpoints and Limits.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

import msgspec
import urllib3
from tenacity import RetryCallState, retry_if_exception_type, stop_after_attempt, wait_random_exponential
from tenacity import Retrying as Attempts

from connectors.binance.frames import decode_snapshot
from orderbook.errors import RateLimited, Retryable, ServiceUnavailable, SettingsError, VenueRefused
from orderbook.market import Snapshot
from runtime.logs import get_logger

READ_TIMEOUT_S: Final = 10.0
DEFAULT_WAIT_S: Final = 60.0
log = get_logger("binance_rest")


class _ServerTime(msgspec.Struct):
    serverTime: int  # noqa: N815 - Binance's name


class _SymbolStatus(msgspec.Struct):
    symbol: str
    status: str


class _ExchangeInfo(msgspec.Struct):
    symbols: list[_SymbolStatus]


class RestClient:
    """One exchange's REST API. Safe to use from several threads.

    Every call tries `attempts` times with exponential back-off and jitter and obeys Retry-After. It raises
    RateLimited (429, 418) or ServiceUnavailable when that was not enough, VenueRefused (451, 403) at once.
    """

    def __init__(self, base: str, *, connect_timeout_s: float = 5.0, attempts: int = 5) -> None:
        self._base = base
        self._pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=connect_timeout_s, read=READ_TIMEOUT_S), retries=False
        )
        self._attempts = attempts

    def server_time_ms(self) -> int:
        """The exchange's clock, milliseconds since the epoch."""
        return msgspec.json.decode(self._get("/api/v3/time"), type=_ServerTime).serverTime

    def snapshot(self, symbol: str, limit: int) -> Snapshot:
        """The book of a symbol, `limit` levels a side; raises UnreadableMessage besides."""
        return decode_snapshot(self._get(f"/api/v3/depth?symbol={symbol}&limit={limit}"))

    def trading_symbols(self) -> set[str]:
        """Every symbol that is trading now."""
        answer = msgspec.json.decode(self._get("/api/v3/exchangeInfo"), type=_ExchangeInfo)
        return {entry.symbol for entry in answer.symbols if entry.status == "TRADING"}

    def _get(self, path: str) -> bytes:
        attempts = Attempts(
            retry=retry_if_exception_type(Retryable),
            stop=stop_after_attempt(self._attempts),
            wait=_wait,
            before_sleep=lambda state: log.warning("retrying", path=path, reason=str(_error(state))),
            reraise=True,
        )
        return attempts(self._get_once, path)

    def _get_once(self, path: str) -> bytes:
        try:
            response = self._pool.request("GET", self._base + path)
        except urllib3.exceptions.HTTPError as unreachable:
            raise ServiceUnavailable(f"{self._base} does not answer: {_short(unreachable)}") from None
        match response.status:
            case HTTPStatus.OK:
                return response.data
            case HTTPStatus.TOO_MANY_REQUESTS | 418:  # 418: an address that went on after 429 is banned
                wait_s = float(response.headers.get("Retry-After") or DEFAULT_WAIT_S)
                raise RateLimited(
                    f"{self._base} asks to wait {wait_s:.0f} s (HTTP {response.status})", retry_after_s=wait_s
                )
            case HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS | HTTPStatus.FORBIDDEN:
                raise VenueRefused(f"{self._base} does not serve this region (HTTP {response.status})")
            case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise ServiceUnavailable(f"{self._base}{path} answered HTTP {status}")
            case status:
                raise VenueRefused(f"{self._base}{path} answered HTTP {status}: {response.data[:200].decode()}")


def check_symbols(symbols: Iterable[str], trading: set[str], venue: str) -> None:
    """Raise SettingsError naming each symbol that is not trading at the venue, with its nearest neighbours.

    An unknown stream is acknowledged by Binance and stays silent, so this must be asked before subscribing.
    """
    unknown = [symbol for symbol in symbols if symbol not in trading]
    if not unknown:
        return
    described = []
    for symbol in unknown:
        near = difflib.get_close_matches(symbol, trading, n=3)
        described.append(f"{symbol} (did you mean {', '.join(near)}?)" if near else symbol)
    raise SettingsError(f"SYMBOLS names what {venue} does not trade: {'; '.join(described)}")


_backoff = wait_random_exponential(multiplier=0.5, max=30)


def _wait(state: RetryCallState) -> float:
    error = _error(state)
    return error.retry_after_s if isinstance(error, RateLimited) else _backoff(state)


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None


def _short(error: BaseException) -> str:
    text = str(error).rsplit(": ", 1)[-1]
    return text or type(error).__name__
