"""The gap ledger: every stretch during which a symbol was not live, from its first moment to its last."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from orderbook.messages import FeedGap, GapCause


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ledger reads of a symbol at one moment. `cause` and `reason` are None while it is live."""

    event_time_ms: int
    receive_time_ms: int
    cause: GapCause | None
    reason: str | None
    update_id: int | None
    missing_updates: int | None = None


class GapLedger:
    """One symbol's stretches."""

    def __init__(self, venue: str, symbol: str) -> None:
        self._venue = venue
        self._symbol = symbol
        self._open: FeedGap | None = None

    @property
    def open(self) -> FeedGap | None:
        """The stretch that lasts; None while the symbol is live."""
        return self._open

    def observe(self, now: Standing) -> FeedGap | None:
        """Take the symbol's standing and return the stretch that opens or closes with it, if one does.

        A stretch keeps the cause that it began with.
        """
        if (now.cause is None) == (self._open is None):
            return None
        if self._open is None:
            self._open = self._opened(now)
            return self._open
        closed = _closed(self._open, now)
        self._open = None
        return closed

    def _opened(self, now: Standing) -> FeedGap:
        cause = now.cause or "start"
        key = f"{self._venue}|{self._symbol}|{cause}|{now.event_time_ms}|{now.receive_time_ms}"
        return FeedGap(
            venue=self._venue,
            symbol=self._symbol,
            event_time_ms=now.event_time_ms,
            receive_time_ms=now.receive_time_ms,
            gap_id=hashlib.blake2b(key.encode(), digest_size=16).hexdigest(),
            cause=cause,
            reason=now.reason or cause,
            start_event_time_ms=now.event_time_ms,
            start_receive_time_ms=now.receive_time_ms,
            last_update_id=now.update_id,
            missing_updates=now.missing_updates,
        )


def _closed(gap: FeedGap, now: Standing) -> FeedGap:
    return FeedGap(
        venue=gap.venue,
        symbol=gap.symbol,
        event_time_ms=now.event_time_ms,
        receive_time_ms=now.receive_time_ms,
        gap_id=gap.gap_id,
        cause=gap.cause,
        reason=gap.reason,
        start_event_time_ms=gap.start_event_time_ms,
        start_receive_time_ms=gap.start_receive_time_ms,
        end_event_time_ms=now.event_time_ms,
        end_receive_time_ms=now.receive_time_ms,
        last_update_id=gap.last_update_id,
        next_update_id=now.update_id,
        missing_updates=gap.missing_updates,
    )
