from __future__ import annotations

from connectors.binance.budget import LOOK_AGAIN_MS, WeightBudget
from connectors.binance.wishes import Request, Wish, WishList

WEIGHTS = {100: 5, 500: 25, 1000: 50, 5000: 250}


def wish_list(*, most_levels: int = 5000, share: float = 0.5) -> WishList:
    return WishList(WeightBudget(share=share), WEIGHTS, most_levels)


def snapshot(symbol: str, priority: int = 1) -> Wish:
    return Wish("snapshot", symbol, priority)


def taken(wishes: WishList, now_ms: int) -> Request:
    request = wishes.next(now_ms)
    assert isinstance(request, Request), request
    return request


def test_lost_books_come_first_and_within_a_priority_the_oldest_wish() -> None:
    wishes = wish_list()
    wishes.want("one", [snapshot("A"), snapshot("B", 2), snapshot("C")])
    wishes.want("two", [Wish("status", "D", 3), snapshot("E", 0)])
    wishes.want("one", [snapshot("C"), snapshot("B", 2), snapshot("A"), snapshot("F")])
    order = [taken(wishes, 0) for _ in range(6)]
    assert [request.symbol for request in order] == ["E", "A", "C", "F", "B", "D"]
    assert {request.symbol: request.owner for request in order} == {
        "A": "one", "B": "one", "C": "one", "F": "one", "D": "two", "E": "two",
    }  # fmt: skip
    assert isinstance(wishes.next(0), int)


def test_a_wish_that_is_no_longer_wanted_is_dropped() -> None:
    wishes = wish_list()
    wishes.want("one", [snapshot("A"), snapshot("B")])
    wishes.want("one", [snapshot("B")])
    assert taken(wishes, 0).symbol == "B"
    assert isinstance(wishes.next(0), int)


def test_few_symbols_get_deep_books_and_many_get_shallow_ones() -> None:
    few = wish_list()
    few.want("one", [snapshot("A"), snapshot("B")])
    assert (taken(few, 0).limit, taken(few, 0).weight) == (5000, 250)
    some = wish_list()
    some.want("one", [snapshot(f"S{number}") for number in range(60)])
    assert taken(some, 0).limit == 1000
    capped = wish_list(most_levels=500)
    capped.want("one", [snapshot("A")])
    assert taken(capped, 0).limit == 500


def test_a_book_that_is_lost_again_and_again_is_fetched_shallower_once_half_of_the_budget_is_spent() -> None:
    wishes, limits = wish_list(), []
    for second in range(60):
        wishes.want("one", [snapshot("A", 0)])
        request = taken(wishes, second * 1_000)
        wishes.done(request, second * 1_000)
        limits.append(request.limit)
    assert limits == [5000] * 7 + [100] * 53  # 3000 a minute, 250 each


def test_each_step_shallower_is_one_more_snapshot_lately() -> None:
    budget = WeightBudget(share=0.5)
    wishes = WishList(budget, WEIGHTS, 5000)
    budget.spend(1600, 0)
    limits = []
    for second in range(5):
        wishes.want("one", [snapshot("A", 0), snapshot("B", second % 2)])
        request = taken(wishes, second * 1_000)
        wishes.done(request, second * 1_000)
        limits.append(request.limit)
        wishes.want("one", [])
    assert limits == [5000, 1000, 500, 100, 100]


def test_what_verifies_further_is_as_deep_as_the_rest_of_the_budget_allows() -> None:
    budget = WeightBudget(share=0.5)
    wishes = WishList(budget, WEIGHTS, 5000)
    budget.spend(2000, 0)
    limits = []
    for second in range(4):
        wishes.want("one", [snapshot("A", 2)])
        request = taken(wishes, second * 1_000)
        wishes.done(request, second * 1_000)
        limits.append(request.limit)
    assert limits == [5000, 1000, 1000, 1000]  # 400 above the reserve of 600: 250 and three times 50
    wishes.want("one", [snapshot("A", 2), snapshot("B", 2)])
    assert isinstance(wishes.next(10_000), int)


