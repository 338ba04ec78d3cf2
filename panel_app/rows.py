"""What the screen's parts show, as plain records: words and digits are decided here, the browser lays them out."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Final

import msgspec

from orderbook.alerts.rules import EXTREME_IMBALANCE
from panel_app import words
from panel_app.pressure import SIDE_NAMES, pressure_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orderbook.alerts import Thresholds
    from orderbook.messages import Book
    from panel_app.episodes import Episode
    from panel_app.faults import Fault
    from panel_app.live import Snapshot
    from panel_app.markets import Market
    from panel_app.pressure import Pressing

LADDER_LEVELS: Final = 10
BPS: Final = 10_000


class MarketRow(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol for the table and the headline. Times are milliseconds of the machine's clock.

    `seen_ms`: when the newest record came, None when unknown. `expires_ms`: when the browser greys the row by itself.
    `since_open`: the true start is before `since_ms`. `verdict` says whether to believe the row, `ground` why.
    """

    symbol: str
    venue: str
    mid: str
    spread: str
    usual_spread: str
    imbalance: float | None
    imbalance_text: str
    side: str
    pressure: str
    since_ms: int | None
    since_open: bool
    trust: str
    reason: str
    verdict: str
    ground: str
    current: bool
    quiet: bool
    seen_ms: int | None
    expires_ms: int
    alert: str
    alert_text: str


class FeedRow(msgspec.Struct, frozen=True, kw_only=True):
    """One episode for the alert feed. `running_since_ms` (machine's clock) is set while it lasts, else `duration`."""

    alert_id: str
    symbol: str
    time: str
    day: str
    rule: str
    side: str
    severity: str
    status: str
    active: bool
    running_since_ms: int | None
    duration: str
    peak: str
    venue: str
    reason: str


class LadderRow(msgspec.Struct, frozen=True, kw_only=True):
    """One level of both sides, best first. `*_share`: quantity summed up to here over the deeper side's sum, 0..1."""

    bid_price: str
    bid_quantity: str
    bid_share: float
    ask_price: str
    ask_quantity: str
    ask_share: float


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One banner. `kind`: feed (what the numbers are), blind, limited or starting (what is wrong)."""

    kind: str
    part: str
    title: str
    detail: str
    since: str
    logs: str


def market_row(market: Market, active: Sequence[Episode], thresholds: Thresholds) -> MarketRow:
    """What the table and the headline say of one symbol. `active`: every lasting episode, most severe first."""
    metrics = market.metrics
    imbalance = metrics.imbalance_ratio if metrics is not None else None
    pressure = pressure_of(imbalance, thresholds) if imbalance is not None else None
    own = [episode for episode in active if episode.symbol == market.symbol and episode.venue == market.venue]
    verdict, ground = _belief(market)
    since_ms, since_open = _since(market, market.pressing, own)
    usual_spread = None
    if metrics is not None and metrics.spread_baseline is not None and metrics.mid:
        usual_spread = BPS * metrics.spread_baseline / metrics.mid
    return MarketRow(
        symbol=market.symbol,
        venue=words.venue_name(market.venue),
        mid=words.price(metrics.mid if metrics is not None else None),
        spread=words.bps(metrics.spread_bps if metrics is not None else None),
        usual_spread=words.bps(usual_spread),
        imbalance=imbalance,
        imbalance_text=words.ratio(imbalance),
        side=(pressure.side or "none") if pressure is not None else "none",
        pressure=pressure.words if pressure is not None else words.NOTHING,
        since_ms=since_ms,
        since_open=since_open,
        trust=market.trust,
        reason=market.reason,
        verdict=verdict,
        ground=ground,
        current=market.current,
        quiet=market.quiet,
        seen_ms=market.seen_ms,
        expires_ms=market.current_until_ms,
        alert=own[0].severity if own else "",
        alert_text=_alert_text(own),
    )


def feed_rows(snapshot: Snapshot) -> list[FeedRow]:
    """The alert feed, newest onset first."""
    markets = {market.symbol: market for market in snapshot.markets}
    active = {episode.alert_id for episode in snapshot.active}
    return [
        _feed_row(episode, markets.get(episode.symbol), active=episode.alert_id in active)
        for episode in snapshot.episodes
    ]


def ladder_rows(book: Book | None) -> list[LadderRow]:
    """The best levels of both sides; empty without a book."""
    if book is None:
        return []
    bids = list(accumulate(book.bid_qty[:LADDER_LEVELS]))
    asks = list(accumulate(book.ask_qty[:LADDER_LEVELS]))
    deepest = max([*bids, *asks], default=0.0) or 1.0
    best = next(iter([*book.ask_price, *book.bid_price]), None)
    rows: list[LadderRow] = []
    for level in range(max(len(bids), len(asks))):
        has_bid, has_ask = level < len(bids), level < len(asks)
        rows.append(
            LadderRow(
                bid_price=words.price(book.bid_price[level] if has_bid else None, like=best),
                bid_quantity=words.quantity(book.bid_qty[level] if has_bid else None),
                bid_share=bids[level] / deepest if has_bid else 0.0,
                ask_price=words.price(book.ask_price[level] if has_ask else None, like=best),
                ask_quantity=words.quantity(book.ask_qty[level] if has_ask else None),
                ask_share=asks[level] / deepest if has_ask else 0.0,
            )
        )
    return rows


def notices(snapshot: Snapshot, feed: str, logs_dir: Path) -> list[Notice]:
    """The banners: first what the numbers are if they are not a market's, then what is wrong.

    `feed` is the setting, believed until a record says its venue. `logs_dir` is named where it exists.
    """
    venues = {market.venue for market in snapshot.markets if market.venue is not None} or {feed}
    shown = [notice for venue, notice in _FEED_NOTICES.items() if venue in venues]
    return [*shown, *(_fault_notice(fault, logs_dir) for fault in snapshot.faults)]


_FEED_NOTICES: Final = {
    "simulator": Notice(
        kind="feed",
        part="simulator",
        title="SIMULATED DATA",
        detail="Every price comes from the built-in exchange simulator. None of it is a market.",
        since="",
        logs="",
    ),
    "recording": Notice(
        kind="feed",
        part="recording",
        title="RECORDED DATA",
        detail="A recording is being replayed. Times are those of the recording, not of now.",
        since="",
        logs="",
    ),
}


def _fault_notice(fault: Fault, logs_dir: Path) -> Notice:
    place = f" in {logs_dir}" if logs_dir.is_dir() else ""
    return Notice(
        kind=fault.effect,
        part=fault.part,
        title=fault.title,
        detail=fault.detail,
        since=f"{words.utc_time(fault.since_ms)} UTC",
        logs=f"{', '.join(fault.logs)}{place}",
    )


def _since(market: Market, pressing: Pressing | None, own: Sequence[Episode]) -> tuple[int | None, bool]:
    """Since when the pressing side presses, on the machine's clock; the onset of its alert where there is one."""
    if pressing is None:
        return None, False
    onsets = [
        episode.onset_ms for episode in own if episode.side == pressing.side and episode.rule == EXTREME_IMBALANCE
    ]
    if onsets:
        return min(onsets) + market.clock_offset_ms, False
    return pressing.since_ms + market.clock_offset_ms, not pressing.start_seen


