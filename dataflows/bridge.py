"""The bridge: windows and alerts to the database; metrics, books, heartbeats and alerts to Redis.

`python -m dataflows bridge` runs the two ways apart, so that neither holds back the other; `python -m bytewax.run
dataflows.bridge` runs them as one flow. Promise: every record of the topics is read at least once, and its effect on
the stores is as if it were read once (see the sinks). Offsets are kept in a consumer group for each way and committed
when the stores have the records. What cannot be read goes to topic dead_letter; alerts are judged on the way to the
database only, so that one bad alert makes one dead letter. Topics raw and trades are judged on the way to Redis, for
the job too, which leaves out in silence what it cannot read; of trades nothing is stored.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final, Literal, TypeAlias, TypeVar

import bytewax.operators as op
from bytewax.dataflow import Dataflow, Stream
from bytewax.inputs import FixedPartitionedSource
from psycopg import Connection
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_delay,
    stop_when_event_set,
    wait_exponential_jitter,
)

from connectors.kafka.log_ends import log_ends
from connectors.kafka.sink import KafkaRecordSink, OutRecord
from connectors.kafka.source import Record, TopicSource
from dataflows.dead_letters import dead_letter
from dataflows.ending import EndingSource
from dataflows.joined import JoinedSource
from dataflows.pacing import PacedSource
from orderbook.errors import ServiceUnavailable, UnreadableMessage
from orderbook.messages import (
    Alert,
    Window,
    decode_alert,
    decode_metrics,
    decode_window,
)
from orderbook.readable import read_raw, read_trades
from orderbook.settings import Settings, load_settings
from orderbook.topics import Topics
from runtime.logs import get_logger
from runtime.readiness import announce_ready
from sinks.redis import LiveMessage, Positioned, RedisSink, Retention
from sinks.timescale import ALERTS, WINDOWS, Session, Table, TimescaleSink, check_storable

FULL_BATCH: Final = 1000
TOPICS_WITHIN_S: Final = 60.0
log = get_logger("bridge")

Way: TypeAlias = Literal["database", "redis"]
WAYS: Final[tuple[Way, ...]] = ("database", "redis")
POLL_INTERVALS: Final[Mapping[Way, timedelta]] = {
    "database": timedelta(milliseconds=50),
    "redis": timedelta(milliseconds=10),
}

M = TypeVar("M", Window, Alert)
T = TypeVar("T")


def flow() -> Dataflow:
    """Both ways in one flow, as the settings say."""
    return Bridge(load_settings(), threading.Event()).whole()


class Bridge:
    """Both ways of the bridge. The process is ready when both have polled once; setting `ending` ends their flows.

    Building a way waits for its servers, and raises ServiceUnavailable when topics or tables are missing. Each flow has
    one input (`dataflows.joined`). The step ids name the steps in Bytewax's recovery store: they never change.
    """

    def __init__(self, settings: Settings, ending: threading.Event) -> None:
        self._settings = settings
        self._topics = Topics(settings.topic_prefix)
        self._ending = ending
        self._not_yet_polled: set[Way] = set(WAYS)

    def ways(self) -> Mapping[str, Callable[[], Dataflow]]:
        """The two ways, each a flow of its own."""
        return {"database": self._database_flow, "redis": self._redis_flow}

    def whole(self) -> Dataflow:
        """Both ways in one flow."""
        bridge = Dataflow("bridge")
        sources: dict[str, FixedPartitionedSource[Record, int]] = {way: self._source(way) for way in WAYS}
        ways = op.branch("way", op.input("records", bridge, JoinedSource(sources)), _for_database)
        self._to_database(op.map("database_records", ways.trues, _record))
        self._to_redis(op.map("redis_records", ways.falses, _record))
        return bridge

    def _database_flow(self) -> Dataflow:
        bridge = Dataflow("bridge_database")
        self._to_database(op.input("database_records", bridge, self._source("database")))
        return bridge

    def _redis_flow(self) -> Dataflow:
        bridge = Dataflow("bridge_redis")
        self._to_redis(op.input("redis_records", bridge, self._source("redis")))
        return bridge

    def _to_database(self, records: Stream[Record]) -> None:
        self._topic_ends(self._topics_of("database"))
        session = Session(self._settings.database_conninfo, application_name="orderbook-bridge", ending=self._ending)
        session.transaction(_check_tables)
        session.close()
        processed = self._topics.processed
        by_topic = op.branch("database_topic", records, lambda record: record.topic == processed)
        bad_windows = self._table_way("windows", by_topic.trues, decode_window, WINDOWS)
        bad_alerts = self._table_way("alerts", by_topic.falses, decode_alert, ALERTS)
        self._to_dead_letter("database_dead_letter", op.merge("database_unreadable", bad_windows, bad_alerts))

    def _table_way(
        self, name: str, records: Stream[Record], decode: Callable[[bytes], M], table: Table[M]
    ) -> Stream[OutRecord]:
        """Wire one topic's records to their table and return the stream of what could not be read."""

        def read(record: Record) -> M | OutRecord:
            try:
                message = decode(_value(record))
                check_storable(message)
            except UnreadableMessage as unreadable:
                return self._dead_letter(record, unreadable)
            return message

        outcomes = op.map(f"database_decode_{name}", records, read)
        messages = op.filter_map(f"database_read_{name}", outcomes, _unless_dead_letter)
        sink = TimescaleSink(self._settings.database_conninfo, table, ending=self._ending)
        op.output(f"database_store_{name}", messages, sink)
        return op.filter_map(f"database_unreadable_{name}", outcomes, _if_dead_letter)

    def _to_redis(self, records: Stream[Record]) -> None:
        settings, topics = self._settings, self._topics
        decoders: Mapping[str, Callable[[bytes], LiveMessage]] = {
            topics.metrics: decode_metrics,
            topics.raw: read_raw,
            topics.alerts: decode_alert,
        }
        ends = self._topic_ends(self._topics_of("redis"))
        sink = RedisSink(
            settings.redis_host,
            settings.redis_port,
            settings.redis_password.get_secret_value(),
            Retention(recent_rows=settings.redis_recent_rows, latest_ttl_s=settings.redis_latest_ttl_s),
            ending=self._ending,
        )
        sink.forget_offsets_beyond(ends)

        def read(record: Record) -> Positioned | OutRecord | None:
            try:
                payload = _value(record)
                if record.topic == topics.trades:
                    read_trades(payload)
                    return None
                message = decoders[record.topic](payload)
            except UnreadableMessage as unreadable:
                return None if record.topic == topics.alerts else self._dead_letter(record, unreadable)
            return Positioned(f"{record.topic}/{record.partition}", record.offset, message, payload)

        outcomes: Stream[Positioned | OutRecord] = op.filter_map("redis_decode", records, read)
        messages: Stream[Positioned] = op.filter_map("redis_read", outcomes, _unless_dead_letter)
        op.output("redis_store", messages, sink)
        self._to_dead_letter("redis_dead_letter", op.filter_map("redis_unreadable", outcomes, _if_dead_letter))

    def _topics_of(self, way: Way) -> tuple[str, ...]:
        topics = self._topics
        if way == "database":
            return topics.processed, topics.alerts
        return topics.metrics, topics.raw, topics.alerts, topics.trades

    def _source(self, way: Way) -> EndingSource[Record, int]:
        source = TopicSource(
            self._settings.kafka_bootstrap_servers,
            self._topics_of(way),
            group=group(self._settings, way),
            batch_size=FULL_BATCH,
        )
        paced = PacedSource(
            source, interval=POLL_INTERVALS[way], full_batch=FULL_BATCH, polled=lambda: self._has_polled(way)
        )
        return EndingSource(paced, self._ending)

    def _to_dead_letter(self, step_id: str, letters: Stream[OutRecord]) -> None:
        op.output(step_id, letters, KafkaRecordSink(self._settings.kafka_bootstrap_servers))

    def _dead_letter(self, record: Record, unreadable: UnreadableMessage) -> OutRecord:
        origin = f"{record.topic}/{record.partition}@{record.offset}"
        log.warning("unreadable_record", origin=origin, reason=str(unreadable))
        return dead_letter(record, unreadable, self._topics.dead_letter)

    def _topic_ends(self, topics: Sequence[str]) -> dict[str, int]:
        """Return where the topics end, waiting for a broker that is still starting."""
        retrying = Retrying(
            retry=retry_if_exception_type(ServiceUnavailable),
            wait=wait_exponential_jitter(multiplier=0.2, max=2, jitter=0.1),
            stop=stop_when_event_set(self._ending) | stop_after_delay(TOPICS_WITHIN_S),
            sleep=sleep_using_event(self._ending),
            before_sleep=_say_waiting,
            reraise=True,
        )
        return retrying(log_ends, self._settings.kafka_bootstrap_servers, topics)

    def _has_polled(self, way: Way) -> None:
        if way in self._not_yet_polled:
            self._not_yet_polled.discard(way)
            log.info("way_open", way=way)
            if not self._not_yet_polled:
                announce_ready()


