"""Waiting for the broker: the job is planned while the broker still starts, and submitted when its topic is there."""

from __future__ import annotations

from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from orderbook.errors import ServiceUnavailable
from orderbook.settings import Settings
from orderbook.topics import Topics

WITHIN_S: Final = 120
LOOK_EVERY_S: Final = 0.2
ANSWER_WITHIN_S: Final = 2.0


@retry(
    retry=retry_if_exception_type(ServiceUnavailable),
    stop=stop_after_delay(WITHIN_S),
    wait=wait_fixed(LOOK_EVERY_S),
    reraise=True,
)
def wait_for_topics(settings: Settings) -> None:
    """Return when every topic has leaders; raises ServiceUnavailable after two minutes."""
    servers = settings.kafka_bootstrap_servers
    try:
        known = AdminClient({"bootstrap.servers": servers, "log_level": 0}).list_topics(timeout=ANSWER_WITHIN_S).topics
    except KafkaException as unreachable:
        raise ServiceUnavailable(f"Kafka at {servers} does not answer: {unreachable.args[0].str()}") from None
    for name in Topics(settings.topic_prefix).all():
        if name not in known or any(partition.leader < 0 for partition in known[name].partitions.values()):
            raise ServiceUnavailable(f"topic {name} is not on {servers}: create it with `python -m connectors.kafka`")
