from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import pytest

from connectors.simulator.faults import KINDS, BadFault, Delist, Disconnect, DropDiff, Relist, described
from connectors.simulator.schedule import (
    RELISTED_AFTER_S,
    SURVIVABLE_STATUSES,
    TimedFault,
    parse_random,
    parse_script,
    random_schedule,
)

SYMBOLS = ("BTCUSDT", "ADAUSDT", "ETHUSDT")


def drawn(**asked: Any) -> list[TimedFault]:  # noqa: ANN401 - JSON values
    return list(random_schedule(parse_random(asked, SYMBOLS)))


def test_a_seed_fixes_the_schedule() -> None:
    assert drawn(seed=5) == drawn(seed=5)
    assert drawn(seed=5) != drawn(seed=6)


def test_faults_come_in_order_at_about_the_rate_asked_for() -> None:
    schedule = drawn(seed=1, every_s=0.5, duration_s=1000.0, kinds=["drop_diff", "disconnect"], symbols=["ADAUSDT"])
    assert len(schedule) == pytest.approx(2000, rel=0.1)
    assert all(sooner.at_s <= later.at_s for sooner, later in itertools.pairwise(schedule))
    assert schedule[0].at_s > 0
    assert schedule[-1].at_s < 1000.0
    kinds = Counter(described(timed.fault)["kind"] for timed in schedule)
    assert set(kinds) == {"drop_diff", "disconnect"}
    assert kinds["disconnect"] == pytest.approx(1000, rel=0.15)
    assert {described(timed.fault).get("symbol") for timed in schedule} == {None, "ADAUSDT"}


def test_unless_named_all_kinds_and_symbols_occur() -> None:
    schedule = drawn(seed=2, every_s=1.0, duration_s=3000.0)
    told = [described(timed.fault) for timed in schedule]
    assert {one["kind"] for one in told} == set(KINDS)
    assert {one.get("symbol") for one in told} == {None, *SYMBOLS}
    assert {one["status"] for one in told if one["kind"] == "rest_status"} == set(SURVIVABLE_STATUSES)


def test_what_is_delisted_is_relisted() -> None:
    schedule = drawn(seed=3, every_s=1.0, duration_s=500.0, kinds=["delist", "drop_diff"])
    assert all(sooner.at_s <= later.at_s for sooner, later in itertools.pairwise(schedule))
    gone = [
        (timed.at_s + RELISTED_AFTER_S, timed.fault.symbol) for timed in schedule if isinstance(timed.fault, Delist)
    ]
    back = [(timed.at_s, timed.fault.symbol) for timed in schedule if isinstance(timed.fault, Relist)]
    assert gone == back
    assert len(gone) > 100


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({}, "missing required field `seed`"),
        ([], "takes seed (needed)"),
        ({"seed": -1}, "`int` >= 0"),
        ({"seed": 1, "every_s": 0}, "every_s"),
        ({"seed": 1, "kinds": ["relist"]}, "'relist' is none"),
        ({"seed": 1, "kinds": []}, "the list is empty"),
        ({"seed": 1, "symbols": ["NOSUCH"]}, "allowed are ADAUSDT, BTCUSDT, ETHUSDT"),
        ({"seed": 1, "speed": 2}, "unknown field `speed`"),
    ],
)
def test_random_requests_that_make_no_sense_are_refused(asked: object, told: str) -> None:
    with pytest.raises(BadFault) as refused:
        parse_random(asked, SYMBOLS)
    assert told in str(refused.value)


def test_a_script_is_put_in_order_of_time() -> None:
    script = [{"at_s": 3, "kind": "disconnect"}, {"at_s": 0.5, "kind": "drop_diff", "symbol": "ADAUSDT"}]
    assert parse_script(script, SYMBOLS) == [(0.5, DropDiff(symbol="ADAUSDT")), (3.0, Disconnect())]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({}, "A script is an array"),
        ([], "A script is an array"),
        ("text", "A script is an array"),
        ([1], "Entry 0 of the script is not an object"),
        ([{"kind": "disconnect"}], "Entry 0 of the script: at_s is None"),
        ([{"at_s": True, "kind": "disconnect"}], "at_s is True"),
        ([{"at_s": 0, "kind": "disconnect"}, {"at_s": -1, "kind": "disconnect"}], "Entry 1 of the script: at_s is -1"),
        ([{"at_s": 0, "kind": "delay", "symbol": "X"}], "Entry 0 of the script: delay: no symbol 'X'"),
    ],
)
def test_scripts_that_make_no_sense_are_refused(asked: object, told: str) -> None:
    with pytest.raises(BadFault) as refused:
        parse_script(asked, SYMBOLS)
    assert told in str(refused.value)
