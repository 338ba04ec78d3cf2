"""Where the partitions of topics begin and end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition

from orderbook.errors import ServiceUnavailable

TIMEOUT_S: Final = 10.0


class PartitionLog(NamedTuple):
    """The records of a partition: those from the offset `begin` up to `end`, which the next one will have."""

    topic: str
    partition: int
    begin: int
    end: int


def log_ends(bootstrap_servers: str, topics: Sequence[str]) -> dict[str, int]:
    """Return `topic/partition` to the offset that its next record will have, for every partition of the topics.

    Raises ServiceUnavailable when the broker does not answer or a topic does not exist.
    """
    return {f"{log.topic}/{log.partition}": log.end for log in partition_logs(bootstrap_servers, topics)}


def partition_logs(bootstrap_servers: str, topics: Sequence[str]) -> list[PartitionLog]:
    """Return every partition of the topics, in the order of the topics and by number.

    Raises ServiceUnavailable when the broker does not answer or a topic does not exist.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "orderbook-log-ends",
            "enable.auto.commit": False,
            "log_level": 0,
        }
    )
    try:
        logs: list[PartitionLog] = []
        for topic in topics:
            metadata = consumer.list_topics(topic, timeout=TIMEOUT_S).topics[topic]
            if metadata.error is not None or not metadata.partitions:
                raise ServiceUnavailable(
                    f"topic {topic} does not exist on {bootstrap_servers}: "
                    "create the topics with `python -m connectors.kafka`"
                )
            for partition in sorted(metadata.partitions):
                begin, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=TIMEOUT_S)
                logs.append(PartitionLog(topic, partition, begin, end))
    except KafkaException as unreachable:
        raise ServiceUnavailable(f"Kafka at {bootstrap_servers} does not answer: {unreachable.args[0]}") from None
    finally:
        consumer.close()
    return logs
