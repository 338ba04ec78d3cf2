"""Redis or Valkey as the place of what is live: newest values, recent rows, active and recent alerts.

Promise: the records of one log (a partition of a topic) take effect once each, in their order. A batch and the offset
after it are written in one transaction (`keys.OFFSETS`), and a record before that offset is skipped, so a record that
is delivered again neither doubles a row nor puts an older value over a newer one. A batch that returned is written.
What Redis itself loses (a restart without persistence, an eviction) is not written again: the newest values come with
the next records, an alert episode with its next step.

Expiry is by the wall clock, from the moment of writing, whatever the event times are: a recording shows as live while
it is being replayed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import redis
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, AuthorizationError, OutOfMemoryError, ReadOnlyError
from redis.retry import Retry
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    retry_if_not_exception_type,
    sleep_using_event,
    stop_when_event_set,
    wait_exponential_jitter,
)

from orderbook import keys
from orderbook.errors import ServiceUnavailable, SettingsError
from orderbook.messages import Alert, Book, FeedGap, Heartbeat, Metrics
from runtime.logs import get_logger

LONGEST_BACK_OFF_S: Final = 5.0
SOCKET_TIMEOUT_S: Final = 5.0
RECENT_ALERTS_KEPT: Final = 1000
ENDED: Final = frozenset({"RESOLVED", "MATCHED"})
log = get_logger("redis")

LiveMessage: TypeAlias = Metrics | Book | Heartbeat | FeedGap | Alert


@dataclass(frozen=True, slots=True)
class Positioned:
    """A message with its place: record `offset` of `log`. `payload` is its JSON as the log holds it."""

    log: str
    offset: int
    message: LiveMessage
    payload: bytes


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept: rows a symbol in its recent history, and seconds until a newest value disappears."""

    recent_rows: int
    latest_ttl_s: int


@dataclass(slots=True)
class _Effect:
    """What a run of records comes to: only the newest value a key, every row of a stream."""

    newest: dict[str, bytes] = field(default_factory=dict)
    rows: list[tuple[str, bytes]] = field(default_factory=list)
    active: dict[str, bytes | None] = field(default_factory=dict)
    offsets: dict[str, int] = field(default_factory=dict)

    def take(self, record: Positioned) -> None:
        message = record.message
        match message:
            case Metrics():
                self.newest[keys.latest(message.symbol)] = record.payload
                self.rows.append((keys.recent(message.symbol), record.payload))
            case Book():
                self.newest[keys.book(message.symbol)] = record.payload
            case Heartbeat():
                if message.symbol:  # the clock of an empty partition is nobody's state
                    self.newest[keys.heartbeat(message.symbol)] = record.payload
            case Alert():
                self.active[message.alert_id] = None if message.status in ENDED else record.payload
                self.rows.append((keys.RECENT_ALERTS, record.payload))
        self.offsets[record.log] = record.offset + 1


