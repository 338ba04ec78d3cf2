from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.simulator.streams import Subscriptions, answer_command, streams_in_path


def ask(subscriptions: Subscriptions, **command: Any) -> Any:  # noqa: ANN401 - a JSON value
    return json.loads(answer_command(json.dumps(command), subscriptions))


def test_subscribe_unsubscribe_and_list() -> None:
    mine = Subscriptions({"btcusdt@trade": None})
    assert ask(mine, method="SUBSCRIBE", params=["btcusdt@depth", "NoSuch@thing"], id=1) == {"result": None, "id": 1}
    assert ask(mine, method="UNSUBSCRIBE", params=["btcusdt@trade", "never@asked"], id="b") == {
        "result": None,
        "id": "b",
    }
    assert ask(mine, method="LIST_SUBSCRIPTIONS", id=3) == {"result": ["btcusdt@depth", "NoSuch@thing"], "id": 3}


def test_combined_property() -> None:
    mine = Subscriptions()
    assert ask(mine, method="GET_PROPERTY", params=["combined"], id=1) == {"result": False, "id": 1}
    assert ask(mine, method="SET_PROPERTY", params=["combined", True], id=2) == {"result": None, "id": 2}
    assert ask(mine, method="GET_PROPERTY", params=["combined"], id=3) == {"result": True, "id": 3}


@pytest.mark.parametrize(
    ("command", "code", "part"),
    [
        ({"method": "SUBSCRIBE", "params": [], "id": 1}, 2, "params"),
        ({"method": "SUBSCRIBE", "params": "btcusdt@trade", "id": 1}, 2, "array"),
        ({"method": "SUBSCRIBE", "params": [7], "id": 1}, 2, "string"),
        ({"method": "subscribe", "params": ["a"], "id": 1}, 2, "unknown variant `subscribe`"),
        ({"params": ["a"], "id": 1}, 2, "missing field `method`"),
        ({"method": "SET_PROPERTY", "params": ["other", True], "id": 1}, 0, "Unknown property"),
        ({"method": "SET_PROPERTY", "params": ["combined", "yes"], "id": 1}, 1, "Boolean"),
        ({"method": "SET_PROPERTY", "params": ["combined"], "id": 1}, 1, "Boolean"),
        ({"method": "GET_PROPERTY", "params": ["combined", 1], "id": 1}, 2, "too many parameters"),
        ({"method": "GET_PROPERTY", "params": [], "id": 1}, 2, "property name"),
    ],
)
def test_a_command_that_makes_no_sense_is_answered_and_changes_nothing(
    command: dict[str, Any], code: int, part: str
) -> None:
    mine = Subscriptions({"kept@trade": None})
    reply = ask(mine, **command)
    assert reply["id"] == 1
    assert reply["error"]["code"] == code
    assert part in reply["error"]["msg"]
    assert mine == Subscriptions({"kept@trade": None})


@pytest.mark.parametrize("request_id", [True, 1.5, "x" * 37, [1]])
def test_request_ids_are_integers_short_strings_or_null(request_id: object) -> None:
    mine = Subscriptions()
    reply = ask(mine, method="SUBSCRIBE", params=["a"], id=request_id)
    assert reply["error"]["code"] == 2
    assert reply["id"] is None
    assert not mine.streams
    assert ask(mine, method="LIST_SUBSCRIPTIONS", id=None) == {"result": [], "id": None}


@pytest.mark.parametrize(("text", "code"), [("{not json", 3), ("[1]", 2), ('"x"', 2)])
def test_what_is_not_an_object_is_refused(text: str, code: int) -> None:
    assert json.loads(answer_command(text, Subscriptions()))["error"]["code"] == code


def test_at_most_1024_streams_a_connection() -> None:
    mine = Subscriptions()
    names = [f"s{number}@trade" for number in range(1024)]
    assert ask(mine, method="SUBSCRIBE", params=names, id=1)["result"] is None
    assert ask(mine, method="SUBSCRIBE", params=["s0@trade"], id=2)["result"] is None
    assert ask(mine, method="SUBSCRIBE", params=["one@more"], id=3)["error"]["code"] == 2
    assert len(mine.streams) == 1024


def test_streams_in_an_address() -> None:
    assert streams_in_path("btcusdt@depth%40100ms/ethusdt@trade/") == ["btcusdt@depth@100ms", "ethusdt@trade"]
    assert streams_in_path("") == []
