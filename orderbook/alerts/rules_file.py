"""Rules from a YAML file, over the built-in ones: the file's form and its reading. docs/alerts.md describes it."""

from __future__ import annotations

import math
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orderbook.alerts.positions import Misplaced, Path, Positioned, read_positioned
from orderbook.alerts.rules import AlertRules, FlipRule, Rule, Terms
from orderbook.alerts.thresholds import Thresholds
from orderbook.alerts.values import WATCHED
from orderbook.errors import SettingsError
from orderbook.settings import SYMBOL_PATTERN

if TYPE_CHECKING:
    from orderbook.settings import Settings

NAME_PATTERN: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
LONGEST_MS: Final = 86_400_000

Number = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, lt=1)]
Milliseconds = Annotated[int, Field(ge=0, le=LONGEST_MS)]


class TermsEntry(BaseModel):
    """What a rule says for every symbol, or anew for one of them; what is not said stays as it was."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    enabled: bool | None = None
    medium: Number | None = None
    high: Number | None = None
    release: Number | None = None
    hold_ms: Milliseconds | None = None
    hold_off_ms: Milliseconds | None = None
    suppression_limit_ms: Milliseconds | None = None
    rarer_than: Share | None = None

    @property
    def of_thresholds(self) -> set[str]:
        """The keys that are given and make thresholds."""
        return self.model_fields_set & set(TermsEntry.model_fields) - {"enabled", "rarer_than"}


class RuleEntry(TermsEntry):
    """One rule of the file."""

    metric: str | None = None
    direction: Literal["both", "above", "below"] | None = None
    flip_of: str | None = None
    symbols: dict[str, TermsEntry] = {}


class RulesEntry(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    rules: dict[str, RuleEntry | None] = {}


class Refused(Exception):
    """What is wrong with one rule, and at which path of the file."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(reason)
        self.path = path
        self.reason = reason


def read_rules(text: str, file: str, built_in: AlertRules, settings: Settings) -> AlertRules:
    """Return the rules in force: the built-in ones as the file's text changes them, and after them its own in order.

    A rule of one's own that does not say them holds for ALERT_HOLD_MS and is held off for ALERT_HOLD_OFF_MS. Raises
    SettingsError with `file:line: reason` for each rule that is refused.
    """
    try:
        document = read_positioned(text)
        entries = _entries(document)
    except Misplaced as misplaced:
        raise SettingsError(f"{file}:{misplaced.line}: {misplaced.reason}") from None
    except ValidationError as refused:
        raise SettingsError("; ".join(_sentence(error, file, document) for error in refused.errors())) from None
    reader = _Reader(built_in, settings)
    wrong: list[str] = []
    for name, entry in entries.items():
        try:
            reader.take(name, entry)
        except Refused as refused:
            wrong.append(f"{file}:{document.line(refused.path)}: {refused.reason}")
    if wrong:
        raise SettingsError("; ".join(wrong))
    return AlertRules(tuple(reader.rules.values()), tuple(reader.flips.values()))


def _entries(document: Positioned) -> dict[str, RuleEntry]:
    if document.value is None:
        return {}
    if not isinstance(document.value, dict):
        raise Misplaced(document.line(()), "the file is not a mapping: begin it with `rules:`")
    read = RulesEntry.model_validate({key: value or {} for key, value in document.value.items()})
    return {name: entry or RuleEntry() for name, entry in read.rules.items()}


class _Reader:
    """The rules so far, by name, in their order."""

    def __init__(self, built_in: AlertRules, settings: Settings) -> None:
        self.rules = {rule.name: rule for rule in built_in.rules}
        self.flips = {flip.name: flip for flip in built_in.flips}
        self._built_in = frozenset({*self.rules, *self.flips})
        self._settings = settings

    def take(self, name: str, entry: RuleEntry) -> None:
        """Add or change a rule; raises Refused."""
        path: Path = ("rules", name)
        for symbol in entry.symbols:
            if not SYMBOL_PATTERN.fullmatch(symbol):
                raise Refused((*path, "symbols", symbol), f"{symbol!r} is not a symbol: write it like BTCUSDT")
        if name in self._built_in:
            self._change(name, entry, path)
        elif not NAME_PATTERN.fullmatch(name):
            raise Refused(path, f"{name!r} is not a rule's name: use up to 40 lower-case letters, digits and _")
        elif entry.flip_of is not None:
            self.flips[name] = self._flip(name, entry, path)
        else:
            self.rules[name] = self._own(name, entry, path)

    def _change(self, name: str, entry: RuleEntry, path: Path) -> None:
        fixed = sorted({"metric", "direction", "flip_of"} & entry.model_fields_set)
        if fixed:
            raise Refused(
                (*path, fixed[0]), f"{name} is built in, its {fixed[0]} is fixed: give your rule another name"
            )
        if name in self.flips:
            self.flips[name] = _switched(self.flips[name], entry, path)
            return
        self.rules[name] = _with_terms(self.rules[name], entry, path)

    def _flip(self, name: str, entry: RuleEntry, path: Path) -> FlipRule:
        of = self.rules.get(entry.flip_of or "")
        if of is None or of.direction != "both":
            two_sided = [rule.name for rule in self.rules.values() if rule.direction == "both"]
            why = f"flip_of: {entry.flip_of!r} is no rule of both sides that stands before it: name one of {two_sided}"
            raise Refused((*path, "flip_of"), why)
        if {"metric", "direction"} & entry.model_fields_set:
            raise Refused(path, f"{name} is a flip of {of.name} and takes its metric and direction from there")
        return _switched(FlipRule(name, of.name), entry, path)

    def _own(self, name: str, entry: RuleEntry, path: Path) -> Rule:
        for key in ("metric", "direction", "medium", "release"):
            if getattr(entry, key) is None:
                near = _near(name, self._built_in)
                raise Refused(path, f"{name} is no built-in rule{near} and a rule of your own needs {key}")
        assert entry.metric is not None  # noqa: S101 - said above
        assert entry.direction is not None  # noqa: S101 - the same
        if entry.metric not in WATCHED:
            near = _near(entry.metric, WATCHED)
            why = f"metric {entry.metric!r} is unknown{near}: `orderbook rules --metrics` lists all"
            raise Refused((*path, "metric"), why)
        never = float("-inf") if entry.direction == "below" else float("inf")
        thresholds = Thresholds(never, never, never, self._settings.alert_hold_ms, self._settings.alert_hold_off_ms)
        return _with_terms(Rule(name, entry.metric, entry.direction, Terms(thresholds)), entry, path)


