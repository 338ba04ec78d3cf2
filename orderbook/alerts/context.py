"""What an alert tells of its onset: the book it began with, and one of some seconds before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from orderbook.alerts.values import CONTEXT

if TYPE_CHECKING:
    from orderbook.alerts.record import AlertRecord

GLIMPSE_EVERY_MS: Final = 5_000
"""Least time between two glimpses; two are kept, so that the older one is 5 to 10 s old while books come."""

_encoder: Final = msgspec.json.Encoder()
_BEST_BID: Final = CONTEXT.index("best_bid")
_BEST_ASK: Final = CONTEXT.index("best_ask")

Values = tuple[float | None, ...]


class Glimpse(msgspec.Struct, frozen=True, array_like=True):
    """The values of `CONTEXT`, in its order, at one time."""

    time_ms: int
    values: Values


Trail = tuple[Glimpse, ...]
"""The last two glimpses of a symbol's trusted books, oldest first."""


def keep(trail: Trail, record: AlertRecord) -> Trail:
    """Return the trail after a record. What was before a book that is not trusted is forgotten."""
    if record.untrusted is not None:
        return ()
    if not record.values or (trail and record.event_time_ms - trail[-1].time_ms < GLIMPSE_EVERY_MS):
        return trail
    return (*trail[-1:], Glimpse(record.event_time_ms, _context(record)))


def onset_context(trail: Trail, record: AlertRecord) -> str | None:
    """Return the JSON object that tells of the book at an onset; None for a record without a book.

    Its members are those of `CONTEXT`. Where an earlier book is known, `before` holds the same of it, `before_ms` how
    long before the onset that was, and `mid_move_bps` how far the mid has moved since.
    """
    if not record.values:
        return None
    now = _context(record)
    told: dict[str, object] = dict(zip(CONTEXT, now, strict=True))
    if trail and trail[0].time_ms < record.event_time_ms:
        earlier = trail[0]
        told["before_ms"] = record.event_time_ms - earlier.time_ms
        told["before"] = dict(zip(CONTEXT, earlier.values, strict=True))
        told["mid_move_bps"] = _mid_move_bps(earlier.values, now)
    return _encoder.encode(told).decode()


def _context(record: AlertRecord) -> Values:
    # `AlertRules.values` begins with CONTEXT.
    return record.values[: len(CONTEXT)]


def _mid_move_bps(before: Values, now: Values) -> float | None:
    earlier, later = _mid(before), _mid(now)
    return None if earlier is None or later is None else 10_000 * (later - earlier) / earlier


def _mid(values: Values) -> float | None:
    bid, ask = values[_BEST_BID], values[_BEST_ASK]
    return None if bid is None or ask is None else (bid + ask) / 2
