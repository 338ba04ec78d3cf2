"""What the alerts read of one record of a symbol."""

from __future__ import annotations

import msgspec


class AlertRecord(msgspec.Struct, frozen=True, array_like=True):
    """One book or heartbeat of a symbol, as its alerts see it.

    `values` are a book's, in the order of `AlertRules.values`, None where undefined; empty for a heartbeat. A value
    that is not there leaves the last one standing. `untrusted` is why the book is not to be believed and `cause` the
    same as a `GapCause`; both are None while it is live.
    """

    venue: str
    symbol: str
    event_time_ms: int
    values: tuple[float | None, ...] = ()
    untrusted: str | None = None
    cause: str | None = None
