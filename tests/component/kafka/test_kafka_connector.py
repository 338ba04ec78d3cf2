from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.errors import BytewaxRuntimeError
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.run import cli_main
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from connectors.kafka.log_ends import PartitionLog, log_ends, partition_logs
from connectors.kafka.newest import newest_event_time_ms
from connectors.kafka.sink import CheckedProducer, OutRecord
from connectors.kafka.source import Record, TopicSource, committed_offset
from connectors.kafka.topics import create_topics
from local_stack.kafka import EmbeddedKafka
from orderbook.errors import DeliveryFailed, ServiceUnavailable
from orderbook.messages import Book, encode
from orderbook.settings import Settings
from orderbook.topics import Topics
from tests.servers import free_port

pytestmark = pytest.mark.component


class EnoughError(Exception):
    """The test has seen what it wanted."""


@pytest.fixture
def settings(kafka_server: EmbeddedKafka) -> Settings:
    return Settings(
        kafka_bootstrap_servers=kafka_server.bootstrap_servers,
        topic_prefix=f"t{uuid.uuid4().hex[:12]}",
        topic_partitions=3,
    )


@pytest.fixture
def topic(settings: Settings) -> str:
    create_topics(settings)
    return Topics(settings.topic_prefix).raw


def write(settings: Settings, topic: str, values: range, partition: int = 0) -> None:
    producer = CheckedProducer(settings.kafka_bootstrap_servers)
    producer.send(OutRecord(topic, b"key", str(value).encode(), partition) for value in values)


def committed(settings: Settings, group: str, topic: str, partition: int = 0) -> int:
    consumer = Consumer({"bootstrap.servers": settings.kafka_bootstrap_servers, "group.id": group})
    try:
        return committed_offset(consumer, TopicPartition(topic, partition))
    finally:
        consumer.close()


class Collecting(DynamicSink[Record]):
    """Keeps what it is given; `before_write` may look or raise."""

    def __init__(self, kept: list[Record], before_write: Callable[[list[Record]], None]) -> None:
        self._kept, self._before_write = kept, before_write

    def build(self, _step_id: str, _worker_index: int, _worker_count: int) -> StatelessSinkPartition[Record]:
        kept, before_write = self._kept, self._before_write

        class Writer(StatelessSinkPartition[Record]):
            def write_batch(self, items: list[Record]) -> None:
                before_write(items)
                kept.extend(items)

        return Writer()


def read(settings: Settings, topic: str, group: str, before_write: Callable[[list[Record]], None]) -> list[Record]:
    """Run a flow from the topic until `before_write` raises EnoughError; one epoch a batch."""
    kept: list[Record] = []
    flow = Dataflow("reading")
    source = TopicSource(settings.kafka_bootstrap_servers, [topic], group=group, batch_size=10)
    op.output("out", op.input("in", flow, source), Collecting(kept, before_write))
    with pytest.raises((EnoughError, BytewaxRuntimeError)) as ended:
        cli_main(flow, epoch_interval=timedelta(0))  # type: ignore[no-untyped-call]  # Bytewax's stub names no types
    error: BaseException | None = ended.value
    while error is not None and not isinstance(error, EnoughError):
        error = error.__cause__ or error.__context__
    assert error is not None, ended.value
    return kept


def until(last: int) -> Callable[[list[Record]], None]:
    def before_write(items: list[Record]) -> None:
        if items[-1].offset >= last:
            raise EnoughError

    return before_write


def test_records_arrive_in_the_partition_and_order_they_were_sent_in(settings: Settings, topic: str) -> None:
    write(settings, topic, range(25), partition=2)
    seen = read(settings, topic, "order", until(24))
    assert [record.partition for record in seen] == [2] * len(seen)
    assert [record.value for record in seen] == [str(number).encode() for number in range(len(seen))]
    assert len(seen) >= 10
    assert {record.key for record in seen} == {b"key"}


def test_an_offset_is_committed_only_after_the_sink_wrote_its_record(settings: Settings, topic: str) -> None:
    write(settings, topic, range(200))
    written = 0
    commits: list[int] = []

    def before_write(items: list[Record]) -> None:
        nonlocal written
        commits.append(committed(settings, "promise", topic))
        assert commits[-1] <= written
        written = items[-1].offset + 1
        if written >= 150:
            raise EnoughError

    read(settings, topic, "promise", before_write)
    assert max(commits) > 0  # and it is committed at all, while the flow runs
    assert all(earlier <= later for earlier, later in pairwise(commits))


