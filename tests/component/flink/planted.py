"""Markets with event patterns planted at known times, beside near misses that must not be found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from orderbook.messages import Book, FeedGap, Heartbeat
from tests.component.flink.market import BEGIN_MS, book, heartbeat
from tests.pattern_oracle import Match

EVERY_MS = 100
CALM_DEPTH = 40.0
NOTHING: Mapping[str, object] = {}
Message = Book | Heartbeat | FeedGap


@dataclass(slots=True)
class Tape:
    """The records of one symbol, written from left to right."""

    symbol: str
    messages: list[Message] = field(default_factory=list)
    now_ms: int = BEGIN_MS
    books: int = 0
    ticks: int = 0

    def run(
        self,
        duration_ms: int,
        *,
        imbalance: float = 0.0,
        depth: float = CALM_DEPTH,
        spread: int = 1,
        ticks: int = 0,
        activity: Mapping[str, object] = NOTHING,
    ) -> int:
        """Books every 100 ms for so long, all alike; returns when the first of them was.

        Each stands `ticks` higher than the one before, and each tells of `activity`, by the fields of a book.
        """
        began_ms = self.now_ms
        for _ in range(duration_ms // EVERY_MS):
            self.books += 1
            bid, ask = depth * (1 + imbalance) / 8, depth * (1 - imbalance) / 8
            self.ticks += ticks
            made = book(self.symbol, self.now_ms, self.books, [bid] * 4, [ask] * 4, spread=spread)
            shifted = {
                side: [round(price + 0.01 * self.ticks, 2) for price in getattr(made, side)]
                for side in ("bid_price", "ask_price")
            }
            self.messages.append(msgspec.structs.replace(made, **shifted, **activity))
            self.now_ms += EVERY_MS
        return began_ms

    def lose_trust(self, how: str) -> None:
        """A moment without trust between two books: a heartbeat, a book, or only a gap's two records tell of it."""
        time_ms = self.now_ms - 40
        if how == "heartbeat":
            self.messages.append(heartbeat(self.symbol, time_ms, "resyncing", "gap"))
        elif how == "book":
            self.books += 1
            self.messages.append(
                book(self.symbol, time_ms, self.books, [5.0] * 4, [5.0] * 4, spread=1, state="unverified")
            )
        else:
            self.messages += [self._gap(time_ms, None), self._gap(time_ms, time_ms + 20)]

    def _gap(self, time_ms: int, end_ms: int | None) -> FeedGap:
        return FeedGap(
            venue="simulator",
            symbol=self.symbol,
            event_time_ms=time_ms,
            receive_time_ms=time_ms,
            gap_id="planted",
            cause="gap",
            reason="planted",
            start_event_time_ms=time_ms,
            start_receive_time_ms=time_ms,
            end_event_time_ms=end_ms,
            end_receive_time_ms=end_ms,
        )


def tapes() -> tuple[list[Tape], list[Match]]:
    """The planted symbols, and every match that they hold."""
    return [tape for tape, _ in _PLANTED], sorted(match for _, found in _PLANTED for match in found)


def _pressure() -> tuple[Tape, list[Match]]:
    tape = Tape("PRESSUSDT")
    tape.run(2000)
    bid_ms = tape.run(8000, imbalance=0.8)
    tape.run(1000, imbalance=0.1)
    tape.run(3000, imbalance=-0.7)  # its last book is 2.9 s after the first
    tape.run(100, imbalance=0.59)
    ask_ms = tape.run(3100, imbalance=-0.65)
    found = [
        Match("sustained_pressure", tape.symbol, "bid", bid_ms, bid_ms + 3000, 0.8, 0.8),
        Match("sustained_pressure", tape.symbol, "ask", ask_ms, ask_ms + 3000, 0.65, 0.65),
    ]
    for how in ("heartbeat", "book", "gap"):
        tape.run(1000)
        tape.run(2000, imbalance=0.9)
        tape.lose_trust(how)
        tape.run(2500, imbalance=0.9)
    tape.run(1000)
    tape.run(1000, imbalance=-0.9)
    tape.lose_trust("gap")
    # What presses after a gap is a stretch of its own.
    after_ms = tape.run(4000, imbalance=-0.9)
    found.append(Match("sustained_pressure", tape.symbol, "ask", after_ms, after_ms + 3000, 0.9, 0.9))
    return tape, found


