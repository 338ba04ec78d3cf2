"""Writing records to Kafka so that a batch that returned is on the broker.

Promise: at least once, in order within a partition (idempotent producer, acks=all). `write_batch` returns only after
the broker has acknowledged every record of the batch, and raises otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bytewax.outputs import DynamicSink, StatelessSinkPartition
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from orderbook.errors import DeliveryFailed
from runtime.logs import get_logger

DELIVERY_TIMEOUT_S = 60.0
ANY_PARTITION = -1  # librdkafka's RD_KAFKA_PARTITION_UA: the partitioner chooses
log = get_logger("kafka_sink")


@dataclass(frozen=True, slots=True)
class OutRecord:
    """A record to write. `partition` None leaves the choice to the key's hash."""

    topic: str
    key: bytes | None
    value: bytes
    partition: int | None = None


class CheckedProducer:
    """A producer whose `send` returns when the broker has everything. Not for use from several threads."""

    def __init__(self, bootstrap_servers: str, properties: Mapping[str, str] | None = None) -> None:
        self._servers = bootstrap_servers
        self._failed: KafkaError | None = None
        config: dict[str, Any] = {
            "bootstrap.servers": bootstrap_servers,
            "enable.idempotence": True,
            "acks": "all",
            "compression.type": "lz4",
            "linger.ms": 2,
            "partitioner": "consistent",
            "delivery.timeout.ms": int(DELIVERY_TIMEOUT_S * 1000),
            "queue.buffering.max.messages": 500_000,
            "log_level": 3,
            **(properties or {}),
        }
        self._producer = Producer(config)

    def send(self, records: Iterable[OutRecord]) -> None:
        """Write the records and wait until the broker has acknowledged them all.

        Raises DeliveryFailed with the first error when one was refused or not acknowledged in time.
        """
        self._failed = None
        for record in records:
            self._produce(record)
        left = self._producer.flush(DELIVERY_TIMEOUT_S)
        if self._failed is not None:
            raise DeliveryFailed(f"Kafka at {self._servers} refused a record: {self._failed.str()}")
        if left:
            raise DeliveryFailed(
                f"{left} records were not acknowledged by Kafka at {self._servers} "
                f"within {DELIVERY_TIMEOUT_S:.0f} s: is the broker up?"
            )

    def _produce(self, record: OutRecord) -> None:
        partition = ANY_PARTITION if record.partition is None else record.partition
        while True:
            try:
                self._producer.produce(
                    record.topic, key=record.key, value=record.value, partition=partition, on_delivery=self._delivered
                )
            except BufferError:
                self._producer.poll(0.1)  # the queue is full: let the broker take some
            except KafkaException as refused:
                self._failed = self._failed or refused.args[0]
                return
            else:
                return

    def _delivered(self, error: KafkaError | None, _message: Message[bytes, bytes]) -> None:
        if error is not None and self._failed is None:
            self._failed = error


class KafkaRecordSink(DynamicSink[OutRecord]):
    """A Bytewax sink for OutRecords, one producer a worker."""

    def __init__(self, bootstrap_servers: str, properties: Mapping[str, str] | None = None) -> None:
        self._servers = bootstrap_servers
        self._properties = dict(properties or {})

    def build(self, step_id: str, worker_index: int, worker_count: int) -> KafkaRecordWriter:
        """Open the producer of one worker."""
        log.info("producer_opened", step=step_id, worker=worker_index, workers=worker_count)
        return KafkaRecordWriter(CheckedProducer(self._servers, self._properties))


class KafkaRecordWriter(StatelessSinkPartition[OutRecord]):
    """One worker's writer; see the module for its promise."""

    def __init__(self, producer: CheckedProducer) -> None:
        self._producer = producer

    def write_batch(self, items: list[OutRecord]) -> None:
        """Write and wait for the acknowledgements; raises DeliveryFailed."""
        self._producer.send(items)
