from __future__ import annotations

import math
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from orderbook.verification import Percentiles, percentiles


@given(st.lists(st.integers(0, 100_000), min_size=1))
def test_percentiles_are_by_nearest_rank(values: list[int]) -> None:
    ordered = sorted(values)
    expected = [ordered[math.ceil(len(ordered) * share) - 1] for share in (0.5, 0.9, 0.99)]
    assert percentiles(Counter(values)) == Percentiles(
        count=len(values), p50_ms=expected[0], p90_ms=expected[1], p99_ms=expected[2], max_ms=ordered[-1]
    )


def test_nothing_has_no_percentiles() -> None:
    assert percentiles({}) is None
