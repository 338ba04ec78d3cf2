"""Frames spoiled on purpose: what a broken sender could put on the wire in place of a depth diff."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from connectors.simulator.faults import CorruptionKind

HUGE_FRAME_BYTES: Final = 4 * 1024 * 1024


def corrupted(how: CorruptionKind, frame: bytes) -> bytes:
    """The frame of a depth diff, wrapped or not, spoiled as `how` says; a `huge_frame` is still valid JSON."""
    match how:
        case "bad_json":
            return frame.replace(b'"U":', b'"U":,', 1)
        case "truncated":
            return frame[: len(frame) // 2]
        case "huge_frame":
            return frame[:-1] + b" " * (HUGE_FRAME_BYTES - len(frame)) + frame[-1:]
    message: dict[str, Any] = orjson.loads(frame)
    diff: dict[str, Any] = message.get("data", message)
    match how:
        case "unknown_event":
            diff["e"] = "depthRevision"
        case "wrong_types":
            diff.update({"U": str(diff["U"]), "u": None, "b": {}, "a": len(diff["a"])})
        case "nan":
            _first_level(diff)[1] = "NaN"
        case "negative_qty":
            _first_level(diff)[1] = "-1.00000000"
    return orjson.dumps(message)


def _first_level(diff: dict[str, Any]) -> list[str]:
    levels: list[list[str]] = diff["b"] or diff["a"]
    return levels[0]
