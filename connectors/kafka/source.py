"""Reading topics in a Bytewax flow, from the record after the last one its sinks have written.

Offsets are kept twice: in Bytewax's recovery store where the flow has one, and in the consumer group, so that lag is
visible to ordinary Kafka tools and a flow without a recovery store resumes too.

Bytewax lets a source go on into the next epoch only when everything of the epoch before has left the flow. So the
offset of a snapshot is committed at the first poll after it: by then every record before it has been written. A crash
between the write and the commit repeats records; it never skips one. The promise is at least once, in partition order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_exponential

from orderbook.errors import ServiceUnavailable
from runtime.logs import get_logger

METADATA_TIMEOUT_S = 10.0
log = get_logger("kafka_source")


@dataclass(frozen=True, slots=True)
class Record:
    """One Kafka record as it was read; `timestamp_ms` is the broker's or producer's, milliseconds since the epoch."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int


class TopicSource(FixedPartitionedSource[Record, int]):
    """Every partition of the named topics.

    `properties` are librdkafka's own and win over ours.
    Raises ServiceUnavailable when the broker does not answer or a topic does not exist.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        topics: Sequence[str],
        *,
        group: str,
        properties: Mapping[str, str] | None = None,
        batch_size: int = 1000,
    ) -> None:
        self._topics = tuple(topics)
        self._group = group
        self._batch_size = batch_size
        self._config: dict[str, Any] = {
            "bootstrap.servers": bootstrap_servers,
            "group.id": group,
            "enable.auto.commit": False,
            "enable.partition.eof": False,
            "auto.offset.reset": "earliest",  # of a topic made anew, whose end is before the committed offset
            "queued.max.messages.kbytes": 16_384,
            "log_level": 3,
            **(properties or {}),
        }

    def list_parts(self) -> list[str]:
        """Return `topic/partition` for every partition of the topics."""
        admin = AdminClient({"bootstrap.servers": self._config["bootstrap.servers"], "log_level": 3})
        parts: list[str] = []
        for topic in self._topics:
            try:
                metadata = admin.list_topics(topic, timeout=METADATA_TIMEOUT_S).topics[topic]
            except KafkaException as unreachable:
                raise ServiceUnavailable(
                    f"Kafka at {self._config['bootstrap.servers']} does not answer: {unreachable.args[0]}"
                ) from None
            if metadata.error is not None or not metadata.partitions:
                raise ServiceUnavailable(
                    f"topic {topic} does not exist on {self._config['bootstrap.servers']}: "
                    "create the topics with `python -m connectors.kafka`"
                )
            parts += [f"{topic}/{partition}" for partition in sorted(metadata.partitions)]
        return parts

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> TopicPartitionReader:
        """Open one partition at `resume_state`, else at the group's committed offset, else at the beginning."""
        topic, _, partition = for_part.rpartition("/")
        consumer = Consumer(self._config)
        start = resume_state
        if start is None:
            committed = committed_offset(consumer, TopicPartition(topic, int(partition)))
            start = committed if committed >= 0 else OFFSET_BEGINNING
        log.info("partition_opened", step=step_id, topic=topic, partition=int(partition), offset=start)
        return TopicPartitionReader(
            consumer, TopicPartition(topic, int(partition), start), self._batch_size, resume_state=resume_state
        )


class TopicPartitionReader(StatefulSourcePartition[Record, int]):
    """One partition. State: the offset of the next record to read, None before the first one."""

    def __init__(self, consumer: Consumer, start: TopicPartition, batch_size: int, *, resume_state: int | None) -> None:
        self._consumer = consumer
        self._start = start
        self._batch_size = batch_size
        self._next_offset = resume_state
        self._snapshot_offset: int | None = None
        self._committed: int | None = None
        consumer.assign([start])

    def next_batch(self) -> list[Record]:
        """Return the records that have arrived, at most a batch; never waits for one.

        Raises ServiceUnavailable for an error that librdkafka does not mend by itself.
        """
        self._commit_written()
        records: list[Record] = []
        for message in self._consumer.consume(self._batch_size, timeout=0):
            error = message.error()
            if error is not None:
                if error.code() in {KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT}:  # noqa: SLF001 - library's names
                    log.warning("broker_unreachable", topic=self._start.topic, reason=error.str())
                    continue
                raise ServiceUnavailable(f"reading {self._start.topic} failed: {error.str()}")
            offset = message.offset()
            if offset is None:  # pragma: no cover - a record that was read has an offset
                continue
            records.append(
                Record(
                    topic=message.topic() or self._start.topic,
                    partition=self._start.partition,
                    offset=offset,
                    key=_bytes(message.key()),
                    value=_bytes(message.value()),
                    timestamp_ms=message.timestamp()[1],
                )
            )
        if records:
            self._next_offset = records[-1].offset + 1
        return records

    def snapshot(self) -> int | None:  # type: ignore[override]  # None before the first record: nothing to resume from
        """Return the offset of the next record; it becomes the group's committed offset at the next poll."""
        self._snapshot_offset = self._next_offset
        return self._next_offset

    def close(self) -> None:
        """Leave without committing: what the last snapshot does not cover is read again."""
        self._consumer.close()

    def _commit_written(self) -> None:
        offset = self._snapshot_offset
        if offset is None or offset == self._committed:
            return
        self._consumer.commit(
            offsets=[TopicPartition(self._start.topic, self._start.partition, offset)], asynchronous=True
        )
        self._committed = offset


@retry(  # the first request of a new group meets a coordinator that is still being found
    retry=retry_if_exception_type(KafkaException),
    stop=stop_after_delay(30),
    wait=wait_exponential(multiplier=0.05, max=1),
    reraise=True,
)
def committed_offset(consumer: Consumer, partition: TopicPartition) -> int:
    """The group's committed offset of a partition, negative where there is none."""
    [committed] = consumer.committed([partition], timeout=METADATA_TIMEOUT_S)
    return committed.offset


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
