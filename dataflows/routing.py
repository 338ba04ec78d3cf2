"""Which topic and partition a message of the ingest goes to."""

from __future__ import annotations

from collections.abc import Callable

from connectors.kafka.sink import OutRecord
from orderbook.messages import DeadLetter, Heartbeat, IngestMessage, Trade, encode
from orderbook.settings import Settings
from orderbook.topics import Topics, partition_of, uncovered_partitions


def router(settings: Settings, symbols: tuple[str, ...]) -> Callable[[IngestMessage], list[OutRecord]]:
    """Return the function that turns a message into the records to write, one nearly always.

    A clock heartbeat (empty symbol) becomes one record for each partition that none of the symbols lives in.
    """
    topics = Topics(settings.topic_prefix)
    partitions = settings.topic_partitions
    partition = {symbol: partition_of(symbol, partitions) for symbol in symbols}
    uncovered = uncovered_partitions(symbols, partitions)

    def route(message: IngestMessage) -> list[OutRecord]:
        value = encode(message)
        if isinstance(message, DeadLetter):
            return [OutRecord(topics.dead_letter, None, value)]
        if isinstance(message, Heartbeat) and not message.symbol:
            return [OutRecord(topics.raw, b"", value, number) for number in uncovered]
        topic = topics.trades if isinstance(message, Trade) else topics.raw
        return [OutRecord(topic, message.symbol.encode(), value, partition[message.symbol])]

    return route