def _flips() -> tuple[Tape, list[Match]]:
    tape = Tape("FLIPSUSDT")

    def swing(changes: int, hold_ms: int, *, gap_after: int = -1) -> list[int]:
        times = []
        tape.run(hold_ms, imbalance=0.55)
        for number in range(changes):
            times.append(tape.run(hold_ms, imbalance=0.7 if number % 2 else -0.7))
            if number == gap_after:
                tape.lose_trust("gap")
        return times

    times = swing(8, 900)
    found = [Match("flip_flop", tape.symbol, "bid", times[0], times[5], 0.7, 0.7)]
    tape.run(20_000, imbalance=0.2)
    swing(6, 2100)  # six changes take 10.5 s
    tape.run(20_000, imbalance=0.2)
    swing(7, 500, gap_after=3)
    tape.run(20_000, imbalance=0.2)
    return tape, found


def _vacuums() -> tuple[Tape, list[Match]]:
    tape = Tape("VACUUUSDT")
    tape.run(2000)
    tape.run(100, depth=4.0, spread=9)  # nothing is normal yet
    tape.run(12_000)
    tape.run(300, depth=20.0)
    hole_ms = tape.run(200, depth=8.0, imbalance=-0.4, spread=5)
    tape.run(3000)
    # 0.6 of the usual depth is left; then too slow, too narrow, and not trusted.
    tape.run(2200, depth=20.0)
    tape.run(100, depth=8.0, spread=9)
    tape.run(3000)
    tape.run(200, depth=8.0, spread=4)
    tape.run(3000)
    tape.run(200, depth=20.0)
    tape.lose_trust("gap")
    tape.run(100, depth=8.0, spread=9)
    tape.run(3000)
    return tape, [Match("liquidity_vacuum", tape.symbol, "ask", hole_ms - 400, hole_ms, 0.8, 0.8)]


def _shocks() -> tuple[Tape, list[Match]]:
    tape = Tape("SHOCKUSDT")
    tape.run(13_000)
    shock_ms = tape.run(200, spread=12)
    tape.run(300, spread=15)
    tape.run(100, spread=2)
    back_ms = tape.run(100)
    again_ms = tape.run(300, spread=10)  # one usual book is enough between two
    back_again_ms = tape.run(3000)
    tape.run(200, spread=12)  # back at once
    tape.run(3000)
    tape.run(100, spread=5)  # not a jump
    tape.run(400, spread=12)
    tape.run(3000)
    tape.run(300, spread=12)
    tape.lose_trust("book")
    tape.run(100, spread=12)
    tape.run(3000)
    return tape, [
        Match("spread_shock", tape.symbol, "", shock_ms, back_ms, 1.0, 15.0),
        Match("spread_shock", tape.symbol, "", again_ms, back_again_ms, 1.0, 10.0),
    ]


def _ignitions() -> tuple[Tape, list[Match]]:
    """Prices around 100.00: a tick is a basis point."""
    tape = Tape("IGNITUSDT")
    buying, selling = {"trades": 3, "buy_qty": 4.0, "sell_qty": 1.0}, {"trades": 2, "buy_qty": 1.0, "sell_qty": 4.0}
    even = {"trades": 2, "buy_qty": 1.0, "sell_qty": 1.0}

    def back(ticks: int) -> None:
        """To where it was, without anybody driving it."""
        tape.run(3000)
        tape.run(100 * abs(ticks), ticks=-1 if ticks > 0 else 1, activity=even)
        tape.run(12_000)

    tape.run(3000)
    up_ms = tape.run(400, ticks=1, activity=buying) + 300  # three ticks are a little less than 3 bps
    tape.run(1000)
    half_ms = tape.run(200, ticks=-1, activity=even) + 100
    back(2)
    down_ms = tape.run(400, ticks=-1, activity=selling) + 300
    tape.run(9000)
    down_half_ms = tape.run(200, ticks=1, activity=even) + 100
    back(-2)
    tape.run(400, ticks=1, activity=even)  # nobody in particular drives it
    tape.run(200, ticks=-1, activity=even)
    back(2)
    tape.run(400, ticks=1, activity=buying)
    tape.run(12_500)  # given back too late
    back(4)
    tape.run(400, ticks=1, activity=buying)
    tape.lose_trust("gap")
    tape.run(400, ticks=-1, activity=even)
    tape.run(3000)
    tape.run(200, ticks=1, activity=buying)
    tape.lose_trust("gap")  # the run itself is broken
    tape.run(200, ticks=1, activity=buying)
    tape.run(100, ticks=-3)
    tape.run(3000)
    return tape, [
        Match("momentum_ignition", tape.symbol, "bid", up_ms, half_ms, *_bps(10_000, 10_004)),
        Match("momentum_ignition", tape.symbol, "ask", down_ms, down_half_ms, *_bps(10_000, 9_996)),
    ]