def group(settings: Settings, way: str) -> str:
    """Name of the consumer group of a way, `database` or `redis`: its lag is how far the store is behind."""
    return f"{settings.topic_prefix}.bridge.{way}"


def _value(record: Record) -> bytes:
    if record.value is None:
        raise UnreadableMessage("the record has no value")
    return record.value


def _check_tables(connection: Connection) -> None:
    for table in (WINDOWS.name, ALERTS.name):
        found = connection.execute("SELECT to_regclass(%s)", (table,)).fetchone()
        if found is None or found[0] is None:
            raise ServiceUnavailable(f"the database has no table {table} yet: run `python -m migrations up`")


def _for_database(item: tuple[str, Record]) -> bool:
    return item[0] == "database"


def _record(item: tuple[str, Record]) -> Record:
    return item[1]


def _if_dead_letter(outcome: object) -> OutRecord | None:
    return outcome if isinstance(outcome, OutRecord) else None


def _unless_dead_letter(outcome: T | OutRecord) -> T | None:
    return None if isinstance(outcome, OutRecord) else outcome


def _say_waiting(attempt: RetryCallState) -> None:
    reason = attempt.outcome.exception() if attempt.outcome is not None else None
    log.info("waiting_for_topics", attempt=attempt.attempt_number, reason=str(reason))
