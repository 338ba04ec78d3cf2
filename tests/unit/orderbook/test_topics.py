from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orderbook.topics import Topics, partition_of, uncovered_partitions

symbols = st.lists(st.from_regex(r"[A-Z]{5,10}", fullmatch=True), unique=True, max_size=30).map(tuple)


def test_a_symbol_keeps_its_partition_for_ever() -> None:
    # CRC-32 as zlib and librdkafka's `consistent` partitioner compute it: changing it would tear symbols apart.
    assert [partition_of(symbol, 4) for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT")] == [3, 0, 0]


@given(symbols=symbols, partitions=st.integers(1, 16))
def test_every_partition_has_a_symbol_or_a_clock(symbols: tuple[str, ...], partitions: int) -> None:
    lived_in = {partition_of(symbol, partitions) for symbol in symbols}
    clocks = uncovered_partitions(symbols, partitions)
    assert lived_in | set(clocks) == set(range(partitions))
    assert not lived_in & set(clocks)


def test_topics_share_the_prefix() -> None:
    assert Topics("run7").all() == (
        "run7.raw",
        "run7.trades",
        "run7.metrics",
        "run7.processed",
        "run7.alerts",
        "run7.dead_letter",
    )
