from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from connectors.simulator.faults import (
    KINDS,
    BadFault,
    ClockJump,
    Close,
    Delay,
    DropDiff,
    RestStatusFault,
    catalogue,
    described,
    parse_fault,
)

SYMBOLS = ("BTCUSDT", "ADAUSDT")


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        ({"kind": "drop_diff", "symbol": "ADAUSDT"}, DropDiff(symbol="ADAUSDT", count=1)),
        ({"kind": "drop_diff", "symbol": "ADAUSDT", "count": 3}, DropDiff(symbol="ADAUSDT", count=3)),
        ({"kind": "delay", "symbol": "BTCUSDT", "duration_s": 2}, Delay(symbol="BTCUSDT", duration_s=2.0)),
        ({"kind": "close"}, Close(code=1001)),
        ({"kind": "close", "code": 1014}, Close(code=1014)),
        ({"kind": "clock_jump", "shift_ms": -7}, ClockJump(shift_ms=-7, duration_s=5.0, symbol=None)),
        (
            {"kind": "rest_status", "status": 451, "path": "depth"},
            RestStatusFault(status=451, duration_s=None, count=None, path="depth", retry_after_s=2),
        ),
    ],
)
def test_a_fault_is_read_with_its_defaults(asked: Mapping[str, Any], fault: object) -> None:
    assert parse_fault(asked, SYMBOLS) == fault


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (None, "one of drop_diff, duplicate_diff"),
        ([], "one of drop_diff, duplicate_diff"),
        ({"symbol": "BTCUSDT"}, "one of drop_diff, duplicate_diff"),
        ({"kind": "earthquake"}, "'earthquake'"),
        ({"kind": "drop_diff"}, "missing required field `symbol`"),
        ({"kind": "drop_diff", "symbol": "NOSUCH"}, "one of BTCUSDT, ADAUSDT"),
        ({"kind": "drop_diff", "symbol": 7}, "Expected `str`, got `int`"),
        ({"kind": "drop_diff", "symbol": "BTCUSDT", "count": 0}, "an integer from 1 to 10000; default 1"),
        ({"kind": "drop_diff", "symbol": "BTCUSDT", "count": True}, "Expected `int`, got `bool`"),
        ({"kind": "drop_diff", "symbol": "BTCUSDT", "often": 2}, "unknown field `often`"),
        ({"kind": "disconnect", "code": 1001}, "disconnect takes no other field"),
        ({"kind": "close", "code": 1006}, "1000 | 1001 | 1002"),
        ({"kind": "corrupt", "symbol": "BTCUSDT", "how": "badly"}, "bad_json | huge_frame | nan"),
        ({"kind": "delay", "symbol": "BTCUSDT", "duration_s": 0}, "a number above 0 to 86400"),
        ({"kind": "rest_status", "status": 404}, "403 | 418 | 429 | 451 | 500 | 502 | 503 | 504"),
        ({"kind": "clock_jump", "symbol": "NOSUCH"}, "one of BTCUSDT, ADAUSDT"),
        ({"kind": "stale_snapshot", "symbol": "BTCUSDT", "age_ms": 10_001}, "an integer from 1 to 10000"),
    ],
)
def test_nonsense_is_refused_with_what_is_allowed(asked: object, told: str) -> None:
    with pytest.raises(BadFault) as refused:
        parse_fault(asked, SYMBOLS)
    assert told in str(refused.value)


def test_of_many_symbols_a_refusal_names_the_first() -> None:
    with pytest.raises(BadFault) as refused:
        parse_fault({"kind": "delist", "symbol": "NOSUCH"}, [f"S{number}" for number in range(25)])
    assert str(refused.value).endswith("S18, S19 and 5 more.")


def test_the_catalogue_tells_every_kind_and_its_fields() -> None:
    told = {one["kind"]: one for one in catalogue()}
    assert list(told) == list(KINDS)
    assert all(one["does"] for one in told.values())
    assert told["corrupt"]["fields"][1:] == [
        {
            "name": "how",
            "required": False,
            "default": "bad_json",
            "allowed": "bad_json | huge_frame | nan | negative_qty | truncated | unknown_event | wrong_types",
        },
        {"name": "count", "required": False, "default": 1, "allowed": "an integer from 1 to 10000"},
    ]
    assert told["corrupt"]["fields"][0] == {"name": "symbol", "required": True, "default": None, "allowed": "a string"}
    assert told["half_open"]["fields"] == []


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_told_of_a_fault_reads_back_as_the_same(kind: str) -> None:
    asked = {"kind": kind, "symbol": "ADAUSDT"} if "symbol" in KINDS[kind].__struct_fields__ else {"kind": kind}
    fault = parse_fault(asked, SYMBOLS)
    assert parse_fault(described(fault), SYMBOLS) == fault
    assert described(fault)["kind"] == kind
