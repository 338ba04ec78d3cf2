"""The SQL of the event patterns, and the alerts that their matches become."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flink.patterns import MATCH_COLUMNS, PARAMETERS, PATTERNS, VIEWS, matches
from flink.rendering import STATEMENTS, alert_columns, render
from orderbook.settings import Settings

FOLDER = Path(__file__).resolve().parents[3] / "flink" / "sql"


def statements() -> dict[str, str]:
    return render(Settings(_env_file=None)).statements


def columns(select: str) -> dict[str, str]:
    """The expressions of a SELECT by the names they are given."""
    return {name: text for text, name in re.findall(r"^  (.+) AS `(\w+)`,?$", select, flags=re.MULTILINE)}


def test_every_file_is_used_and_every_parameter_has_a_place() -> None:
    assert {f"patterns/{file.stem}" for file in (FOLDER / "patterns").glob("*.sql")} == set(VIEWS)
    assert set(VIEWS) <= set(STATEMENTS)
    texts = "".join((FOLDER / f"{view}.sql").read_text(encoding="utf-8") for view in VIEWS)
    assert {name for name in PARAMETERS if not re.search(rf"\${name}\b|\${{{name}}}", texts)} == set()


def test_each_pattern_is_a_view_of_its_name_bounded_in_time() -> None:
    for name in PATTERNS:
        assert f"CREATE TEMPORARY VIEW {name} AS" in statements()[f"patterns/{name}"]
        # The matching of large orders serves the spoof-like ones and their control alike.
        text = statements()[f"patterns/{ {'spoof_like': 'large_orders_gone'}.get(name, name) }"]
        assert "WITHIN INTERVAL '" in text
        # Books of one millisecond are told apart by their offsets, at any parallelism.
        assert "ORDER BY record_time, kafka_offset" in text
        assert {"liquidity_vacuum": "follows_compared"}.get(name, "untrusted_before") in text
    assert "untrusted_before = LAG(untrusted_before)" in statements()["patterns/compared_books"]


@pytest.mark.parametrize("name", PATTERNS)
def test_a_match_becomes_a_row_with_the_columns_of_the_alerts(name: str) -> None:
    found = statements()["pattern_matches"]
    (select,) = [part for part in found.split("UNION ALL") if part.rstrip().endswith(f"FROM {name}")]
    row = columns(select)
    assert list(row) == [column.name for column in alert_columns()]
    assert (row["type"], row["rule"], row["status"], row["step"]) == (
        "'alert'",
        f"'{name}'",
        "'MATCHED'",
        "CAST(0 AS BIGINT)",
    )
    assert row["reason"] == ("`reason`" if name == "spoof_like" else "CAST(NULL AS STRING)")
    assert {column: row[column] for column in MATCH_COLUMNS} == {column: f"`{column}`" for column in MATCH_COLUMNS}


def test_a_column_that_no_pattern_knows_is_null_of_its_type() -> None:
    row = columns(
        matches([("symbol", "STRING"), ("duration_ms", "BIGINT"), ("alert_id", "STRING")]).split("UNION ALL")[0]
    )
    assert row["duration_ms"] == "CAST(NULL AS BIGINT)"
    assert row["alert_id"].startswith(
        "MD5(venue || '|' || symbol || '|' || 'sustained_pressure' || '|' || COALESCE(side, '')"
    )
