"""docs/alerts.md says what the code does: its example, its table of transitions, its measured rates."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.alert_rates import RECORDINGS, files, table
from orderbook.alerts import built_in_rules, episode
from orderbook.alerts.rules_file import NAME_PATTERN, RuleEntry, read_rules
from orderbook.settings import Settings

DOCUMENT = (Path(__file__).resolve().parents[3] / "docs" / "alerts.md").read_text(encoding="utf-8")
SETTINGS = Settings(_env_file=None)


def test_the_example_is_a_file_of_rules() -> None:
    [example] = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
    rules = read_rules(example, "docs/alerts.md", built_in_rules(SETTINGS), SETTINGS)
    assert [rule.name for rule in rules.rules[-3:]] == ["weighted_pressure", "thin_touch", "wide_for_this_symbol"]
    assert rules.rule("extreme_imbalance").terms_for("BTCUSDT").thresholds.medium == 0.6
    assert [(flip.name, flip.of, flip.enabled) for flip in rules.flips] == [
        ("imbalance_flip", "extreme_imbalance", False),
        ("weighted_flip", "weighted_pressure", True),
    ]


def test_every_key_and_every_built_in_rule_is_described() -> None:
    described = set(re.findall(r"`([a-z_]+)`", DOCUMENT))
    built_in = built_in_rules(SETTINGS)
    names = {rule.name for rule in built_in.rules} | {flip.name for flip in built_in.flips}
    assert all(NAME_PATTERN.fullmatch(name) for name in names)
    assert names | set(RuleEntry.model_fields) <= described


def test_the_table_of_transitions_is_that_of_the_lifecycle() -> None:
    rows = [line for line in (episode.__doc__ or "").splitlines() if line.startswith("|")]
    assert len(rows) > 10
    assert "\n".join(rows) in DOCUMENT


def test_the_rates_are_those_measured() -> None:
    absent = [file.name for name in RECORDINGS for file in files(name) if not file.is_file()]
    if absent:
        pytest.skip(f"recordings absent: {', '.join(absent)}")
    assert table() in DOCUMENT
