"""The rules file: what it changes, what it adds, and what it is refused for, with the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from orderbook.alerts import AlertRecord, AlertRules, SymbolAlerts, built_in_rules, observe
from orderbook.alerts.rules_file import read_rules
from orderbook.errors import SettingsError
from orderbook.settings import Settings
from runtime.alert_rules import rules_in_force

SETTINGS = Settings(_env_file=None, alert_hold_ms=2000, alert_hold_off_ms=4000)
BUILT_IN = built_in_rules(SETTINGS)


def read(text: str) -> AlertRules:
    return read_rules(text, "desk.yaml", BUILT_IN, SETTINGS)


def fired(under: AlertRules, symbol: str, values: dict[str, float], *, until_ms: int = 60_000) -> list[tuple[str, int]]:
    """(rule, time) of each first FIRING of a symbol whose books all have these values, one a second."""
    standing = SymbolAlerts()
    told: list[tuple[str, int]] = []
    for time_ms in range(0, until_ms, 1000):
        record = AlertRecord("test", symbol, time_ms, tuple(values.get(name) for name in under.values))
        standing, steps = observe(standing, record, under)
        told += [(alert.rule, alert.event_time_ms) for alert in steps if alert.step == 0 and alert.status == "FIRING"]
    return told


def test_an_empty_file_leaves_the_built_in_rules() -> None:
    assert read("") == read("rules:\n") == BUILT_IN


def test_a_rule_of_ones_own_alerts_on_any_metric_and_takes_the_settings_times() -> None:
    under = read("rules:\n  heavy_touch: {metric: vtob_ratio, direction: above, medium: 0.8, release: 0.6}\n")
    assert fired(under, "BTCUSDT", {"vtob_ratio": 0.8}) == [("heavy_touch", 2000)]
    assert fired(under, "BTCUSDT", {"vtob_ratio": 0.79}) == []
    assert under.rule("heavy_touch").terms.thresholds.hold_off_ms == 4000
    assert under.rules[:-1] == BUILT_IN.rules


def test_both_sides_of_a_rule_of_ones_own_and_its_flips() -> None:
    under = read(
        "rules:\n"
        "  pull: {metric: weighted_imbalance, direction: both, medium: 0.5, release: 0.4, hold_ms: 0}\n"
        "  pull_flip: {flip_of: pull}\n"
    )
    standing = SymbolAlerts()
    told = []
    for time_ms, value in ((0, 0.6), (1, -0.6)):
        values = tuple(value if name == "weighted_imbalance" else None for name in under.values)
        standing, steps = observe(standing, AlertRecord("t", "BTCUSDT", time_ms, values), under)
        told += [(alert.rule, alert.side, alert.status, alert.value) for alert in steps]
    assert told == [
        ("pull", "bid", "FIRING", 0.6),
        ("pull", "bid", "RECOVERING", -0.6),
        ("pull", "ask", "FIRING", 0.6),
        ("pull_flip", "ask", "MATCHED", 0.6),
    ]


def test_a_rule_without_high_never_is_and_one_with_high_at_medium_always_is() -> None:
    for high, severity in (("", "medium"), (", high: 5", "high")):
        under = read(
            f"rules:\n  wide: {{metric: spread_bps, direction: above, medium: 5, release: 4, hold_ms: 0{high}}}\n"
        )
        values = tuple(1e9 if name == "spread_bps" else None for name in under.values)
        _, [alert] = observe(SymbolAlerts(), AlertRecord("t", "BTCUSDT", 0, values), under)
        assert (alert.severity, alert.threshold) == (severity, 5.0)


def test_a_symbol_has_its_own_terms_and_keeps_the_others() -> None:
    under = read(
        "rules:\n"
        "  extreme_imbalance:\n"
        "    hold_ms: 5000\n"
        "    symbols:\n"
        "      BTCUSDT: {medium: 0.6}\n"
        "      ADAUSDT: {enabled: false}\n"
    )
    strong = {"imbalance_ratio": 0.55}
    assert fired(under, "ETHUSDT", strong) == [("extreme_imbalance", 5000)]
    assert fired(under, "BTCUSDT", strong) == []
    assert fired(under, "BTCUSDT", {"imbalance_ratio": 0.65}) == [("extreme_imbalance", 5000)]
    assert fired(under, "ADAUSDT", {"imbalance_ratio": 0.95}) == []


@pytest.mark.parametrize("direction", ["above", "below"])
def test_thresholds_may_follow_the_past_of_a_rule_without_high(direction: str) -> None:
    limits = "medium: 0.2, release: 0.25" if direction == "below" else "medium: 0.25, release: 0.2"
    under = read(f"rules:\n  touch: {{metric: vtob_ratio, direction: {direction}, {limits}, rarer_than: 0.01}}\n")
    assert under.rule("touch").terms.rarer_than == 0.01


def test_a_rule_may_be_off_but_for_one_symbol() -> None:
    under = read("rules:\n  extreme_imbalance: {enabled: false, symbols: {BTCUSDT: {enabled: true}}}\n")
    assert fired(under, "ETHUSDT", {"imbalance_ratio": 0.9}) == []
    assert fired(under, "BTCUSDT", {"imbalance_ratio": 0.9}) == [("extreme_imbalance", 2000)]


def test_a_flip_may_be_off_for_one_symbol() -> None:
    under = read("rules:\n  imbalance_flip: {symbols: {BTCUSDT: {enabled: false}}}\n")
    assert [[slot.flips for slot in under.slots(symbol) if slot.flips] for symbol in ("BTCUSDT", "ETHUSDT")] == [
        [],
        [("imbalance_flip",)],
    ]


OWN = (
    "rules:\n  mine:\n    metric: {metric}\n    direction: {direction}\n    medium: {medium}\n    release: {release}\n"
)


def own(metric: str = "imbalance_ratio", direction: str = "both", medium: object = 0.5, release: object = 0.3) -> str:
    return OWN.format(metric=metric, direction=direction, medium=medium, release=release)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (own(metric="imbalance"), "desk.yaml:3: metric 'imbalance' is unknown (did you mean queue_imbalance or"),
        (own(release=0.5), "desk.yaml:6: release 0.5 is not below medium 0.5"),
        (own() + "    high: 0.4\n", "desk.yaml:7: high 0.4 is below medium 0.5"),
        (own("depth_ratio", "below", 0.3, 0.2), "desk.yaml:6: release 0.2 is not above medium 0.3"),
        (own("depth_ratio", "below", 0.3, 0.5) + "    high: 0.4\n", "desk.yaml:7: high 0.4 is above medium 0.3"),
        (
            own() + "    hold_ms: -1\n",
            "desk.yaml:7: hold_ms: -1 is refused: input should be greater than or equal to 0",
        ),
        (own() + "    hold: 1\n", "desk.yaml:7: unknown key 'hold' (did you mean hold_ms"),
        (own(medium="yes"), "desk.yaml:5: medium: True is refused: input should be a valid number"),
        (own(medium=".nan"), "desk.yaml:5: medium: nan is refused: input should be a finite number"),
        (
            own(direction="down"),
            "desk.yaml:4: direction: 'down' is refused: input should be 'both', 'above' or 'below'",
        ),
        (
            own("spread_bps", "both"),
            "desk.yaml:4: spread_bps is never below 0 and has no two sides: say above or below",
        ),
        (own(medium=1.5), "desk.yaml:5: medium 1.5 is never reached: imbalance_ratio lies in -1…1"),
        (own("vtob_ratio", "above", 0.5, 0), "desk.yaml:6: release 0 is never passed: vtob_ratio lies in 0…1"),
        (own() + "    symbols: {btcusdt: {medium: 0.6}}\n", "desk.yaml:7: 'btcusdt' is not a symbol"),
        (own() + "    symbols:\n      BTCUSDT: {medium: 0.2}\n", "desk.yaml:8: release 0.3 is not below medium 0.2"),
        (own() + "    symbols:\n      BTCUSDT: {metric: mid}\n", "desk.yaml:8: unknown key 'metric'"),
        (own() + "  mine: {}\n", "desk.yaml:7: 'mine' stands twice, first on line 2"),
        (
            "rules:\n  extreme_imbalance:\n    metric: mid\n",
            "desk.yaml:3: extreme_imbalance is built in, its metric is",
        ),
        (
            "rules:\n  extreme_imbalanc: {medium: 0.6}\n",
            "desk.yaml:2: extreme_imbalanc is no built-in rule (did you mean",
        ),
        ("rules:\n  Mine: {medium: 0.6}\n", "desk.yaml:2: 'Mine' is not a rule's name"),
        ("rules:\n  imbalance_flip: {medium: 0.6}\n", "desk.yaml:2: imbalance_flip takes its medium from"),
        (own() + "    rarer_than: 1.5\n", "desk.yaml:7: rarer_than: 1.5 is refused: input should be less than 1"),
        (own(release=-0.1) + "    rarer_than: 0.1\n", "desk.yaml:7: rarer_than holds for values of a book with"),
        ("rules:\n  feed_gap: {rarer_than: 0.1}\n", "desk.yaml:2: rarer_than holds for values of a book with"),
        ("rules:\n  imbalance_flip: {rarer_than: 0.1}\n", "desk.yaml:2: imbalance_flip takes its rarer_than from"),
        ("rules:\n  turn: {flip_of: spread_widening}\n", "desk.yaml:2: flip_of: 'spread_widening' is no rule of both"),
        ("rule:\n  x: {}\n", "desk.yaml:1: unknown key 'rule' (did you mean rules?)"),
        ("- rules\n", "desk.yaml:1: the file is not a mapping: begin it with `rules:`"),
        ("rules:\n  - x\n", "desk.yaml:1: rules: ['x'] is refused: input should be a valid dictionary"),
        ("rules:\n\tx: 1\n", "desk.yaml:2: not YAML: found character '\\t' that cannot start any token"),
        ("rules: {a: [}\n", "desk.yaml:1: not YAML:"),
        ("rules: !!python/object:os.system {}\n", "desk.yaml:1: not plain: tag:yaml.org,2002:python/object:os.system"),
        ("rules: !!python/name:os.system\n", "desk.yaml:1: not YAML: could not determine a constructor"),
        ("rules: &all\n  x: *all\n", "nests deeper than 8 levels"),
        ("a: \0\n", "desk.yaml:1: not YAML:"),
        (own(medium="2024-13-01"), "desk.yaml:5: '2024-13-01' is no timestamp: month must be in 1..12"),
        ("[" * 5000, "desk.yaml:1: nests deeper than 8 levels"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_line(text: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read(text)
    assert sentence in str(refused.value)


def test_every_refused_rule_has_its_sentence() -> None:
    with pytest.raises(SettingsError) as refused:
        read("rules:\n  extreme_imbalance: {medium: 0.1}\n  spread_widening: {high: 1}\n  feed_gap: {hold_ms: 1}\n")
    assert str(refused.value) == (
        "desk.yaml:2: release 0.3 is not below medium 0.1; desk.yaml:3: high 1 is below medium 2"
    )


def test_the_file_of_the_setting_is_read(tmp_path: Path) -> None:
    file = tmp_path / "desk.yaml"
    settings = Settings(_env_file=None, alert_rules_file=file)
    with pytest.raises(SettingsError, match=r"desk\.yaml cannot be read: No such file"):
        rules_in_force(settings)
    file.write_bytes(b"rules: \xff")
    with pytest.raises(SettingsError, match=r"desk\.yaml are not UTF-8"):
        rules_in_force(settings)
    file.write_text("rules:\n  spread_widening: {enabled: false}\n")
    assert not rules_in_force(settings).rule("spread_widening").terms.enabled
    assert rules_in_force(Settings(_env_file=None)) == built_in_rules(Settings(_env_file=None))
