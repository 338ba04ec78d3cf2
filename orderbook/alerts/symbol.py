"""Every alert of one symbol: its records in, in their order, and the steps of its episodes out."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal

import msgspec

from orderbook.alerts.episode import Episode, Step, advance, suppress
from orderbook.messages import Alert

if TYPE_CHECKING:
    from orderbook.alerts.thresholds import AlertRules, Thresholds

Side = Literal["bid", "ask"]

EXTREME_IMBALANCE = "extreme_imbalance"
IMBALANCE_FLIP = "imbalance_flip"
SPREAD_WIDENING = "spread_widening"


class AlertRecord(msgspec.Struct, frozen=True, array_like=True):
    """What the alerts read of one record of a symbol, a book or a heartbeat.

    `imbalance` is the book's imbalance_ratio, `spread_ratio` its spread over the spread's rolling mean; None where the
    record has none: then the last value stands. `untrusted` is why the book is not to be believed, None while it is.
    """

    venue: str
    symbol: str
    event_time_ms: int
    imbalance: float | None = None
    spread_ratio: float | None = None
    untrusted: str | None = None


class SymbolAlerts(msgspec.Struct, frozen=True, array_like=True):
    """Where the alerts of one symbol stand between two of its records."""

    bid: Episode = Episode()
    ask: Episode = Episode()
    spread: Episode = Episode()


def observe(standing: SymbolAlerts, record: AlertRecord, rules: AlertRules) -> tuple[SymbolAlerts, tuple[Alert, ...]]:
    """Return where the symbol's alerts stand after one record, and the steps it makes, in order.

    Records come in the symbol's order, their event times never going back. Every time limit is compared with the
    records' own times, so equal records give equal alerts, ids included, at any speed.
    """
    if record.untrusted is not None:
        return SymbolAlerts(), (
            *_told(record, rules.imbalance, EXTREME_IMBALANCE, "bid", suppress(standing.bid)[1]),
            *_told(record, rules.imbalance, EXTREME_IMBALANCE, "ask", suppress(standing.ask)[1]),
            *_told(record, rules.spread, SPREAD_WIDENING, None, suppress(standing.spread)[1]),
        )
    mirrored = None if record.imbalance is None else -record.imbalance
    bid, bid_steps = advance(standing.bid, record.event_time_ms, record.imbalance, rules.imbalance)
    ask, ask_steps = advance(standing.ask, record.event_time_ms, mirrored, rules.imbalance)
    spread, spread_steps = advance(standing.spread, record.event_time_ms, record.spread_ratio, rules.spread)
    after = SymbolAlerts(
        _with_opponent(bid, standing.bid, opponent=ask), _with_opponent(ask, standing.ask, opponent=bid), spread
    )
    return after, (
        *_told(record, rules.imbalance, EXTREME_IMBALANCE, "bid", bid_steps),
        *_told(record, rules.imbalance, EXTREME_IMBALANCE, "ask", ask_steps),
        *_flips(record, rules.imbalance, "bid", bid_steps, opponent=ask),
        *_flips(record, rules.imbalance, "ask", ask_steps, opponent=bid),
        *_told(record, rules.spread, SPREAD_WIDENING, None, spread_steps),
    )


def alert_id(venue: str, symbol: str, rule: str, side: Side | None, onset_time_ms: int) -> str:
    """Return the id of an episode: 32 hexadecimal digits, the same for the same episode in every run."""
    key = f"{venue}|{symbol}|{rule}|{side or ''}|{onset_time_ms}"
    return hashlib.blake2b(key.encode(), digest_size=16).hexdigest()


def _with_opponent(after: Episode, before: Episode, *, opponent: Episode) -> Episode:
    """Note at an episode's onset whether the other side's was still open."""
    if before.phase != "inactive" or after.phase == "inactive" or not opponent.is_open:
        return after
    return msgspec.structs.replace(after, against=True)


def _flips(
    record: AlertRecord, thresholds: Thresholds, side: Side, steps: tuple[Step, ...], *, opponent: Episode
) -> tuple[Alert, ...]:
    """One MATCHED step where this record establishes a side whose pressure began against an open episode."""
    return tuple(
        _alert(record, thresholds, IMBALANCE_FLIP, side, Step("MATCHED", step.episode))
        for step in steps
        if step.status == "FIRING"
        and step.episode.steps == 0
        and (step.episode.against or (step.episode.onset_ms == record.event_time_ms and opponent.is_open))
    )


def _told(
    record: AlertRecord, thresholds: Thresholds, rule: str, side: Side | None, steps: tuple[Step, ...]
) -> tuple[Alert, ...]:
    return tuple(_alert(record, thresholds, rule, side, step) for step in steps)


def _alert(record: AlertRecord, thresholds: Thresholds, rule: str, side: Side | None, step: Step) -> Alert:
    episode = step.episode
    return Alert(
        venue=record.venue,
        symbol=record.symbol,
        alert_id=alert_id(record.venue, record.symbol, rule, side, episode.onset_ms),
        step=episode.steps,
        rule=rule,
        side=side,
        status=step.status,
        severity=episode.severity,
        event_time_ms=record.event_time_ms,
        onset_time_ms=episode.onset_ms,
        value=episode.value,
        peak=episode.peak,
        threshold=thresholds.of(episode.severity),
        reason=record.untrusted,
    )