def _belief(market: Market) -> tuple[str, str]:
    """Whether to believe the numbers, and why."""
    if market.trust == "NO DATA":
        return "Nothing to believe", "no heartbeat has come for this symbol"
    if market.trust != "LIVE":
        return "Do not believe it", market.reason or "ingest gives no reason"
    if market.quiet:
        return "Believe it", "the book is in sequence and has not changed lately"
    if market.current:
        return "Believe it", "the book is in sequence and its records are fresh"
    if market.behind:
        return "Do not believe it", "the book has moved on and its metrics have not followed"
    return "Do not believe it yet", "no fresh record has come"


def _alert_text(own: Sequence[Episode]) -> str:
    if not own:
        return ""
    first = own[0]
    side = f", {SIDE_NAMES[first.side]}" if first.side is not None else ""
    more = f" +{len(own) - 1}" if len(own) > 1 else ""
    return f"{first.rule_words}{side}: {first.severity}{more}"


def _feed_row(episode: Episode, market: Market | None, *, active: bool) -> FeedRow:
    running_since_ms = None
    if active and market is not None and market.current and market.venue == episode.venue:
        running_since_ms = episode.onset_ms + market.clock_offset_ms
    confirmed = running_since_ms is not None
    status = episode.status_words(active=active)
    if active and not confirmed:
        status = "unconfirmed"
    lasted = words.duration(episode.newest_ms - episode.onset_ms)
    if episode.status == "MATCHED":
        lasted = words.NOTHING
    return FeedRow(
        alert_id=episode.alert_id,
        symbol=episode.symbol,
        time=words.utc_time(episode.onset_ms),
        day=words.utc_day_and_time(episode.onset_ms),
        rule=episode.rule_words,
        side=episode.side or "none",
        severity=episode.severity,
        status=status,
        active=confirmed,
        running_since_ms=running_since_ms,
        duration=lasted,
        peak=episode.peak_words,
        venue=f"{words.venue_name(episode.venue)} data" if market is None or episode.venue != market.venue else "",
        reason=episode.reason or "",
    )
