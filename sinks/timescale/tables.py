"""The two tables: which message goes where, and how a newer one meets an older."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import msgspec
from psycopg.sql import SQL

from orderbook.errors import UnreadableMessage
from orderbook.messages import Alert, Window
from orderbook.metrics import COUNT_COLUMNS, WINDOW_COLUMNS
from sinks.timescale.upserting import Column, Table

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST_TIME_MS: Final = 253_402_300_799_999  # the last millisecond of year 9999, where datetime ends
BIGINT: Final = range(-(2**63), 2**63)
LONGEST_KEY_BYTES: Final = 500  # an index entry holds at most about 2700 bytes
ENDED: Final = frozenset({"RESOLVED", "MATCHED"})
LONGEST_CONTEXT_BYTES: Final = 10_000
KEY_FIELDS: Final = frozenset({"venue", "symbol", "alert_id"})

TEXT: Final = SQL("text")
TIME: Final = SQL("timestamptz")
COUNT: Final = SQL("bigint")
REAL: Final = SQL("double precision")
JSON: Final = SQL("jsonb")

_Name = Annotated[str, msgspec.Meta(pattern="^[a-z0-9_]+$")]
_context_decoder: Final = msgspec.json.Decoder(dict[_Name, float | dict[_Name, float | None] | None])

IF_NEWER: Final = "CASE WHEN EXCLUDED.step >= stored.step THEN EXCLUDED.{0} ELSE stored.{0} END"


def check_storable(message: Window | Alert) -> None:
    """Raise UnreadableMessage for a message the tables could not hold.

    Called before the sink, so that one such message is set aside and does not stop every one after it.
    """
    for name in message.__struct_fields__:
        value = getattr(message, name)
        if isinstance(value, str):
            if "\0" in value:
                raise UnreadableMessage(f"{name} holds a NUL character, which text in the database cannot")
            if name in KEY_FIELDS and len(value.encode()) > LONGEST_KEY_BYTES:
                raise UnreadableMessage(f"{name} is {len(value.encode())} bytes long: at most {LONGEST_KEY_BYTES} fit")
            if name == "context":
                _check_context(value)
        elif isinstance(value, int):
            if name.endswith("_ms") and not 0 <= value <= LATEST_TIME_MS:
                raise UnreadableMessage(f"{name} is {value}: not a time between 1970 and 9999 in milliseconds")
            if value not in BIGINT:
                raise UnreadableMessage(f"{name} is {value}: outside 64 bits")


def _check_context(text: str) -> None:
    if len(text) > LONGEST_CONTEXT_BYTES:
        raise UnreadableMessage(f"context is {len(text)} characters long: at most {LONGEST_CONTEXT_BYTES} fit")
    try:
        _context_decoder.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError) as unreadable:
        raise UnreadableMessage(f"context is not an object of named numbers: {unreadable}") from None


def _time(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)


def _window_row(window: Window) -> tuple[object, ...]:
    return (
        window.venue,
        window.symbol,
        window.window_ms,
        _time(window.window_start_ms),
        _time(window.window_end_ms),
        window.trusted_ms,
        window.updates,
        window.first_update_id,
        window.last_update_id,
        *window.values,
    )


WINDOWS: Final[Table[Window]] = Table(
    name="orderbook_metrics",
    columns=(
        Column("venue", TEXT),
        Column("symbol", TEXT),
        Column("window_ms", COUNT),
        Column("window_start", TIME),
        Column("window_end", TIME),
        Column("trusted_ms", COUNT),
        Column("updates", COUNT),
        Column("first_update_id", COUNT),
        Column("last_update_id", COUNT),
        *(Column(name, COUNT if name in COUNT_COLUMNS else REAL) for name in WINDOW_COLUMNS),
    ),
    key=("symbol", "window_ms", "window_start", "venue"),
    newest_first=SQL("batch_position DESC"),
    row=_window_row,
)
"""One row a closed window; of two messages for the same window the later one counts."""


def _alert_row(alert: Alert) -> tuple[object, ...]:
    time = _time(alert.event_time_ms)
    return (
        alert.alert_id,
        alert.venue,
        alert.symbol,
        alert.rule,
        alert.side,
        alert.severity,
        alert.status,
        alert.step,
        _time(alert.onset_time_ms),
        time,
        time if alert.status in {"FIRING", "MATCHED"} else None,
        time if alert.status in ENDED else None,
        alert.value,
        alert.peak,
        alert.threshold,
        alert.reason,
        alert.context,
    )


def _newest(name: str, kind: SQL) -> Column:
    return Column(name, kind, against_stored=SQL(IF_NEWER.format(name)))


ALERTS: Final[Table[Alert]] = Table(
    name="orderbook_alerts",
    columns=(
        Column("alert_id", TEXT),
        _newest("venue", TEXT),
        _newest("symbol", TEXT),
        _newest("rule", TEXT),
        _newest("side", TEXT),
        _newest("severity", TEXT),
        _newest("status", TEXT),
        _newest("step", COUNT),
        _newest("onset_time", TIME),
        _newest("event_time", TIME),
        Column(
            "fired_time",
            TIME,
            within_batch=SQL("min(fired_time) OVER (PARTITION BY alert_id)"),
            against_stored=SQL("LEAST(stored.fired_time, EXCLUDED.fired_time)"),
        ),
        Column(
            "resolved_time",
            TIME,
            within_batch=SQL("max(resolved_time) OVER (PARTITION BY alert_id)"),
            against_stored=SQL("GREATEST(stored.resolved_time, EXCLUDED.resolved_time)"),
        ),
        _newest("value", REAL),
        _newest("peak", REAL),
        _newest("threshold", REAL),
        _newest("reason", TEXT),
        Column(
            "context",
            JSON,
            within_batch=SQL("max(context::text) OVER (PARTITION BY alert_id)::jsonb"),
            against_stored=SQL("COALESCE(EXCLUDED.context, stored.context)"),
        ),
    ),
    key=("alert_id",),
    newest_first=SQL("step DESC, batch_position DESC"),
    row=_alert_row,
)
"""One row an episode, as its newest step says, in whatever order the steps come.

`fired_time` is the event time of the first FIRING (or MATCHED) step, `resolved_time` that of the step that ended the
episode, RESOLVED or MATCHED. `context` is that of the first step, which alone has one.
"""
