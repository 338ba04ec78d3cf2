from __future__ import annotations

from itertools import pairwise

from connectors.binance.attempts import AttemptLimiter
from connectors.binance.line import Close, Line, LineRules, Open

HOUR = 3_600_000


def line(*, uniform: float = 0.5, attempts: AttemptLimiter | None = None) -> Line:
    return Line(LineRules(), attempts or AttemptLimiter(), lambda: uniform)


def carrying(number: int, one: Line, now_ms: int) -> None:
    """Let a socket be up, complete and delivering."""
    one.opened(number, now_ms)
    one.completed(number)
    one.heard(number, now_ms)


def started(*, uniform: float = 0.5) -> Line:
    one = line(uniform=uniform)
    assert one.due(0, silent=False) == [Open(1, "first")]
    carrying(1, one, 100)
    return one


def quiet(one: Line, now_ms: int) -> bool:
    return one.due(now_ms, silent=False) == []


def test_it_opens_one_socket_and_waits_for_it() -> None:
    one = line()
    assert one.due(0, silent=False) == [Open(1, "first")]
    assert quiet(one, 10_000)
    assert (one.up, one.complete) == (False, False)
    assert one.opened(1, 10_100) == "opened"
    assert (one.up, one.complete) == (True, False)
    one.completed(1)
    assert (one.up, one.complete) == (True, True)
    assert quiet(one, 10_200)


def test_an_old_socket_is_replaced_before_it_is_closed() -> None:
    one = started()
    assert quiet(one, 23 * HOUR - 1)
    assert one.due(23 * HOUR, silent=False) == [Open(2, "age")]
    now_ms = 23 * HOUR + 150
    assert one.opened(2, now_ms) == "overlap_began"
    assert quiet(one, now_ms + 5_000)  # nothing delivered yet
    one.heard(2, now_ms + 5_100)
    assert quiet(one, now_ms + 5_200)  # nor every stream confirmed
    one.completed(2)
    assert one.due(now_ms + 5_300, silent=False) == [Close(1)]
    assert quiet(one, now_ms + 5_400)
    assert one.ended(1, now_ms + 5_500) == "overlap_ended"
    assert one.up
    assert quiet(one, now_ms + 20 * HOUR)


def test_sockets_overlap_for_three_seconds() -> None:
    one = started()
    one.due(23 * HOUR, silent=False)
    carrying(2, one, 23 * HOUR)
    assert quiet(one, 23 * HOUR + 2_999)
    assert one.due(23 * HOUR + 3_000, silent=False) == [Close(1)]


