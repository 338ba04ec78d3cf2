"""What the dashboard reads from Redis: one round trip a look."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from orderbook import keys, messages
from orderbook.errors import ServiceUnavailable, UnreadableMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from orderbook.settings import Settings

T = TypeVar("T")

TIMEOUT_S: Final = 2.0
FIRST_ALERTS: Final = 500
STREAM_BATCH: Final = 2_000


@dataclass(frozen=True, slots=True)
class StreamRead:
    """New rows of one symbol's recent stream, in order, and the id to go on from. `whole`: read from the start."""

    rows: tuple[messages.Metrics, ...]
    cursor: str
    whole: bool


@dataclass(frozen=True, slots=True)
class Look:
    """What Redis held at one moment. Symbols without a value, or with an unreadable one, are missing."""

    metrics: Mapping[str, messages.Metrics]
    heartbeats: Mapping[str, messages.Heartbeat]
    books: Mapping[str, messages.Book]
    recent: Mapping[str, StreamRead]
    alert_steps: tuple[messages.Alert, ...]
    alert_cursor: str
    active_alerts: tuple[messages.Alert, ...]
    unreadable: int


@dataclass(slots=True)
class _Decoded:
    """Decodes values and counts those that are not what they should be."""

    unreadable: int = 0
    last: str = field(default="")

    def one(self, decode: Callable[[bytes], T], payload: bytes | None) -> T | None:
        if payload is None:
            return None
        try:
            return decode(payload)
        except UnreadableMessage as refused:
            self.unreadable += 1
            self.last = str(refused)
            return None

    def many(self, decode: Callable[[bytes], T], payloads: Iterable[bytes | None]) -> tuple[T, ...]:
        read = (self.one(decode, payload) for payload in payloads)
        return tuple(value for value in read if value is not None)


class RedisReads:
    """Reads of one Redis or Valkey. Not for use from several threads."""

    def __init__(self, settings: Settings) -> None:
        self._recent_rows = settings.redis_recent_rows
        self._address = f"{settings.redis_host}:{settings.redis_port}"
        self._client: redis.Redis = redis.Redis(
            host=settings.redis_host,
            port=settings.redis_port,
            password=settings.redis_password.get_secret_value() or None,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            client_name="dashboard",
        )

    def look(self, symbols: Sequence[str], watched: Mapping[str, str | None], alert_cursor: str | None) -> Look:
        """Read the newest values of these symbols, and book and recent rows of the watched ones.

        `watched`: symbol to the id its recent stream was read up to, None to read it from the start; so is
        `alert_cursor` for the alert steps. Raises ServiceUnavailable.
        """
        pipeline = self._client.pipeline(transaction=False)
        if symbols:  # MGET of nothing is an error
            pipeline.mget([keys.latest(symbol) for symbol in symbols])
            pipeline.mget([keys.heartbeat(symbol) for symbol in symbols])
        _read_stream(pipeline, keys.RECENT_ALERTS, alert_cursor, FIRST_ALERTS)
        pipeline.hvals(keys.ACTIVE_ALERTS)
        for symbol, cursor in watched.items():
            pipeline.get(keys.book(symbol))
            _read_stream(pipeline, keys.recent(symbol), cursor, self._recent_rows)
        try:
            replies: list[Any] = pipeline.execute()
        except redis.RedisError as refused:
            raise ServiceUnavailable(f"Redis at {self._address} does not answer: {refused}") from None
        if not symbols:
            replies = [[], [], *replies]
        return _decode_look(replies, symbols, watched, alert_cursor)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def _decode_look(
    replies: list[Any], symbols: Sequence[str], watched: Mapping[str, str | None], alert_cursor: str | None
) -> Look:
    latest, heartbeats, steps, active, *of_watched = replies
    decoded = _Decoded()
    step_entries = _entries(steps, whole=alert_cursor is None)
    books: dict[str, messages.Book] = {}
    recent: dict[str, StreamRead] = {}
    for position, (symbol, cursor) in enumerate(watched.items()):
        book = decoded.one(_decode_book, of_watched[2 * position])
        if book is not None:
            books[symbol] = book
        entries = _entries(of_watched[2 * position + 1], whole=cursor is None)
        recent[symbol] = StreamRead(
            decoded.many(messages.decode_metrics, (fields.get(b"metrics") for _, fields in entries)),
            entries[-1][0].decode() if entries else (cursor or "0-0"),
            whole=cursor is None,
        )
    return Look(
        metrics=_by_symbol(symbols, latest, lambda value: decoded.one(messages.decode_metrics, value)),
        heartbeats=_by_symbol(symbols, heartbeats, lambda value: decoded.one(_decode_heartbeat, value)),
        books=books,
        recent=recent,
        alert_steps=decoded.many(messages.decode_alert, (fields.get(b"alert") for _, fields in step_entries)),
        alert_cursor=step_entries[-1][0].decode() if step_entries else (alert_cursor or "0-0"),
        active_alerts=decoded.many(messages.decode_alert, active),
        unreadable=decoded.unreadable,
    )


def _read_stream(pipeline: Any, key: str, cursor: str | None, count: int) -> None:  # noqa: ANN401 - redis-py's own generic
    """Queue the newest `count` entries, or those after the cursor."""
    if cursor is None:
        pipeline.xrevrange(key, count=count)
    else:
        pipeline.xread({key: cursor}, count=STREAM_BATCH)


def _entries(reply: Any, *, whole: bool) -> list[tuple[bytes, dict[bytes, bytes]]]:  # noqa: ANN401 - two shapes of reply
    """The stream's entries, oldest first, from either command's reply."""
    if whole:
        return list(reversed(reply))
    return reply[0][1] if reply else []


def _by_symbol(
    symbols: Sequence[str], payloads: Sequence[bytes | None], decode: Callable[[bytes | None], T | None]
) -> dict[str, T]:
    values = zip(symbols, map(decode, payloads), strict=True)
    return {symbol: value for symbol, value in values if value is not None}


def _decode_book(payload: bytes) -> messages.Book:
    message = messages.decode_raw(payload)
    if not isinstance(message, messages.Book):
        raise UnreadableMessage(f"a heartbeat stands where a book should: {payload[:200]!r}")
    return message


def _decode_heartbeat(payload: bytes) -> messages.Heartbeat:
    message = messages.decode_raw(payload)
    if not isinstance(message, messages.Heartbeat):
        raise UnreadableMessage(f"a book stands where a heartbeat should: {payload[:200]!r}")
    return message