def test_a_flow_without_recovery_store_goes_on_where_its_sink_stopped(settings: Settings, topic: str) -> None:
    write(settings, topic, range(60))
    first = read(settings, topic, "resume", until(30))
    second = read(settings, topic, "resume", until(59))
    offsets = [record.offset for record in first] + [record.offset for record in second]
    assert set(range(50)) <= set(offsets)  # nothing skipped: at least once
    assert second[0].offset > 0  # and not all of it again


def test_a_topic_that_does_not_exist_is_named(settings: Settings) -> None:
    source = TopicSource(settings.kafka_bootstrap_servers, ["nowhere"], group="g")
    with pytest.raises(ServiceUnavailable, match=r"topic nowhere does not exist .*python -m connectors\.kafka"):
        source.list_parts()


def test_a_record_the_broker_refuses_is_an_error(settings: Settings, topic: str) -> None:
    producer = CheckedProducer(settings.kafka_bootstrap_servers)
    with pytest.raises(DeliveryFailed, match="refused a record"):
        producer.send([OutRecord(topic, None, b"x", partition=17)])
    producer.send([OutRecord(topic, None, b"x", partition=1)])


def test_a_broker_that_is_gone_is_an_error_and_not_a_success() -> None:
    producer = CheckedProducer(f"127.0.0.1:{free_port()}", {"delivery.timeout.ms": "1500", "linger.ms": "0"})
    with pytest.raises(DeliveryFailed):
        producer.send([OutRecord("orderbook.raw", None, b"x")])


def test_topics_are_created_once_with_their_partitions(settings: Settings) -> None:
    names = set(Topics(settings.topic_prefix).all())
    assert set(create_topics(settings)) == names
    assert create_topics(settings) == []
    parts = TopicSource(settings.kafka_bootstrap_servers, sorted(names), group="g").list_parts()
    assert len(parts) == 3 * len(names)


def test_the_newest_event_time_is_that_of_the_last_records(settings: Settings, topic: str) -> None:
    servers = settings.kafka_bootstrap_servers
    assert newest_event_time_ms(servers, topic) is None
    producer = CheckedProducer(servers)
    for partition, times in ((0, (100, 900)), (2, (400,))):
        for event_time_ms in times:
            book = Book(
                venue="test",
                symbol="BTCUSDT",
                event_time_ms=event_time_ms,
                receive_time_ms=0,
                update_id=1,
                bid_price=[],
                bid_qty=[],
                ask_price=[],
                ask_qty=[],
                state="live",
            )
            producer.send([OutRecord(topic, b"BTCUSDT", encode(book), partition)])
    assert newest_event_time_ms(servers, topic) == 900
    producer.send([OutRecord(topic, None, b"poison", 1)])
    assert newest_event_time_ms(servers, topic) == 900


def test_the_newest_event_time_of_a_topic_that_does_not_exist_is_an_error(settings: Settings) -> None:
    with pytest.raises(ServiceUnavailable, match=r"topic nowhere does not exist .*python -m connectors\.kafka"):
        newest_event_time_ms(settings.kafka_bootstrap_servers, "nowhere")


def test_records_that_were_deleted_are_no_end_to_read_at(settings: Settings, topic: str) -> None:
    servers = settings.kafka_bootstrap_servers
    write(settings, topic, range(7), partition=1)
    admin = AdminClient({"bootstrap.servers": servers})
    [deleted] = admin.delete_records([TopicPartition(topic, 1, 7)]).values()
    deleted.result()
    assert partition_logs(servers, [topic]) == [
        PartitionLog(topic, 0, begin=0, end=0),
        PartitionLog(topic, 1, begin=7, end=7),
        PartitionLog(topic, 2, begin=0, end=0),
    ]
    assert log_ends(servers, [topic]) == {f"{topic}/0": 0, f"{topic}/1": 7, f"{topic}/2": 0}
    assert newest_event_time_ms(servers, topic) is None