def test_a_fifth_of_the_budget_is_kept_for_lost_and_first_books() -> None:
    wishes = wish_list(share=0.05, most_levels=100)  # 300 a minute
    wishes.want("one", [snapshot(f"S{number}", 2) for number in range(100)])
    taken_now = 0
    while isinstance(wishes.next(0), Request):
        taken_now += 1
    assert taken_now * 5 == 240
    wishes.want("two", [snapshot("LOST", 0)])
    assert taken(wishes, 0).symbol == "LOST"


def test_450_symbols_have_their_first_snapshot_within_one_minute_s_share() -> None:
    wishes = wish_list()
    wishes.want("one", [snapshot(f"S{number}") for number in range(450)])
    requests = [taken(wishes, 1_000 + number) for number in range(450)]
    assert len({request.symbol for request in requests}) == 450
    assert min(request.limit for request in requests) == 100
    assert sum(request.weight for request in requests) <= 3000


def test_more_than_the_budget_waits_for_the_next_minute() -> None:
    wishes = wish_list(share=0.01)  # 60 a minute
    wishes.want("one", [snapshot(f"S{number}") for number in range(20)])
    requests = [taken(wishes, 0) for _ in range(12)]
    assert [request.limit for request in requests] == [100] * 12
    assert wishes.next(15_000) == LOOK_AGAIN_MS  # while none is answered, nobody knows when it counts
    for request in requests:
        wishes._budget.answered(request.weight, None, 0)
    assert wishes.next(15_000) == 45_000
    assert taken(wishes, 60_000).symbol == "S12"


def test_a_symbol_is_not_asked_for_twice_at_once_nor_within_a_second() -> None:
    wishes = wish_list()
    wishes.want("one", [snapshot("A")])
    request = taken(wishes, 0)
    wishes.want("one", [snapshot("A")])
    assert isinstance(wishes.next(10), int)
    wishes.done(request, 400)
    wishes.want("one", [snapshot("A", 0)])
    assert wishes.next(500) == 900
    assert taken(wishes, 1_400).symbol == "A"


def test_a_failing_symbol_rests_longer_each_time_and_the_others_do_not_wait_for_it() -> None:
    wishes = wish_list()
    wishes.want("one", [snapshot("A", 0), snapshot("B")])
    now_ms, rests = 0, []
    wishes.failed(taken(wishes, now_ms), now_ms)
    assert taken(wishes, now_ms).symbol == "B"
    for _ in range(8):
        wait_ms = wishes.next(now_ms)
        assert isinstance(wait_ms, int)
        rests.append(wait_ms)
        now_ms += wait_ms
        wishes.failed(taken(wishes, now_ms), now_ms)
    assert rests == [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]
    now_ms += 60_000
    request = taken(wishes, now_ms)
    wishes.done(request, now_ms)
    wishes.want("one", [snapshot("A", 0)])
    assert wishes.next(now_ms) == 1_000


def test_a_request_that_was_put_off_keeps_its_place() -> None:
    wishes = wish_list()
    wishes.want("one", [snapshot("A"), snapshot("B")])
    wishes.put_off(taken(wishes, 0))
    assert taken(wishes, 0).symbol == "A"


def test_a_symbol_s_status_is_asked_each_half_minute_at_most_and_after_every_snapshot() -> None:
    wishes = wish_list()
    status = Wish("status", "A", 3)
    wishes.want("one", [status, snapshot("A", 2)])
    assert taken(wishes, 0).kind == "snapshot"
    request = taken(wishes, 0)
    assert (request.kind, request.weight) == ("status", 20)
    wishes.done(request, 0)
    wishes.want("one", [status])
    assert wishes.next(1_000) == 29_000
    assert taken(wishes, 30_000).kind == "status"