class LiveStore:
    """Writes batches to one server, reconnecting after it was lost.

    What may pass (a lost connection, a server that loads its files, is a replica or is full) is tried again with a
    growing pause, for as long as it takes or until `ending` is set. Anything else is raised, a wrong password as
    SettingsError. Not for use from several threads; two stores may share a server as long as they do not write the
    same log.
    """

    def __init__(self, client: redis.Redis, retention: Retention, *, ending: threading.Event | None = None) -> None:
        self._client = client
        self._retention = retention
        self._ending = ending or threading.Event()
        self._offsets: dict[str, int] | None = None

    def write(self, records: Sequence[Positioned]) -> None:
        """Apply the records that were not applied yet, in their order, in one transaction.

        Raises ServiceUnavailable when `ending` was set before that could be done.
        """
        self._patiently(self._write, records)

    def forget_offsets_beyond(self, ends: Mapping[str, int]) -> None:
        """Forget the offset of each log that ends before it: the log was made anew, and its records are new ones.

        `ends` is the offset after the last record of each log. Raises as `write` does.
        """
        self._patiently(self._forget_offsets_beyond, ends)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _patiently(self, act: Any, argument: object) -> None:  # noqa: ANN401 - either of the two methods below
        retrying = Retrying(
            retry=retry_if_exception_type((redis.ConnectionError, redis.TimeoutError, ReadOnlyError, OutOfMemoryError))
            & retry_if_not_exception_type((AuthenticationError, AuthorizationError)),
            wait=wait_exponential_jitter(multiplier=0.1, max=LONGEST_BACK_OFF_S, jitter=0.1),
            stop=stop_when_event_set(self._ending),
            sleep=sleep_using_event(self._ending),
            before_sleep=self._say_trying_again,
            reraise=True,
        )
        try:
            retrying(act, argument)
        except (AuthenticationError, AuthorizationError) as refused:
            raise SettingsError(f"Redis does not let us in: {refused}; check REDIS_PASSWORD") from refused
        except (redis.ConnectionError, redis.TimeoutError, ReadOnlyError, OutOfMemoryError) as unavailable:
            raise ServiceUnavailable(f"Redis did not take the batch: {unavailable}") from unavailable

    def _write(self, records: Iterable[Positioned]) -> None:
        offsets = self._known_offsets()
        effect = _Effect()
        for record in records:
            if record.offset >= offsets.get(record.log, 0):
                effect.take(record)
        if not effect.offsets:
            return
        with self._client.pipeline(transaction=True) as pipeline:
            for key, payload in effect.newest.items():
                pipeline.set(key, payload, ex=self._retention.latest_ttl_s)
            for key, payload in effect.rows:
                if key == keys.RECENT_ALERTS:
                    pipeline.xadd(key, {"alert": payload}, maxlen=RECENT_ALERTS_KEPT, approximate=True)
                else:
                    pipeline.xadd(key, {"metrics": payload}, maxlen=self._retention.recent_rows, approximate=True)
            for alert_id, step in effect.active.items():
                if step is None:
                    pipeline.hdel(keys.ACTIVE_ALERTS, alert_id)
                else:
                    pipeline.hset(keys.ACTIVE_ALERTS, alert_id, step)
            for name, offset in effect.offsets.items():
                pipeline.hset(keys.OFFSETS, name, offset)
            pipeline.execute()
        offsets.update(effect.offsets)

    def _forget_offsets_beyond(self, ends: Mapping[str, int]) -> None:
        stale = [name for name, offset in self._known_offsets().items() if offset > ends.get(name, offset)]
        if stale:
            self._client.hdel(keys.OFFSETS, *stale)
            log.warning("log_made_anew", logs=stale)
            self._offsets = None

    def _known_offsets(self) -> dict[str, int]:
        """The offsets as the server has them; read again after a failure, whose batch may or may not have counted."""
        if self._offsets is None:
            self._offsets = {str(name): int(offset) for name, offset in self._client.hgetall(keys.OFFSETS).items()}
        return self._offsets

    def _say_trying_again(self, attempt: RetryCallState) -> None:
        self._offsets = None
        error = attempt.outcome.exception() if attempt.outcome is not None else None
        log.warning("redis_unavailable", attempt=attempt.attempt_number, reason=" ".join(str(error).split()))


def connect(host: str, port: int, password: str = "") -> redis.Redis:
    """Return a client that gives up a call after some seconds and leaves trying again to its user."""
    return redis.Redis(
        host=host,
        port=port,
        password=password or None,
        socket_timeout=SOCKET_TIMEOUT_S,
        socket_connect_timeout=SOCKET_TIMEOUT_S,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 0),  # a transaction whose answer was lost may have counted: see _known_offsets
        decode_responses=True,
        client_name="orderbook-bridge",
    )


class RedisSink(DynamicSink[Positioned]):
    """The live store as the end of a Bytewax flow, a connection a worker."""

    def __init__(
        self, host: str, port: int, password: str, retention: Retention, *, ending: threading.Event | None = None
    ) -> None:
        self._address = (host, port, password)
        self._retention = retention
        self._ending = ending

    def forget_offsets_beyond(self, ends: Mapping[str, int]) -> None:
        """See `LiveStore.forget_offsets_beyond`; waits for the server. Called before the flow runs."""
        store = self._store()
        try:
            store.forget_offsets_beyond(ends)
        finally:
            store.close()

    def build(self, step_id: str, worker_index: int, worker_count: int) -> LiveWriter:
        """Make the writer of one worker; it connects at its first batch."""
        log.debug("writer_built", step=step_id, worker=worker_index, workers=worker_count)
        return LiveWriter(self._store())

    def _store(self) -> LiveStore:
        return LiveStore(connect(*self._address), self._retention, ending=self._ending)


class LiveWriter(StatelessSinkPartition[Positioned]):
    """One worker's writer; see the module for its promise."""

    def __init__(self, store: LiveStore) -> None:
        self._store = store

    def write_batch(self, items: list[Positioned]) -> None:
        """Write the batch; raises ServiceUnavailable when the process ends first."""
        self._store.write(items)

    def close(self) -> None:
        """Close the connection."""
        self._store.close()
