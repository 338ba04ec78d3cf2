"""Looking at the end of a topic without joining a group."""

from __future__ import annotations

from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential

from orderbook.errors import ServiceUnavailable, UnreadableMessage
from orderbook.messages import decode_raw

TIMEOUT_S: Final = 10.0


def newest_event_time_ms(bootstrap_servers: str, topic: str) -> int | None:
    """The largest event time among the last record of each partition of a raw topic; None for an empty topic.

    Raises ServiceUnavailable when the broker does not answer within some seconds.
    """
    try:
        return _newest(bootstrap_servers, topic)
    except KafkaException as unreachable:
        raise ServiceUnavailable(f"Kafka at {bootstrap_servers} does not answer: {unreachable.args[0]}") from None


@retry(  # a leader that has just changed is known to the client a moment later
    retry=retry_if_exception_type(KafkaException),
    stop=stop_after_attempt(5),
    wait=wait_exponential(multiplier=0.1),
    reraise=True,
)
def _newest(bootstrap_servers: str, topic: str) -> int | None:
    consumer = Consumer(
        {"bootstrap.servers": bootstrap_servers, "group.id": "orderbook-newest", "enable.auto.commit": False}
    )
    try:
        partitions = consumer.list_topics(topic, timeout=TIMEOUT_S).topics[topic].partitions
        times = [_last_event_time(consumer, TopicPartition(topic, number)) for number in partitions]
    finally:
        consumer.close()
    return max((time for time in times if time is not None), default=None)


def _last_event_time(consumer: Consumer, partition: TopicPartition) -> int | None:
    low, high = consumer.get_watermark_offsets(partition, timeout=TIMEOUT_S)
    if high <= low:
        return None
    consumer.assign([TopicPartition(partition.topic, partition.partition, high - 1)])
    message = consumer.poll(TIMEOUT_S)
    value = message.value() if message is not None else None
    if not isinstance(value, bytes):
        return None
    try:
        return decode_raw(value).event_time_ms
    except UnreadableMessage:
        return None
