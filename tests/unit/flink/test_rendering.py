"""The SQL that the settings and the metric catalogue make."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flink.rendering import STATEMENTS, alert_columns, render
from orderbook.errors import SettingsError
from orderbook.messages import Alert, Metrics, encode
from orderbook.metrics import METRICS, WINDOW_COLUMNS
from orderbook.settings import Settings
from orderbook.window_metrics import DERIVED, SECOND_SUMS, TRADE_SUMS


def settings(**overrides: object) -> Settings:
    return Settings(_env_file=None, **overrides)  # type: ignore[arg-type]  # whatever type the setting has


def declared(ddl: str) -> list[str]:
    """The names of the columns of a CREATE TABLE."""
    return re.findall(r"^  `(\w+)` (?:STRING|BIGINT|DOUBLE|ARRAY<DOUBLE>),?$", ddl, flags=re.MULTILINE)


def test_every_statement_is_rendered_in_full() -> None:
    statements = render(settings()).statements
    assert tuple(statements) == STATEMENTS
    for text in statements.values():
        assert "$" not in text
        assert not text.endswith(";")


def test_the_tables_have_the_fields_of_the_messages_in_their_order() -> None:
    statements = render(settings()).statements
    assert declared(statements["metrics"]) == list(Metrics.__struct_fields__)
    assert declared(statements["processed"])[-len(WINDOW_COLUMNS) :] == list(WINDOW_COLUMNS)
    assert declared(statements["processed"])[:10] == [
        *("schema_version", "venue", "symbol", "window_ms", "window_start_ms", "window_end_ms", "trusted_ms"),
        *("updates", "first_update_id", "last_update_id"),
    ]
    assert declared(statements["alerts"]) == ["type", *Alert.__struct_fields__]


def test_the_alert_table_has_the_keys_of_an_encoded_alert() -> None:
    alert = Alert(
        venue="v",
        symbol="S",
        alert_id="a",
        step=0,
        rule="r",
        side=None,
        status="FIRING",
        severity="high",
        event_time_ms=1,
        onset_time_ms=1,
        value=1.0,
        peak=1.0,
        threshold=1.0,
    )
    keys = re.findall(r'"(\w+)":', encode(alert).decode())
    assert [column.name for column in alert_columns()] == keys


def test_metrics_and_their_statistics_come_from_the_catalogue() -> None:
    statements = render(settings()).statements
    aggregates = {"open": "FIRST_VALUE", "close": "LAST_VALUE", "low": "MIN", "high": "MAX"}
    for metric in METRICS:
        assert metric.sql.startswith("$") or f"{metric.sql} AS {metric.name}" in statements["measured"]
        for statistic in ("open", "high", "low", "close"):
            wanted = statistic in metric.statistics
            assert (f"{aggregates[statistic]}({metric.name})" in statements["second_sums"]) == wanted
        for statistic, expression in (("sum", f"COALESCE(SUM({metric.name}), 0)"), ("count", f"COUNT({metric.name})")):
            assert (expression in statements["second_sums"]) == (statistic in metric.statistics)


def test_the_flow_of_all_levels_reads_each_of_them_once() -> None:
    measured = render(settings(calculate_depth=4)).statements["measured"]
    assert "level_flows[1] + level_flows[2] + level_flows[3] + level_flows[4] AS multi_level_ofi" in measured


def test_what_is_made_of_sums_stands_in_each_window_with_its_length() -> None:
    inserted = render(settings()).statements["insert_processed"]
    for metric in DERIVED:
        for window_ms in (1000, 10_000, 60_000):
            assert metric.sql.replace("window_ms", f"CAST({window_ms} AS BIGINT)") in inserted


def test_longer_windows_take_every_sum_from_the_shorter() -> None:
    statements = render(settings()).statements
    for metric in (*TRADE_SUMS, *SECOND_SUMS):
        for view in ("ten_seconds", "minutes"):
            assert f"SUM({metric.name}) AS {metric.name}" in statements[view]


@pytest.mark.parametrize("depth", [1, 3, 20])
def test_sums_read_exactly_the_levels_asked_for(depth: int) -> None:
    records = render(settings(calculate_depth=depth)).statements["records"].partition("CASE WHEN `type` = 'book'")[0]
    levels = [int(level) for level in re.findall(r"COALESCE\(ask_qty\[(\d+)\], 0\)(?! /)", records)]
    assert levels == list(range(1, depth + 1))
    weighted = re.findall(r"COALESCE\(bid_qty\[(\d+)\], 0\) / (\d+)", records)
    assert weighted == [(str(level), str(level)) for level in range(1, depth + 1)]


@pytest.mark.parametrize("depth", [1, 3, 20])
def test_each_level_has_its_flow(depth: int) -> None:
    records = render(settings(calculate_depth=depth)).statements["records"]
    book_told = records.partition("CASE WHEN `type` = 'book'")[2].partition(" END")[0]
    kept = re.findall(r"COALESCE\((\w+)\[(\d+)\], (?:0|1E308)\)", book_told)
    arrays = ("bid_price", "bid_qty", "ask_price", "ask_qty")
    assert kept == [(array, str(level)) for level in range(1, depth + 1) for array in arrays]
    flows = records.partition("last_told[3] < 1E308 THEN ARRAY[")[2].partition("\n  ]")[0].split(",\n")
    read = [[kept[int(place) - 1] for place in re.findall(r"\b(?:last|newest)_told\[(\d+)\]", flow)] for flow in flows]
    # Four comparisons of two prices, and a quantity each.
    sides = [["bid_price", "bid_price", "bid_qty"]] * 2 + [["ask_price", "ask_price", "ask_qty"]] * 2
    assert read == [[(array, str(level)) for side in sides for array in side] for level in range(1, depth + 1)]


def test_settings_arrive_where_they_are_meant() -> None:
    rendered = render(
        settings(
            kafka_bootstrap_servers="one:1,two:2",
            topic_prefix="desk",
            watermark_delay_ms=1250,
            spread_baseline_updates=40,
        )
    ).statements
    assert "INTERVAL '1.250' SECOND" in rendered["raw"]
    assert "idle" not in re.sub(r"--.*", "", rendered["raw"])
    assert "'topic' = 'desk.raw'" in rendered["raw"]
    assert "'scan.startup.mode' = 'earliest-offset'" in rendered["raw"]
    assert "MOD(records_so_far, 13) = 0" in rendered["records"]
    # A third of a short baseline is warm.
    assert rendered["watched"].count("baseline_books >= 13") == 2
    assert "'topic' = 'desk.trades'" in rendered["trades"]
    assert "INTERVAL '1.250' SECOND" in rendered["trades"]
    for table, topic in (("metrics", "desk.metrics"), ("processed", "desk.processed"), ("alerts", "desk.alerts")):
        assert f"'topic' = '{topic}'" in rendered[table]
        assert "'properties.bootstrap.servers' = 'one:1,two:2'" in rendered[table]
        assert "'sink.delivery-guarantee' = 'at-least-once'" in rendered[table]


def test_a_value_that_would_leave_its_literal_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"KAFKA_BOOTSTRAP_SERVERS=.*quote"):
        render(settings(kafka_bootstrap_servers="ho'st:9092"))


@pytest.mark.parametrize(
    "change",
    [
        {"alert_threshold_high": 0.8},
        {"alert_hold_ms": 3001},
        {"spread_alert_multiplier": 2.5},
        {"calculate_depth": 9},
        {"watermark_delay_ms": 501},
    ],
)
def test_the_fingerprint_changes_with_what_the_state_means(change: dict[str, object]) -> None:
    assert render(settings(**change)).fingerprint != render(settings()).fingerprint


def test_the_rules_file_decides_what_the_alerts_are_given(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("rules:\n  thin_touch: {metric: vtob_ratio, direction: below, medium: 0.05, release: 0.1}\n")
    with_file = render(settings(alert_rules_file=file))
    assert "CAST(vtob_ratio AS DOUBLE)" in with_file.statements["watched"]
    assert "vtob_ratio" not in render(settings()).statements["watched"]
    file.write_text("rules:\n  thin_touch: {metric: vtob_ratio, direction: below, medium: 0.04, release: 0.1}\n")
    assert render(settings(alert_rules_file=file)).fingerprint != with_file.fingerprint


def test_the_fingerprint_stays_with_the_same_settings() -> None:
    assert render(settings()).fingerprint == render(settings(log_level="debug", dashboard_port=1)).fingerprint