def _switched(flip: FlipRule, entry: RuleEntry, path: Path) -> FlipRule:
    for at, terms in ((path, entry), *(((*path, "symbols", symbol), one) for symbol, one in entry.symbols.items())):
        said = set(TermsEntry.model_fields) & terms.model_fields_set - {"enabled"}
        if said:
            key = min(said)
            raise Refused((*at, key), f"{flip.name} takes its {key} from {flip.of}: only `enabled` may be said here")
    enabled = flip.enabled if entry.enabled is None else entry.enabled
    by_symbol = {symbol: enabled if one.enabled is None else one.enabled for symbol, one in entry.symbols.items()}
    return FlipRule(flip.name, flip.of, enabled, tuple(sorted(by_symbol.items())))


def _with_terms(rule: Rule, entry: RuleEntry, path: Path) -> Rule:
    terms = _changed(rule.terms, entry)
    _check(rule, terms, entry, path)
    by_symbol: dict[str, Terms] = {}
    for symbol, one in entry.symbols.items():
        by_symbol[symbol] = _changed(terms, one)
        _check(rule, by_symbol[symbol], one, (*path, "symbols", symbol))
    return Rule(rule.name, rule.value, rule.direction, terms, tuple(sorted(by_symbol.items())))


def _changed(terms: Terms, entry: TermsEntry) -> Terms:
    given: dict[str, Any] = {key: getattr(entry, key) for key in entry.of_thresholds if getattr(entry, key) is not None}
    enabled = terms.enabled if entry.enabled is None else entry.enabled
    thresholds = terms.thresholds
    merged = {key: getattr(thresholds, key) for key in Thresholds.__dataclass_fields__} | given
    rarer_than = terms.rarer_than if entry.rarer_than is None else entry.rarer_than
    return Terms(Thresholds(**merged), enabled, rarer_than)


def _check(rule: Rule, terms: Terms, entry: TermsEntry, path: Path) -> None:
    """Refuse thresholds that are out of order, or that no value can pass."""
    value, direction, thresholds = rule.value, rule.direction, terms.thresholds
    medium, high, release = thresholds.medium, thresholds.high, thresholds.release
    small = direction == "below"
    if not (release > medium if small else release < medium):
        at = "release" if entry.release is not None else "medium"
        raise Refused((*path, at), f"release {release:g} is not {'above' if small else 'below'} medium {medium:g}")
    if high > medium if small else high < medium:
        at = "high" if entry.high is not None else "medium"
        raise Refused((*path, at), f"high {high:g} is {'above' if small else 'below'} medium {medium:g}")
    low, top = WATCHED[value].low, WATCHED[value].high
    if direction == "both" and low is not None and low >= 0:
        raise Refused((*path, "direction"), f"{value} is never below {low:g} and has no two sides: say above or below")
    if direction == "both" and medium <= 0:
        raise Refused((*path, "medium"), f"medium {medium:g} must be above 0 where both sides alert")
    reachable = (low is None or medium >= low) if small else (top is None or medium <= top)
    if not reachable:
        raise Refused((*path, "medium"), f"medium {medium:g} is never reached: {value} lies in {_range(low, top)}")
    least = -top if direction == "both" and top is not None else low
    leaves = (top is None or release < top) if small else (least is None or release > least)
    if not leaves:
        raise Refused((*path, "release"), f"release {release:g} is never passed: {value} lies in {_range(low, top)}")
    if terms.rarer_than is not None and (
        rule.of_feed or medium <= 0 or release <= 0 or (math.isfinite(high) and high <= 0)
    ):
        why = "holds for values of a book with thresholds above 0"
        raise Refused((*path, "rarer_than"), f"rarer_than {why}, which {rule.name} has not")


def _range(low: float | None, high: float | None) -> str:
    return f"{'-∞' if low is None else f'{low:g}'}…{'∞' if high is None else f'{high:g}'}"


def _near(word: str, known: Any) -> str:  # noqa: ANN401 - any collection of names
    close = get_close_matches(word, sorted(known), n=3, cutoff=0.5)
    return f" (did you mean {' or '.join(close)}?)" if close else ""


def _sentence(error: Any, file: str, document: Positioned) -> str:  # noqa: ANN401 - pydantic's own error details
    path = tuple(part for part in error["loc"] if part != "[key]")
    key = path[-1] if path else "rules"
    place = f"{file}:{document.line(path)}: "
    if error["type"] == "extra_forbidden":
        known = RulesEntry if len(path) == 1 else RuleEntry if len(path) == 3 else TermsEntry  # noqa: PLR2004 - rules, name, key
        return f"{place}unknown key {key!r}{_near(str(key), known.model_fields)}"
    message = str(error["msg"])
    return f"{place}{key}: {error['input']!r} is refused: {message[0].lower()}{message[1:]}"
