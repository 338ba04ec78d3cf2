"""What a WebSocket client can ask for: stream names in the address, and JSON commands with their replies.

Binance accepts any stream name and stays silent on those it does not know; so names are only compared, never checked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

import orjson

MOST_STREAMS: Final = 1024
"""Streams one connection may listen to."""

LONGEST_REQUEST_ID: Final = 36
_METHODS: Final = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")


@dataclass(slots=True)
class Subscriptions:
    """What one connection listens to: stream names in the order of asking, and whether messages are wrapped."""

    streams: dict[str, None] = field(default_factory=dict)
    in_combined: bool = False


class Refused(Exception):
    """A command that is answered by an error: Binance's code and message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def streams_in_path(path: str) -> list[str]:
    """Stream names of a raw address: what follows `/ws/`."""
    return [unquote(name) for name in path.split("/") if name]


def answer_command(text: str, subscriptions: Subscriptions) -> bytes:
    """Carry out one JSON command on `subscriptions` and return the reply.

    A command that makes no sense changes nothing and is answered by {"error": {"code", "msg"}, "id"}.
    """
    request_id: Any = None
    try:
        command = _object(text)
        request_id = _request_id(command)
        result = _carry_out(command, subscriptions)
    except Refused as refusal:
        return orjson.dumps({"error": {"code": refusal.code, "msg": refusal.message}, "id": request_id})
    return orjson.dumps({"result": result, "id": request_id})


def _object(text: str) -> dict[str, Any]:
    try:
        command = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Refused(3, f"Invalid JSON: expected value at line {error.lineno} column {error.colno}") from None
    if not isinstance(command, dict):
        raise Refused(2, "Invalid request: expected an object")
    return command


def _request_id(command: dict[str, Any]) -> int | str | None:
    request_id = command.get("id")
    if request_id is None or (isinstance(request_id, int) and not isinstance(request_id, bool)):
        return request_id
    if isinstance(request_id, str) and len(request_id) <= LONGEST_REQUEST_ID:
        return request_id
    raise Refused(2, "Invalid request: request ID must be an integer, a string of at most 36 characters or null")


def _carry_out(command: dict[str, Any], subscriptions: Subscriptions) -> Any:  # noqa: ANN401 - a JSON value
    method = command.get("method")
    if method is None:
        raise Refused(2, "Invalid request: missing field `method`")
    params = command.get("params", [])
    if not isinstance(params, list):
        raise Refused(2, "Invalid request: params must be an array")
    match method:
        case "SUBSCRIBE":
            _subscribe(_names(params), subscriptions)
        case "UNSUBSCRIBE":
            for name in _names(params):
                subscriptions.streams.pop(name, None)
        case "LIST_SUBSCRIPTIONS":
            return list(subscriptions.streams)
        case "SET_PROPERTY":
            _set_property(params, subscriptions)
        case "GET_PROPERTY":
            _property_name(params, length=1)
            return subscriptions.in_combined
        case _:
            expected = ", ".join(f"`{name}`" for name in _METHODS)
            raise Refused(2, f"Invalid request: unknown variant `{method}`, expected one of {expected}")
    return None


def _names(params: list[Any]) -> list[str]:
    if not params:
        raise Refused(2, "Invalid request: missing field `params`")
    for name in params:
        if not isinstance(name, str):
            raise Refused(2, "Invalid request: a stream name must be a string")
    return params


def _subscribe(names: list[str], subscriptions: Subscriptions) -> None:
    wanted = dict.fromkeys((*subscriptions.streams, *names))
    if len(wanted) > MOST_STREAMS:
        raise Refused(2, f"Invalid request: at most {MOST_STREAMS} streams a connection")
    subscriptions.streams.update(wanted)


def _property_name(params: list[Any], *, length: int) -> None:
    if len(params) > length:
        raise Refused(2, "Invalid request: too many parameters")
    if not params or not isinstance(params[0], str):
        raise Refused(2, "Invalid request: property name must be a string")
    if params[0] != "combined":
        raise Refused(0, "Unknown property")


def _set_property(params: list[Any], subscriptions: Subscriptions) -> None:
    _property_name(params, length=2)
    if len(params) < 2 or not isinstance(params[1], bool):  # noqa: PLR2004 - a name and a value
        raise Refused(1, "Invalid value type: expected Boolean")
    subscriptions.in_combined = params[1]
