"""Looking at the end of a topic without joining a group."""

from __future__ import annotations

from confluent_kafka import Consumer, KafkaException, TopicPartition
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential

from connectors.kafka.log_ends import TIMEOUT_S, partition_logs
from orderbook.errors import ServiceUnavailable, UnreadableMessage
from orderbook.messages import decode_raw


def newest_event_time_ms(bootstrap_servers: str, topic: str) -> int | None:
    """The largest event time among the last record of each partition of a raw topic; None for an empty topic.

    Raises ServiceUnavailable when the broker does not answer within some seconds or the topic does not exist.
    """
    try:
        return _newest(bootstrap_servers, topic)
    except KafkaException as unreachable:
        raise ServiceUnavailable(f"Kafka at {bootstrap_servers} does not answer: {unreachable.args[0]}") from None


@retry(  # a leader that has just changed, or a topic just made, is known to the client a moment later
    retry=retry_if_exception_type((KafkaException, ServiceUnavailable)),
    stop=stop_after_attempt(5),
    wait=wait_exponential(multiplier=0.1),
    reraise=True,
)
def _newest(bootstrap_servers: str, topic: str) -> int | None:
    logs = partition_logs(bootstrap_servers, [topic])
    last_records = [TopicPartition(topic, log.partition, log.end - 1) for log in logs if log.end > log.begin]
    consumer = Consumer(
        {"bootstrap.servers": bootstrap_servers, "group.id": "orderbook-newest", "enable.auto.commit": False}
    )
    try:
        times = [_event_time_at(consumer, record) for record in last_records]
    finally:
        consumer.close()
    return max((time for time in times if time is not None), default=None)


def _event_time_at(consumer: Consumer, record: TopicPartition) -> int | None:
    consumer.assign([record])
    message = consumer.poll(TIMEOUT_S)
    value = message.value() if message is not None else None
    if not isinstance(value, bytes):
        return None
    try:
        return decode_raw(value).event_time_ms
    except UnreadableMessage:
        return None