def test_lines_do_not_renew_together() -> None:
    early, late = started(uniform=0.0), started(uniform=1.0)
    assert early.due(22 * HOUR + HOUR // 2, silent=False) == [Open(2, "age")]
    assert quiet(late, 23 * HOUR + HOUR // 2 - 1)
    assert late.due(23 * HOUR + HOUR // 2, silent=False) == [Open(2, "age")]


def test_an_announced_shutdown_and_changed_symbols_renew_at_once() -> None:
    one = started()
    one.shutdown_announced(1)
    assert one.due(100_000, silent=False) == [Open(2, "shutdown")]
    other = started()
    other.symbols_changed(any_left=True)
    assert other.due(100_000, silent=False) == [Open(2, "symbols")]


def test_symbols_that_change_while_a_socket_opens_need_another_one() -> None:
    one = line()
    one.due(0, silent=False)
    one.symbols_changed(any_left=True)
    carrying(1, one, 100)
    assert one.due(70_000, silent=False) == [Open(2, "symbols")]


def test_the_old_socket_may_die_in_the_overlap() -> None:
    one = started()
    one.shutdown_announced(1)
    one.due(100_000, silent=False)
    assert one.opened(2, 100_200) == "overlap_began"
    assert one.ended(1, 100_300) == "overlap_ended"
    assert quiet(one, 100_400)
    assert one.ended(2, 100_500) == "closed"


def test_a_successor_that_cannot_be_opened_is_tried_again_while_the_old_one_goes_on() -> None:
    one = started(uniform=1.0)
    one.shutdown_announced(1)
    now_ms = 100_000
    tries_ms: list[int] = []
    while len(tries_ms) < 9:
        for action in one.due(now_ms, silent=False):
            assert isinstance(action, Open)
            assert action.why == "shutdown"
            tries_ms.append(now_ms)
            assert one.ended(action.number, now_ms) is None
        assert one.up
        now_ms += 100
    pauses = [later - earlier for earlier, later in pairwise(tries_ms)]
    assert pauses == [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]


def test_a_lost_connection_is_opened_again_at_once_if_it_lasted_and_later_if_it_flaps() -> None:
    one = started(uniform=1.0)
    assert one.ended(1, 200_000) == "closed"
    assert one.due(200_000, silent=False) == [Open(2, "lost")]
    one.opened(2, 200_100)
    one.ended(2, 200_200)
    assert quiet(one, 200_600)
    assert one.due(200_700, silent=False) == [Open(3, "lost")]
    one.ended(3, 200_800)
    assert quiet(one, 201_700)
    assert one.due(201_800, silent=False) == [Open(4, "lost")]


def test_it_never_gives_up_and_an_exchange_s_wait_is_obeyed() -> None:
    one, now_ms = line(uniform=1.0), 0
    for number in range(1, 2_000):
        assert one.due(now_ms, silent=False) == [Open(number, "first" if number == 1 else "lost")]
        one.ended(number, now_ms)
        now_ms += 30_000
    one.due(now_ms, silent=False)
    one.ended(2_000, now_ms, wait_ms=120_000)
    assert quiet(one, now_ms + 119_999)
    assert one.due(now_ms + 120_000, silent=False) == [Open(2_001, "lost")]


def test_an_exchange_s_wait_outlasts_the_loss_of_the_socket_that_is_still_up() -> None:
    one = started()
    one.shutdown_announced(1)
    assert one.due(100_000, silent=False) == [Open(2, "shutdown")]
    assert one.ended(2, 100_100, wait_ms=60_000) is None
    assert one.ended(1, 101_000) == "closed"
    assert quiet(one, 160_099)
    assert one.due(160_100, silent=False) == [Open(3, "lost")]


def test_a_change_that_cannot_be_made_yet_leaves_the_streams_that_flow_complete() -> None:
    one = started()
    one.symbols_changed(any_left=True)
    told = [one.complete]
    one.due(100_000, silent=False)
    one.ended(2, 100_100, wait_ms=60_000)
    told.append(one.complete)
    assert one.due(160_100, silent=False) == [Open(3, "symbols")]
    one.opened(3, 160_200)
    told.append(one.complete)
    one.completed(3)
    told.append(one.complete)
    assert told == [True, True, False, True]


def test_the_streams_of_the_old_socket_are_complete_while_the_next_one_subscribes() -> None:
    one = started()
    one.shutdown_announced(1)
    one.due(100_000, silent=False)
    one.opened(2, 100_100)
    assert one.complete


def test_an_overlap_lasts_until_one_of_three_sockets_is_left() -> None:
    one = started()
    one.shutdown_announced(1)
    one.due(100_000, silent=False)
    carrying(2, one, 100_100)
    assert one.due(103_100, silent=False) == [Close(1)]
    one.shutdown_announced(2)  # the first is slow to end
    assert one.due(104_000, silent=False) == [Open(3, "shutdown")]
    assert one.opened(3, 104_100) == "overlap_began"
    assert one.ended(1, 104_200) is None
    assert one.ended(2, 104_300) == "overlap_ended"


def test_no_attempt_beyond_the_limit_of_the_process() -> None:
    attempts = AttemptLimiter(most=1)
    assert line(attempts=attempts).due(0, silent=False)
    other = line(attempts=attempts)
    assert quiet(other, 1)
    assert other.due(300_000, silent=False) == [Open(1, "first")]


def test_a_silent_line_gets_a_second_socket_and_keeps_the_one_that_delivers() -> None:
    one = started()
    assert one.due(5_000, silent=True) == [Open(2, "silence")]
    carrying(2, one, 5_100)
    assert one.due(8_100, silent=False) == [Close(1)]


def test_a_silence_that_both_sockets_share_is_the_market_s_and_asked_about_less_and_less() -> None:
    one, now_ms = started(), 5_000
    opened_ms: list[int] = []
    while len(opened_ms) < 5:
        for action in one.due(now_ms, silent=True):
            if isinstance(action, Open):
                opened_ms.append(now_ms)
                one.opened(action.number, now_ms)
                one.completed(action.number)
            else:
                assert one.ended(action.number, now_ms) == "overlap_ended"
        now_ms += 1_000
    pauses = [later - earlier for earlier, later in pairwise(opened_ms)]
    assert pauses == sorted(pauses)
    assert pauses[0] >= 30_000
    assert pauses[-1] >= 240_000


def test_a_successor_that_delivers_nothing_beside_one_that_does_is_given_up() -> None:
    one = started()
    one.shutdown_announced(1)
    one.due(100_000, silent=False)
    one.opened(2, 100_100)
    one.heard(1, 120_000)
    assert quiet(one, 130_099)
    assert one.due(130_100, silent=False) == [Close(2)]
    assert one.ended(2, 130_200) == "overlap_ended"
    assert one.up


def test_a_socket_whose_streams_are_never_all_confirmed_is_replaced() -> None:
    one = line()
    one.due(0, silent=False)
    one.opened(1, 100)
    one.heard(1, 200)
    assert quiet(one, 30_099)
    assert one.due(30_100, silent=False) == [Open(2, "incomplete")]
    carrying(2, one, 30_200)
    assert one.due(33_200, silent=False) == [Close(1)]
    one.ended(1, 33_300)
    assert one.complete
    assert quiet(one, HOUR)


def test_a_line_without_symbols_ends_and_begins_again_when_there_are_some() -> None:
    one = started()
    one.symbols_changed(any_left=False)
    assert one.due(1_000, silent=False) == [Close(1)]
    assert one.ended(1, 1_100) == "closed"
    assert quiet(one, 500_000)
    one.symbols_changed(any_left=True)
    assert one.due(500_000, silent=False) == [Open(2, "lost")]
