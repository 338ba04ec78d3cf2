"""Reading topics in tests, with a consumer of our own and never with the product's source."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

import msgspec
from confluent_kafka import Consumer, TopicPartition


class TopicReader:
    """Everything in a topic, from its beginning, as plain JSON."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        self._consumer = Consumer(
            {"bootstrap.servers": bootstrap_servers, "group.id": "tests", "enable.auto.commit": False, "log_level": 0}
        )
        partitions = self._consumer.list_topics(topic, timeout=20).topics[topic].partitions
        self._consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        self.rows: list[dict[str, Any]] = []
        self.partitions: list[int] = []
        self.keys: list[bytes | None] = []
        self._next: dict[int, int] = {}

    def read(self, timeout_s: float = 0.2) -> int:
        """Take in what has arrived and return how many rows there are."""
        for message in self._consumer.consume(5000, timeout=timeout_s):
            error, value = message.error(), message.value()
            assert error is None, error
            assert isinstance(value, bytes)
            key = message.key()
            self.rows.append(msgspec.json.decode(value))
            self.partitions.append(message.partition() or 0)
            self.keys.append(key)
            self._next[message.partition() or 0] = (message.offset() or 0) + 1
        return len(self.rows)

    def read_all(self) -> list[dict[str, Any]]:
        """Read every row that is in the topic now, and return all of them; a live topic may have given a few more."""
        ends = {
            partition.partition: self._consumer.get_watermark_offsets(partition, timeout=20)[1]
            for partition in self._consumer.assignment()
        }
        left = {number for number, end in ends.items() if end > self._next.get(number, 0)}
        while left:
            self.read(1.0)
            left = {number for number in left if ends[number] > self._next.get(number, 0)}
        return self.rows

    def read_until(
        self, enough: Callable[[list[dict[str, Any]]], bool], within_s: float = 60.0
    ) -> list[dict[str, Any]]:
        """Read until the rows are enough and return them; fails when they are not in time."""
        end = monotonic() + within_s
        while not enough(self.rows):
            assert monotonic() < end, f"not enough after {within_s:.0f} s: {len(self.rows)} rows, {self.rows[-2:]}"
            self.read()
        return self.rows

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()
