"""The event patterns found a second time: plain Python over the records of one symbol, from the sketches."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from orderbook.messages import Book, FeedGap, Heartbeat

Message = Book | Heartbeat | FeedGap


@dataclass(frozen=True, slots=True, order=True)
class Match:
    """One match; `side` is empty where the pattern has none."""

    rule: str
    symbol: str
    side: str
    onset_ms: int
    end_ms: int
    value: float
    peak: float


@dataclass(frozen=True, slots=True)
class Seen:
    """A live book as the patterns see it; `stretch` is the same for books that were live all the time between them."""

    stretch: int
    time_ms: int
    imbalance: float | None
    depth: float | None
    spread: float | None
    mid: float | None = None
    level_updates: int = 0
    trades: int = 0
    bought: float = 0.0
    sold: float = 0.0
    adds: dict[str, list[float]] = field(default_factory=dict)
    cuts: dict[str, list[float]] = field(default_factory=dict)


def matches(messages: Iterable[Message], *, depth: int) -> list[Match]:
    """Every match in the records of one symbol, in the order of its partition."""
    messages = list(messages)
    seen = list(_seen(messages, depth))
    compared = list(_compared(seen))
    found = [
        *_sustained(seen),
        *_flip_flop(seen),
        *_vacuum(compared),
        *_shock(compared),
        *_ignition(seen),
        *_stuffing(seen),
        *_spoof_like(seen),
    ]
    symbol = messages[0].symbol
    return sorted(
        Match(rule, symbol, side, onset_ms, end_ms, value, peak) for rule, side, onset_ms, end_ms, value, peak in found
    )


def _seen(messages: list[Message], levels: int) -> Iterator[Seen]:
    stretch = 0
    for message in messages:
        if isinstance(message, FeedGap) or message.state != "live":
            stretch += 1
        elif isinstance(message, Book):
            if not message.bid_qty or not message.ask_qty:
                yield Seen(
                    stretch,
                    message.event_time_ms,
                    *(None, None, None, None),
                    level_updates=message.level_updates,
                    trades=message.trades,
                    bought=message.buy_qty,
                    sold=message.sell_qty,
                    adds={"bid": message.bid_add, "ask": message.ask_add},
                    cuts={"bid": message.bid_cut, "ask": message.ask_cut},
                )
                continue
            bids, asks = sum(message.bid_qty[:levels]), sum(message.ask_qty[:levels])
            spread = message.ask_price[0] - message.bid_price[0]
            yield Seen(
                stretch,
                message.event_time_ms,
                imbalance=(bids - asks) / (bids + asks),
                depth=bids + asks,
                spread=spread,
                mid=(message.ask_price[0] + message.bid_price[0]) / 2,
                level_updates=message.level_updates,
                trades=message.trades,
                bought=message.buy_qty,
                sold=message.sell_qty,
                adds={"bid": message.bid_add, "ask": message.ask_add},
                cuts={"bid": message.bid_cut, "ask": message.ask_cut},
            )


def _side(imbalance: float) -> str:
    return "bid" if imbalance > 0 else "ask"


def _pressing(book: Seen, beyond: float) -> str:
    x = book.imbalance
    return _side(x) if x is not None and abs(x) > beyond else ""


def _sustained(books: list[Seen]) -> Iterator[tuple[str, str, int, int, float, float]]:
    """The stretches of one side beyond 0.6, each told once it has held for 3 s (and a book came within 6 s)."""
    run: list[Seen] = []
    for book in [*books, Seen(-1, 0, None, None, None)]:
        side = _pressing(book, 0.6)
        if run and (side != _pressing(run[0], 0.6) or book.stretch != run[0].stretch):
            for number, later in enumerate(run):
                held_ms = later.time_ms - run[0].time_ms
                if held_ms >= 3000:
                    if held_ms < 6000:
                        values = [abs(one.imbalance or 0) for one in run[: number + 1]]
                        yield (
                            "sustained_pressure",
                            _pressing(later, 0.6),
                            run[0].time_ms,
                            later.time_ms,
                            values[-1],
                            max(values),
                        )
                    break
            run = []
        if side:
            run.append(book)


def _flip_flop(books: list[Seen]) -> Iterator[tuple[str, str, int, int, float, float]]:
    """Six changes of the side that presses beyond 0.5 within less than 10 s; a change belongs to one match."""
    leaning = [book for book in books if _pressing(book, 0.5)]
    changes = [
        later
        for earlier, later in pairwise(leaning)
        if earlier.stretch == later.stretch and _pressing(earlier, 0.5) != _pressing(later, 0.5)
    ]
    while len(changes) >= 6:
        six = changes[:6]
        if six[-1].time_ms - six[0].time_ms < 10_000 and six[0].stretch == six[-1].stretch:
            values = [abs(one.imbalance or 0) for one in six]
            yield "flip_flop", _pressing(six[-1], 0.5), six[0].time_ms, six[-1].time_ms, values[-1], max(values)
            changes = changes[6:]
        else:
            changes = changes[1:]


@dataclass(frozen=True, slots=True)
class Compared:
    """A book beside the medians of the last 60 seconds that had books; None where there is nothing to compare with."""

    book: Seen
    share: float | None
    multiple: float | None


def _compared(books: list[Seen]) -> Iterator[Compared]:
    by_second: dict[int, list[Seen]] = defaultdict(list)
    for book in books:
        if book.depth is not None:
            by_second[book.time_ms // 1000].append(book)
    usual = {
        second: (statistics.median(b.depth or 0 for b in inside), statistics.median(b.spread or 0 for b in inside))
        for second, inside in by_second.items()
    }
    first = min(by_second, default=0)
    for book in books:
        # A second is known from its last millisecond on.
        newest = (book.time_ms + 1) // 1000 - 1
        while newest >= first and newest not in usual:
            newest -= 1
        known = [usual[second] for second in range(newest - 59, newest + 1) if second in usual]
        if len(known) < 10 or book.depth is None or book.spread is None:
            yield Compared(book, None, None)
            continue
        yield Compared(
            book,
            book.depth / statistics.median(depth for depth, _ in known),
            round(book.spread / statistics.median(spread for _, spread in known), 6),
        )


def _vacuum(books: list[Compared]) -> Iterator[tuple[str, str, int, int, float, float]]:
    """From at least 0.6 of the usual depth to less than 0.3 within 2 s, with a spread of 5 usual ones or more."""
    usual: Seen | None = None
    for compared in books:
        book, share, multiple = compared.book, compared.share, compared.multiple
        if share is None or multiple is None or (usual is not None and book.stretch != usual.stretch):
            usual = None
        if share is None or multiple is None:
            continue
        if usual is not None and share < 0.3 and multiple >= 5:
            if book.time_ms - usual.time_ms < 2000:
                yield (
                    "liquidity_vacuum",
                    _side(book.imbalance or 0),
                    usual.time_ms,
                    book.time_ms,
                    1 - share,
                    1 - share,
                )
            usual = None
        if share >= 0.6:
            usual = book


def _shock(books: list[Compared]) -> Iterator[tuple[str, str, int, int, float, float]]:
    """Under twice the usual spread, then at once 10 times, two more books above twice, and back; less than 60 s."""
    at = 0
    while at + 1 < len(books):
        before, shock = books[at], books[at + 1]
        at += 1
        if before.multiple is None or before.multiple >= 2 or (shock.multiple or 0) < 10:
            continue
        end = at + 1
        while end < len(books) and (books[end].multiple or 0) >= 2:
            end += 1
        whole = books[at - 1 : end + 1]
        if end == len(books) or books[end].multiple is None or end - at - 1 < 2:
            continue
        if len({one.book.stretch for one in whole}) > 1 or books[end].book.time_ms - shock.book.time_ms >= 60_000:
            continue
        wide = [one.multiple or 0 for one in whole[1:-1]]
        yield "spread_shock", "", shock.book.time_ms, books[end].book.time_ms, books[end].multiple or 0, max(wide)
        at = end


@dataclass(frozen=True, slots=True)
class Run:
    """A book at which the last two seconds were a run of the price: +1 upwards, -1 downwards, by so much."""

    book: Seen
    mid: float
    direction: int
    moved: float
    moved_bps: float


def _ignition(books: list[Seen]) -> Iterator[tuple[str, str, int, int, float, float]]:
    """3 bps in 2 s, 0.7 of what was traded to that side, half of it given back within 10 s; no book counts twice.

    Only books with trades or a new mid are looked at. A run is told at the book that begins it and at each that takes
    the price farther, and of all that are given back the first counts.
    """
    steps = _steps(books)
    runs: list[Run | None] = []
    oldest = 0
    for number, (book, _) in enumerate(steps):
        while steps[oldest][0].time_ms < book.time_ms - 2000:
            oldest += 1
        runs.append(_run(steps[oldest : number + 1]))
    at = 0
    while at < len(steps):
        run, last = runs[at], runs[at - 1] if at else None
        at += 1
        if run is None:
            continue
        if last is not None and last.direction == run.direction and run.direction * (run.mid - last.mid) <= 0:
            continue
        for number in range(at, len(steps)):
            book, _ = steps[number]
            if book.stretch != run.book.stretch or book.time_ms - run.book.time_ms >= 10_000:
                break
            if round(run.direction * (run.mid - (book.mid or 0)) / run.moved, 6) >= 0.5:
                side = "bid" if run.direction > 0 else "ask"
                yield "momentum_ignition", side, run.book.time_ms, book.time_ms, run.moved_bps, run.moved_bps
                at = number + 1
                break


def _steps(books: list[Seen]) -> list[tuple[Seen, float]]:
    """The books with trades or a new mid, and those that begin a stretch, each with the mid that stood before it."""
    steps: list[tuple[Seen, float]] = []
    last: Seen | None = None
    for book in books:
        if last is not None and last.stretch != book.stretch:
            last = None
        if book.mid is not None and (last is None or book.trades or book.mid != last.mid):
            steps.append((book, book.mid if last is None or last.mid is None else last.mid))
        last = book
    return steps


def _run(recent: list[tuple[Seen, float]]) -> Run | None:
    (first, before), (last, _) = recent[0], recent[-1]
    mid = last.mid or 0
    moved_bps = 10_000 * abs(mid - before) / before
    bought, sold = sum(book.bought for book, _ in recent), sum(book.sold for book, _ in recent)
    if first.stretch != last.stretch or not bought + sold or moved_bps < 3:
        return None
    direction = 1 if mid > before else -1
    if (bought if direction > 0 else sold) < 0.7 * (bought + sold):
        return None
    return Run(last, mid, direction, abs(mid - before), moved_bps)


def _stuffing(books: list[Seen]) -> Iterator[tuple[str, str, int, int, float, float]]:
    """Ten books or more of over 300 level updates and at most one trade each, then another; less than 30 s."""
    run: list[Seen] = []
    for book in books:
        if run and book.stretch != run[0].stretch:
            run = []
        if book.level_updates > 300 and book.trades <= 1:
            run.append(book)
            continue
        run = [one for one in run if book.time_ms - one.time_ms < 30_000]
        if len(run) >= 10:
            updates = [float(one.level_updates) for one in run]
            yield "quote_stuffing", "", run[0].time_ms, book.time_ms, updates[-1], max(updates)
        run = []


@dataclass(frozen=True, slots=True)
class Gone:
    """A large order that was taken off; `opposite`: makers of the other side were filled meanwhile, `same`: its own."""

    side: str
    onset_ms: int
    end_ms: int
    value: float
    opposite: bool
    same: bool


def large_orders_gone(messages: Iterable[Message], *, depth: int) -> list[Gone]:
    """Every large order of one symbol that was gone before a trade reached it, with any fills or none."""
    return list(_gone(list(_seen(list(messages), depth))))


def seen_lately(gone: Iterable[Gone], end_ms: int) -> tuple[int, int]:
    """How many of the last hour had fills on the opposite side, and how many on their own."""
    recent = [one for one in gone if end_ms - 3_600_000 <= one.end_ms <= end_ms]
    return sum(one.opposite for one in recent), sum(one.same for one in recent)


def _spoof_like(books: list[Seen]) -> Iterator[tuple[str, str, int, int, float, float]]:
    """A large order, a fill on the opposite side, the order gone: in three books of that order."""
    for gone in _gone(books):
        if gone.opposite:
            yield "spoof_like", gone.side, gone.onset_ms, gone.end_ms, gone.value, gone.value


def _gone(books: list[Seen]) -> Iterator[Gone]:
    """A large add, and within less than 5 s a cut at its price of 0.8 of it, and of 0.8 of what is large by then."""
    large = _large_from(books)
    for side in ("bid", "ask"):
        for begin, book in enumerate(books):
            add, bar = book.adds.get(side), large[begin]
            if not add or bar is None or add[1] < bar:
                continue
            for end in range(begin + 1, len(books)):
                later, bar_then = books[end], large[end]
                if later.stretch != book.stretch or later.time_ms - book.time_ms >= 5000:
                    break
                cut, again = later.cuts.get(side), later.adds.get(side)
                if bar_then is None:
                    continue
                if cut and cut[0] == add[0] and cut[1] >= 0.8 * max(add[1], bar_then):
                    between = books[begin + 1 : end]
                    bought, sold = any(one.bought for one in between), any(one.sold for one in between)
                    opposite, same = (bought, sold) if side == "bid" else (sold, bought)
                    yield Gone(side, book.time_ms, later.time_ms, add[1], opposite, same)
                    break
                if again and again[0] == add[0] and again[1] >= bar_then:
                    break


def _large_from(books: list[Seen]) -> list[float | None]:
    """What is large at each book: a tenth more than nine in ten of the last 60 seconds' largest adds, of ten at least.

    And a tenth of the usual depth at least.
    """
    largest: dict[int, float] = {}
    depths: dict[int, list[float]] = defaultdict(list)
    for book in books:
        second = book.time_ms // 1000
        largest[second] = max(largest.get(second, 0.0), *(add[1] if add else 0.0 for add in book.adds.values()), 0.0)
        depths[second] += [] if book.depth is None else [book.depth]
    first = min(largest, default=0)
    large: list[float | None] = []
    for book in books:
        newest = (book.time_ms + 1) // 1000 - 1
        while newest >= first and newest not in largest:
            newest -= 1
        known = [largest[second] for second in range(newest - 59, newest + 1) if largest.get(second)]
        deep = [statistics.median(depths[second]) for second in range(newest - 59, newest + 1) if depths.get(second)]
        if len(known) < 10 or len(deep) < 10:
            large.append(None)
            continue
        usual = statistics.quantiles(known, n=10, method="inclusive")[8]
        large.append(max(1.1 * usual, 0.1 * statistics.median(deep)))
    return large
