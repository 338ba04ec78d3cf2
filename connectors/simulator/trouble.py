"""The faults in force on one symbol's streams: which frames an event becomes, and when they leave.

Pure: times are milliseconds of the market's clock and come with the events.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from connectors.simulator.faults import (
    Corrupt,
    CorruptionKind,
    CrossedBook,
    DropDiff,
    DuplicateDiff,
    ReorderDiff,
    WrongQuote,
)
from connectors.simulator.instruments import BPS
from connectors.simulator.market import FAST_MS, SLOW_MS, BestQuote, DepthDiff, MarketEvent
from connectors.simulator.matching import Touch

CROSSED_BPS: Final = 50.0

DiffFault = DropDiff | DuplicateDiff | ReorderDiff | Corrupt | CrossedBook | WrongQuote
"""Faults that wait for a diff."""


class Outgoing(NamedTuple):
    """An event to send; `how` says whether and how its frame is spoiled."""

    event: MarketEvent
    how: CorruptionKind | None = None


class Frame(NamedTuple):
    """An encoded message of a stream."""

    stream: str
    payload: bytes
    how: CorruptionKind | None


class Trouble:
    """What is being done to one symbol. Faults that wait for diffs take one each, in the order they were asked for."""

    def __init__(self) -> None:
        self._waiting: dict[int, deque[DiffFault]] = {FAST_MS: deque(), SLOW_MS: deque()}
        self._overtaken: dict[int, DepthDiff] = {}
        self._stalled_until_ms = 0.0
        self._delayed_until_ms = 0.0
        self._shifted_until_ms = 0.0
        self._shift_ms = 0
        self._held: list[Frame] = []

    def await_diff(self, fault: DiffFault) -> None:
        """Have the fault meet the next diffs of each of the two diff streams."""
        count = fault.count if not isinstance(fault, CrossedBook) else 1
        for interval_ms, waiting in self._waiting.items():
            if interval_ms == FAST_MS or not isinstance(fault, WrongQuote):
                waiting.extend([fault] * count)

    def stall(self, until_ms: float) -> None:
        """Send nothing before `until_ms`."""
        self._stalled_until_ms = max(self._stalled_until_ms, until_ms)

    def delay(self, until_ms: float) -> None:
        """Hold everything until `until_ms`."""
        self._delayed_until_ms = max(self._delayed_until_ms, until_ms)

    def shift(self, shift_ms: int, until_ms: float) -> None:
        """Shift event times by `shift_ms` before `until_ms`."""
        self._shift_ms, self._shifted_until_ms = shift_ms, until_ms

    def over(self, now_ms: float) -> bool:
        """Whether nothing is left of it."""
        return not (
            self._held
            or self._overtaken
            or any(self._waiting.values())
            or now_ms < max(self._stalled_until_ms, self._delayed_until_ms, self._shifted_until_ms)
        )

    def silent(self, time_ms: float) -> bool:
        """Whether what happens at `time_ms` is not sent at all."""
        return time_ms < self._stalled_until_ms

    def hold(self, frame: Frame, time_ms: float) -> bool:
        """Keep the frame for later; False where it is to be sent at once."""
        if time_ms >= self._delayed_until_ms:
            return False
        self._held.append(frame)
        return True

    def released(self, now_ms: float) -> list[Frame]:
        """The frames that were held and are due, in order."""
        if not self._held or now_ms < self._delayed_until_ms:
            return []
        due, self._held = self._held, []
        return due

    def outgoing(self, event: MarketEvent, touch: Touch) -> Iterator[Outgoing]:
        """What is sent in place of `event`, in order; `touch`: the exchange's own at this moment."""
        if event.time_ms < self._shifted_until_ms:
            event = msgspec.structs.replace(event, time_ms=event.time_ms + self._shift_ms)
        if not isinstance(event, DepthDiff):
            yield Outgoing(event)
            return
        overtaken = self._overtaken.pop(event.interval_ms, None)
        if overtaken is not None:
            yield from (Outgoing(event), Outgoing(overtaken))
            return
        waiting = self._waiting[event.interval_ms]
        yield from self._met(waiting.popleft(), event, touch) if waiting else (Outgoing(event),)

    def _met(self, fault: DiffFault, diff: DepthDiff, touch: Touch) -> tuple[Outgoing, ...]:
        """What is sent in place of a diff that meets a fault."""
        match fault:
            case DropDiff():
                return ()
            case DuplicateDiff():
                return Outgoing(diff), Outgoing(diff)
            case ReorderDiff():
                self._overtaken[diff.interval_ms] = diff
                return ()
            case Corrupt(how=how):
                return (Outgoing(diff, how),)
            case CrossedBook():
                return (Outgoing(_crossed(diff, touch)),)
            case WrongQuote():
                wrong = touch._replace(bid=touch.bid - 1 if touch.bid > 1 else touch.bid + 1)
                return Outgoing(BestQuote(diff.time_ms, diff.last_update_id, wrong)), Outgoing(diff)


def _crossed(diff: DepthDiff, touch: Touch) -> DepthDiff:
    """The diff with a bid above the ask, which the other bids leave in its place."""
    price = touch.ask + max(1, round(touch.ask * CROSSED_BPS / BPS))
    return msgspec.structs.replace(diff, bids=((price, touch.bid_lots), *(bid for bid in diff.bids if bid[0] != price)))
