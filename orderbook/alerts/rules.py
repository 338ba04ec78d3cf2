"""Rules: which value alerts, on which side of its thresholds, for which symbols."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal

from orderbook.alerts.values import CONTEXT, WATCHED

if TYPE_CHECKING:
    from orderbook.alerts.thresholds import Thresholds

Side = Literal["bid", "ask"]
Direction = Literal["both", "above", "below"]

EXTREME_IMBALANCE: Final = "extreme_imbalance"
IMBALANCE_FLIP: Final = "imbalance_flip"
SPREAD_WIDENING: Final = "spread_widening"
LIQUIDITY_DROP: Final = "liquidity_drop"
FEED_GAP: Final = "feed_gap"
FEED_STALE: Final = "feed_stale"
ORACLE_MISMATCH: Final = "oracle_mismatch"


@dataclass(frozen=True, slots=True)
class Terms:
    """What of a rule may differ by symbol. `thresholds` are in the value's own unit and sign.

    With `rarer_than` they move outwards until the value passed medium for at most this share of the symbol's past day.
    """

    thresholds: Thresholds
    enabled: bool = True
    rarer_than: float | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A value that alerts from its thresholds on.

    `both`: large values press on the bid, small ones, mirrored, on the ask, each side with episodes of its own.
    `above` and `below` have no side. `by_symbol` replaces `terms` for the symbols it names.
    """

    name: str
    value: str
    direction: Direction
    terms: Terms
    by_symbol: tuple[tuple[str, Terms], ...] = ()

    @property
    def of_feed(self) -> bool:
        """Whether it watches the feed itself, and so goes on while the book is not trusted."""
        return WATCHED[self.value].sql is None

    def terms_for(self, symbol: str) -> Terms:
        """Return what holds for a symbol."""
        return dict(self.by_symbol).get(symbol, self.terms)


@dataclass(frozen=True, slots=True)
class FlipRule:
    """Tells when one side of the rule `of` fires whose onset fell into an open episode of its other side.

    `by_symbol` says for the symbols it names whether it is enabled there.
    """

    name: str
    of: str
    enabled: bool = True
    by_symbol: tuple[tuple[str, bool], ...] = ()

    def enabled_for(self, symbol: str) -> bool:
        """Return whether it holds for a symbol."""
        return dict(self.by_symbol).get(symbol, self.enabled)


@dataclass(frozen=True, slots=True)
class Slot:
    """One episode's place: a rule, and a side of it, for one symbol.

    With v the rule's value the lifecycle sees `sign * v`, larger being worse, and `thresholds` in that sign; what is
    told is `told_sign` times that. `position` is the value's place in `AlertRecord.values`, None for a feed value.
    `flips` names the flip rules that read the two sides, on the second of them.
    """

    rule: str
    value: str
    side: Side | None
    position: int | None
    sign: float
    told_sign: float
    thresholds: Thresholds
    enabled: bool
    rarer_than: float | None = None
    flips: tuple[str, ...] = ()


@dataclass(frozen=True)
class AlertRules:
    """Every rule in force, in the order in which their alerts are told."""

    rules: tuple[Rule, ...]
    flips: tuple[FlipRule, ...] = ()
    _slots: dict[str, tuple[Slot, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def values(self) -> tuple[str, ...]:
        """The values of a book that the alerts need, each once: `AlertRecord.values` has them in this order."""
        watched = (rule.value for rule in self.rules if not rule.of_feed)
        return tuple(dict.fromkeys((*CONTEXT, *watched)))

    @cached_property
    def adapt(self) -> bool:
        """Whether any thresholds follow their symbol's past."""
        every = (terms for rule in self.rules for terms in (rule.terms, *dict(rule.by_symbol).values()))
        return any(terms.rarer_than is not None for terms in every)

    def rule(self, name: str) -> Rule:
        """Return the rule of that name; raises KeyError where there is none."""
        return {rule.name: rule for rule in self.rules}[name]

    def slots(self, symbol: str) -> tuple[Slot, ...]:
        """Return the places of a symbol's episodes: as many and in the same order for every symbol."""
        found = self._slots.get(symbol)
        if found is None:
            found = self._slots[symbol] = tuple(slot for rule in self.rules for slot in self._of_rule(rule, symbol))
        return found

    def _of_rule(self, rule: Rule, symbol: str) -> tuple[Slot, ...]:
        terms = rule.terms_for(symbol)
        position = None if rule.of_feed else self.values.index(rule.value)

        def slot(side: Side | None, sign: float, told_sign: float = 1.0, *, flips: tuple[str, ...] = ()) -> Slot:
            thresholds = terms.thresholds.mirrored() if rule.direction == "below" else terms.thresholds
            place = (rule.name, rule.value, side, position, sign, told_sign)
            return Slot(*place, thresholds, terms.enabled, terms.rarer_than, flips)

        if rule.direction == "above":
            return (slot(None, 1.0),)
        if rule.direction == "below":
            return (slot(None, -1.0, -1.0),)
        flips = tuple(flip.name for flip in self.flips if flip.of == rule.name and flip.enabled_for(symbol))
        return slot("bid", 1.0), slot("ask", -1.0, flips=flips)
