from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from connectors.binance.budget import WeightBudget


def spend(budget: WeightBudget, weight: int, now_ms: int) -> None:
    assert budget.may_spend(weight, now_ms)
    budget.spend(weight, now_ms)
    budget.answered(weight, None, now_ms)


def test_a_share_of_the_exchange_s_limit_is_ours() -> None:
    budget = WeightBudget(share=0.5, limit=6000)
    assert budget.left(0) == 3000
    spend(budget, 2990, 0)
    assert budget.left(59_999) == 10
    assert budget.may_spend(10, 59_999)
    assert budget.wait_ms(11, 1_000) == 59_000
    assert budget.left(60_000) == 3000


def test_the_wait_ends_when_enough_of_what_was_spent_is_a_minute_old() -> None:
    budget = WeightBudget(share=1.0, limit=100)
    spend(budget, 30, 1_000)
    spend(budget, 30, 5_000)
    spend(budget, 30, 9_000)
    assert budget.wait_ms(40, 10_000) == 61_000 - 10_000
    assert budget.wait_ms(70, 10_000) == 65_000 - 10_000
    assert budget.wait_ms(100, 10_000) == 69_000 - 10_000


def test_a_request_above_the_share_waits_for_the_whole_of_it() -> None:
    budget = WeightBudget(share=0.1, limit=1000)
    assert budget.may_spend(250, 0)
    spend(budget, 1, 7)
    assert budget.wait_ms(250, 10) == 60_007 - 10


def test_what_others_behind_the_address_use_counts_against_the_exchange_s_limit() -> None:
    budget = WeightBudget(share=0.5, limit=6000)
    budget.spend(5, 0)
    budget.answered(5, 5990, 100)
    assert budget.left(200) == 10
    assert budget.wait_ms(50, 200) == 60_100 - 200
    budget.spend(6, 200)
    assert budget.left(200) == 4
    budget.answered(6, 6, 300)
    assert budget.left(300) == 3000 - 11


def test_429_closes_until_retry_after_and_418_says_why() -> None:
    budget = WeightBudget(share=0.5)
    budget.slow_down(7, 1_000)
    assert (budget.wait_ms(1, 2_000), budget.left(2_000)) == (6_000, 0)
    budget.banned(120, 3_000)
    assert budget.closed_until_ms == 123_000
    assert budget.closed_because == "HTTP 418 banned this address for 120 s"
    budget.slow_down(1, 4_000)
    assert budget.closed_until_ms == 123_000
    assert budget.may_spend(1, 123_000)


@given(
    st.lists(st.tuples(st.integers(1, 250), st.integers(0, 20_000)), max_size=60),
    st.floats(0.05, 1.0),
)
def test_no_stretch_of_a_minute_holds_more_than_our_share(asked: list[tuple[int, int]], share: float) -> None:
    budget = WeightBudget(share=share, limit=6000)
    now_ms, spent = 0, []
    for weight, pause_ms in asked:
        now_ms += pause_ms
        now_ms += budget.wait_ms(weight, now_ms)
        assert budget.may_spend(weight, now_ms)
        budget.spend(weight, now_ms)
        budget.answered(weight, None, now_ms)
        spent.append((now_ms, weight))
    for begin_ms, _ in spent:
        assert sum(weight for at_ms, weight in spent if begin_ms <= at_ms < begin_ms + 60_000) <= int(share * 6000)
