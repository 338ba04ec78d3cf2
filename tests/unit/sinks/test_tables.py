from __future__ import annotations

import msgspec
import pytest

from orderbook.errors import UnreadableMessage
from orderbook.messages import Alert, Window
from orderbook.metrics import COUNT_COLUMNS, WINDOW_COLUMNS
from sinks.timescale import ALERTS, WINDOWS, check_storable

WINDOW = Window(
    venue="simulator",
    symbol="BTCUSDT",
    window_ms=1000,
    window_start_ms=1_700_000_000_123,
    window_end_ms=1_700_000_001_123,
    trusted_ms=640,
    updates=3,
    first_update_id=1,
    last_update_id=3,
    values=tuple(0 if name in COUNT_COLUMNS else None for name in WINDOW_COLUMNS),
)
ALERT = Alert(
    venue="simulator",
    symbol="BTCUSDT",
    alert_id="a",
    step=0,
    rule="imbalance",
    side=None,
    status="FIRING",
    severity="high",
    event_time_ms=1,
    onset_time_ms=0,
    value=1.0,
    peak=1.0,
    threshold=0.5,
)


@pytest.mark.parametrize(
    "message",
    [WINDOW, ALERT, msgspec.structs.replace(ALERT, context='{"mid":1.5,"before":{"mid":null},"before_ms":7}')],
)
def test_ordinary_messages_pass(message: Window | Alert) -> None:
    check_storable(message)


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (msgspec.structs.replace(WINDOW, symbol="BTC\0USDT"), "symbol holds a NUL character"),
        (msgspec.structs.replace(WINDOW, venue="v" * 501), "venue is 501 bytes long: at most 500 fit"),
        (msgspec.structs.replace(WINDOW, last_update_id=2**63), "last_update_id is 9223372036854775808: outside 64"),
        (msgspec.structs.replace(WINDOW, window_start_ms=-1), "window_start_ms is -1: not a time"),
        (msgspec.structs.replace(ALERT, event_time_ms=253_402_300_800_000), "not a time between 1970 and 9999"),
        (msgspec.structs.replace(ALERT, alert_id="é" * 251), "alert_id is 502 bytes long"),
        (msgspec.structs.replace(ALERT, reason="\0"), "reason holds a NUL character"),
        (msgspec.structs.replace(ALERT, context='{"mid":1'), "context is not an object of named numbers"),
        (msgspec.structs.replace(ALERT, context='{"mid":1e999}'), "context is not an object of named numbers"),
        (msgspec.structs.replace(ALERT, context='{"\\u0000":1}'), "context is not an object of named numbers"),
        (msgspec.structs.replace(ALERT, context="[" * 10_001), "context is 10001 characters long"),
    ],
)
def test_what_a_table_cannot_hold_is_refused(message: Window | Alert, sentence: str) -> None:
    with pytest.raises(UnreadableMessage, match=sentence):
        check_storable(message)


def test_times_are_exact_to_the_millisecond() -> None:
    row = dict(zip((column.name for column in WINDOWS.columns), WINDOWS.row(WINDOW), strict=True))
    assert str(row["window_start"]) == "2023-11-14 22:13:20.123000+00:00"
    assert str(row["window_end"]) == "2023-11-14 22:13:21.123000+00:00"


@pytest.mark.parametrize(
    ("status", "fired", "resolved"),
    [
        ("FIRING", True, False),
        ("ESCALATED", False, False),
        ("RECOVERING", False, False),
        ("SUPPRESSED", False, False),
        ("NODATA", False, False),
        ("RESOLVED", False, True),
        ("MATCHED", True, True),
    ],
)
def test_each_step_fills_its_own_times(status: str, *, fired: bool, resolved: bool) -> None:
    step = msgspec.structs.replace(ALERT, status=status)
    row = dict(zip((column.name for column in ALERTS.columns), ALERTS.row(step), strict=True))
    assert (row["fired_time"] is not None, row["resolved_time"] is not None) == (fired, resolved)


def test_one_value_a_column() -> None:
    assert len(WINDOWS.row(WINDOW)) == len(WINDOWS.columns) == 9 + len(WINDOW_COLUMNS)
    assert len(ALERTS.row(ALERT)) == len(ALERTS.columns) == 17
