"""Names of the Kafka topics, and which partition a symbol lives in."""

from __future__ import annotations

import zlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topics:
    """The product's topics under one prefix, so that several pipelines can share a broker."""

    prefix: str

    @property
    def raw(self) -> str:
        """Books and heartbeats, keyed by symbol."""
        return f"{self.prefix}.raw"

    @property
    def trades(self) -> str:
        """Trades, keyed by symbol."""
        return f"{self.prefix}.trades"

    @property
    def metrics(self) -> str:
        """One row for each book, keyed by symbol."""
        return f"{self.prefix}.metrics"

    @property
    def processed(self) -> str:
        """Closed one-second windows, keyed by symbol."""
        return f"{self.prefix}.processed"

    @property
    def alerts(self) -> str:
        """Every step of every alert episode, keyed by symbol."""
        return f"{self.prefix}.alerts"

    @property
    def dead_letter(self) -> str:
        """What could not be read, with the reason."""
        return f"{self.prefix}.dead_letter"

    def all(self) -> tuple[str, ...]:
        """Every topic, in the order in which data passes through them."""
        return (self.raw, self.trades, self.metrics, self.processed, self.alerts, self.dead_letter)


def partition_of(symbol: str, partitions: int) -> int:
    """Return the partition a symbol lives in, 0 <= result < partitions.

    The same for every process and every run (CRC-32 of the symbol), so that a symbol's order is one partition's order.
    """
    return zlib.crc32(symbol.encode()) % partitions


def uncovered_partitions(symbols: tuple[str, ...], partitions: int) -> tuple[int, ...]:
    """Return the partitions no symbol lives in, ascending.

    They need clock heartbeats: a partition without records would hold back the event time of the whole topic.
    """
    covered = {partition_of(symbol, partitions) for symbol in symbols}
    return tuple(partition for partition in range(partitions) if partition not in covered)