def _bps(before: int, after: int) -> tuple[float, float]:
    """The move between two best bids, in ticks of 0.01, twice; the spread is one tick."""
    moved = 10_000 * abs(after - before) / (before + 0.5)
    return moved, moved


def _stuffings() -> tuple[Tape, list[Match]]:
    tape = Tape("STUFFUSDT")
    tape.run(2000)
    burst_ms = tape.run(500, activity={"level_updates": 400})
    tape.run(600, activity={"level_updates": 301, "trades": 1})
    end_ms = tape.run(1000, activity={"level_updates": 300})
    tape.run(900, activity={"level_updates": 400})  # nine
    tape.run(1000)
    tape.run(900, activity={"level_updates": 400})
    tape.run(100, activity={"level_updates": 400, "trades": 2})
    tape.run(900, activity={"level_updates": 400})
    tape.run(1000)
    tape.run(600, activity={"level_updates": 400})
    tape.lose_trust("gap")
    tape.run(600, activity={"level_updates": 400})
    tape.run(1000)
    return tape, [Match("quote_stuffing", tape.symbol, "", burst_ms, end_ms, 301.0, 400.0)]


def _spoofs() -> tuple[Tape, list[Match]]:
    """Every second's largest add is of 4 units, so that a large one has 4.4 or more: over a tenth of the depth."""
    tape = Tape("SPOOFUSDT")
    usual = {"bid_add": [99.96, 4.0], "ask_add": [100.05, 2.0], "bid_cut": [99.96, 4.0]}
    bought, sold = {"trades": 1, "buy_qty": 1.0}, {"trades": 1, "sell_qty": 1.0}

    def order(side: str, *books: Mapping[str, object], size: float = 6.0, price: float = 99.95) -> int:
        """A large order, then these books; returns when it came."""
        tape.run(12_000, activity=usual)  # so seldom that nothing else becomes usual
        came_ms = tape.run(100, activity={f"{side}_add": [price, size]})
        for activity in books:
            tape.run(200, activity=activity)
        return came_ms

    def gone(side: str, size: float = 5.0, price: float = 99.95, **more: object) -> int:
        return tape.run(100, activity={f"{side}_cut": [price, size], **more})

    tape.run(20_000, activity=usual)
    bid_ms = order("bid", usual, bought, usual)
    bid_gone_ms = gone("bid")
    ask_ms = order("ask", sold, bought, price=100.05)
    ask_gone_ms = gone("ask", price=100.05)
    order("bid", usual, sold)  # the control
    gone("bid")
    order("bid", usual)
    gone("bid", trades=1, buy_qty=1.0)  # within one book nobody knows which was first
    order("bid", bought, size=4.3)
    gone("bid", 4.3)
    order("bid", bought)
    gone("bid", 4.7)
    order("bid", bought)
    gone("bid", price=99.94)
    order("bid", bought)
    gone("ask")
    order("bid", bought)
    tape.run(4700)
    gone("bid")
    order("bid", bought)
    tape.lose_trust("gap")
    gone("bid")
    order("bid", bought)
    gone("bid", 3.4)
    again_ms = tape.run(100, activity={"bid_add": [99.95, 8.0]})  # takes the place of the first, and is cut at once
    gone("bid", 8.0)
    # The first of two, which stays, does not hold up the second.
    order("bid", price=99.93)
    second_ms = tape.run(100, activity={"bid_add": [99.95, 6.0]})
    tape.run(100, activity=bought)
    second_gone_ms = gone("bid")
    assert second_ms > again_ms
    tape.run(1000)
    return tape, [
        Match("spoof_like", tape.symbol, "bid", bid_ms, bid_gone_ms, 6.0, 6.0),
        Match("spoof_like", tape.symbol, "ask", ask_ms, ask_gone_ms, 6.0, 6.0),
        Match("spoof_like", tape.symbol, "bid", second_ms, second_gone_ms, 6.0, 6.0),
    ]


_PLANTED = [_pressure(), _flips(), _vacuums(), _shocks(), _ignitions(), _stuffings(), _spoofs()]
