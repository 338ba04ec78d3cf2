from __future__ import annotations

import json

import pytest

from connectors.simulator.corruption import HUGE_FRAME_BYTES, corrupted
from connectors.simulator.wire import combined

RAW = b'{"e":"depthUpdate","E":5,"s":"ADAUSDT","U":7,"u":9,"b":[["1.10000000","2.00000000"]],"a":[["1.20000000","0"]]}'
ONLY_ASKS = b'{"e":"depthUpdate","E":5,"s":"ADAUSDT","U":7,"u":9,"b":[],"a":[["1.20000000","3.00000000"]]}'
WRAPPED = combined("adausdt@depth@100ms", RAW)


@pytest.mark.parametrize("frame", [RAW, WRAPPED])
@pytest.mark.parametrize("how", ["bad_json", "truncated"])
def test_broken_json_does_not_parse(how: str, frame: bytes) -> None:
    with pytest.raises(json.JSONDecodeError):
        json.loads(corrupted(how, frame))  # type: ignore[arg-type]  # a literal by way of the parameter


@pytest.mark.parametrize("frame", [RAW, WRAPPED])
def test_a_huge_frame_says_the_same_in_megabytes(frame: bytes) -> None:
    huge = corrupted("huge_frame", frame)
    assert len(huge) == HUGE_FRAME_BYTES == 4_194_304
    assert json.loads(huge) == json.loads(frame)


def test_an_unknown_event_differs_by_its_name_only() -> None:
    spoiled = json.loads(corrupted("unknown_event", RAW))
    assert spoiled.pop("e") == "depthRevision"
    whole = json.loads(RAW)
    whole.pop("e")
    assert spoiled == whole


def test_wrong_types_are_valid_json() -> None:
    spoiled = json.loads(corrupted("wrong_types", WRAPPED))
    assert spoiled["stream"] == "adausdt@depth@100ms"
    assert {name: spoiled["data"][name] for name in "Uuba"} == {"U": "7", "u": None, "b": {}, "a": 1}


def test_one_quantity_becomes_impossible() -> None:
    assert json.loads(corrupted("nan", RAW))["b"] == [["1.10000000", "NaN"]]
    assert json.loads(corrupted("negative_qty", RAW))["b"] == [["1.10000000", "-1.00000000"]]
    assert json.loads(corrupted("negative_qty", ONLY_ASKS))["a"] == [["1.20000000", "-1.00000000"]]
