"""Creating the product's topics."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_exponential

from orderbook.errors import ServiceUnavailable
from orderbook.settings import Settings
from orderbook.topics import Topics

DAY_MS = 86_400_000
WAIT_FOR_BROKER_S = 60


def create_topics(settings: Settings) -> list[str]:
    """Create the topics that do not exist yet, with TOPIC_PARTITIONS partitions each, and return their names.

    Waits up to a minute for the broker. Harmless when repeated; an existing topic is left as it is.
    Raises ServiceUnavailable when the broker does not answer or refuses.
    """
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap_servers, "log_level": 0})
    present = _present(admin, settings.kafka_bootstrap_servers)
    topics = Topics(settings.topic_prefix)
    missing = [
        NewTopic(
            name,
            num_partitions=settings.topic_partitions,
            config={
                "retention.ms": str(DAY_MS),
                "compression.type": "producer",
                # Retention counts from the writing: the event times of a recording may be years old.
                "message.timestamp.type": "LogAppendTime",
            },
        )
        for name in topics.all()
        if name not in present
    ]
    created: list[str] = []
    if missing:
        for name, future in admin.create_topics(missing, operation_timeout=30).items():
            try:
                future.result()
            except KafkaException as refused:
                if refused.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise ServiceUnavailable(f"topic {name} could not be created: {refused.args[0].str()}") from None
            else:
                created.append(name)
        _wait_for_leaders(admin, created)
    return created


@retry(
    retry=retry_if_exception_type(ServiceUnavailable),
    stop=stop_after_delay(WAIT_FOR_BROKER_S),
    wait=wait_exponential(multiplier=0.1, max=2),
    reraise=True,
)
def _present(admin: AdminClient, servers: str) -> set[str]:
    try:
        return set(admin.list_topics(timeout=5).topics)
    except KafkaException as unreachable:
        raise ServiceUnavailable(f"Kafka at {servers} does not answer: {unreachable.args[0].str()}") from None


@retry(
    retry=retry_if_exception_type(ServiceUnavailable),
    stop=stop_after_delay(WAIT_FOR_BROKER_S),
    wait=wait_exponential(multiplier=0.05, max=1),
    reraise=True,
)
def _wait_for_leaders(admin: AdminClient, names: list[str]) -> None:
    """Return when every partition of the new topics can be read and written."""
    known = admin.list_topics(timeout=5).topics
    for name in names:
        if name not in known or any(partition.leader < 0 for partition in known[name].partitions.values()):
            raise ServiceUnavailable(f"topic {name} has no leader yet")
