"""The dead letter of a record that could not be read: bounded, so that it fits into a record itself."""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

from connectors.kafka.sink import OutRecord
from connectors.kafka.source import Record
from orderbook.errors import UnreadableMessage
from orderbook.messages import DeadLetter, encode

PAYLOAD_BYTES: Final = 4096
REASON_CHARACTERS: Final = 1000
VALUE_CHARACTERS: Final = 100
UNKNOWN_VENUE: Final = "unknown"

_PATH: Final = re.compile(r"at `\$(?P<path>[.\w\[\]]+)`")
_STEP: Final = re.compile(r"\.(?P<name>\w+)|\[(?P<place>\d+)\]")


def dead_letter(record: Record, unreadable: UnreadableMessage, topic: str) -> OutRecord:
    """Return the letter for `topic`: the reason with the value where it names a field, the origin, the payload's begin.

    The origin is `topic/partition@offset`; a payload beyond PAYLOAD_BYTES is cut, and the reason says how long it was.
    """
    payload = record.value or b""
    reason = str(unreadable)[:REASON_CHARACTERS]
    found = _value_named(str(unreadable), payload)
    if found is not None:
        reason = f"{reason}; there stands {found[:VALUE_CHARACTERS]}"
    if len(payload) > PAYLOAD_BYTES:
        reason = f"{reason}; the first {PAYLOAD_BYTES} of {len(payload)} bytes"
    letter = DeadLetter(
        venue=UNKNOWN_VENUE,
        origin=f"{record.topic}/{record.partition}@{record.offset}",
        receive_time_ms=max(record.timestamp_ms, 0),
        reason=reason,
        payload=payload[:PAYLOAD_BYTES].decode(errors="replace"),
    )
    return OutRecord(topic, record.key if len(record.key or b"") <= PAYLOAD_BYTES else None, encode(letter))


def _value_named(reason: str, payload: bytes) -> str | None:
    """The JSON of the value at the path that the reason names, None where there is none."""
    path = _PATH.search(reason)
    if path is None:
        return None
    try:
        value: Any = orjson.loads(payload)
        for step in _STEP.finditer(path["path"]):
            value = value[step["name"]] if step["name"] else value[int(step["place"])]
        return orjson.dumps(value).decode()
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
