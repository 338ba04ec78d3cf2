"""The job's SQL: the files of `flink/sql` with the settings and the metric catalogue put in."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from string import Template
from typing import TYPE_CHECKING, Final

import msgspec

from flink import patterns
from flink.measuring import (
    OF_SECONDS,
    ROLLED_UP,
    SECONDS_HEAD,
    STATISTICS,
    TRADE_AGGREGATES,
    TRUSTED_MS,
    adjustments,
    book_told,
    flow_weights,
    follows_on,
    last_columns,
    level_flows,
    live_metric_expressions,
    metric_expressions,
    quantities,
    sql_double,
    window_fields,
)
from flink.readable import PLAUSIBLE_TIME, TRADE_READABLE, raw_readable
from flink.watching import alert_values
from orderbook.alerts import AlertRules
from orderbook.errors import SettingsError
from orderbook.messages import SCHEMA_VERSION, Alert, Metrics, Window
from orderbook.metrics import COUNT_COLUMNS, METRICS, WINDOW_COLUMNS
from orderbook.topics import Topics
from orderbook.window_metrics import USUAL_SECONDS, VPIN_BUCKETS
from runtime.alert_rules import rules_in_force
from runtime.fitted_tables import fitted_in_force

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orderbook.settings import Settings

TABLES: Final = ("raw", "trades", "metrics", "processed", "alerts")
VIEWS: Final = (
    "records",
    "measured",
    "books",
    "live_books",
    "watched",
    "volume_clock",
    "volume_buckets",
    "window_records",
    "second_sums",
    "second_runs",
    "usual_spreads",
    "seconds",
    "ten_seconds",
    "minutes",
    *patterns.VIEWS,
)
STATEMENTS: Final = (
    *TABLES,
    *VIEWS,
    "insert_metrics",
    "insert_processed",
    "alert_records",
    "pattern_matches",
    "insert_alerts",
)
"""The files of `flink/sql`, in the order in which the job uses them. New outputs go last: state keeps its operator."""

ALERT_BATCH_MS: Final = 20
"""How long records wait for others of their shard before the alerts are given them."""
ALERT_SHARDS: Final = 16
"""Keys that the alerts' state is kept under: as many writes at most for each bundle of records."""

_SQL_TYPES: Final = {
    msgspec.inspect.IntType: "BIGINT",
    msgspec.inspect.FloatType: "DOUBLE",
    msgspec.inspect.StrType: "STRING",
    msgspec.inspect.LiteralType: "STRING",
    msgspec.inspect.ListType: "ARRAY<DOUBLE>",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an output table: a message's field and its SQL type (STRING, BIGINT, DOUBLE or ARRAY<DOUBLE>)."""

    name: str
    sql_type: str


@dataclass(frozen=True)
class JobSql:
    """The rendered statements by file name, and the rules the alerts go by."""

    statements: dict[str, str]
    rules: AlertRules

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change with any statement or rule.

        State is kept under it: a changed formula would otherwise go on from the old one's state without a word.
        """
        text = "\n;\n".join(f"{name}\n{self.statements[name]}" for name in STATEMENTS)
        return hashlib.sha256(f"{text}\n{self.rules}".encode()).hexdigest()[:16]

    def script(self) -> str:
        """Return every statement under its file's name, for a person to read."""
        return "\n".join(f"-- {name}.sql\n{self.statements[name]};\n" for name in STATEMENTS)


def render(settings: Settings) -> JobSql:
    """Return the job's SQL under `settings`.

    Raises SettingsError where a text would break out of its SQL literal, and for an alert rule that is refused.
    """
    rules = rules_in_force(settings)
    values = _values(settings, rules)
    statements = {name: _statement(name, values) for name in STATEMENTS}
    return JobSql(statements, rules)


def alert_columns() -> tuple[Column, ...]:
    """The columns of the alerts table: the tag and the fields of `orderbook.messages.Alert`, in their order."""
    return (Column("type", "STRING"), *_columns(Alert))


def _statement(name: str, values: dict[str, str]) -> str:
    text = resources.files("flink").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
    return Template(text).substitute(values).strip()


def _values(settings: Settings, rules: AlertRules) -> dict[str, str]:
    topics = Topics(settings.topic_prefix)
    depth = settings.calculate_depth
    quantity_columns = quantities(depth)
    baseline_third = settings.spread_baseline_updates // 3
    fitted = fitted_in_force(settings)
    return {
        "bootstrap_servers": _literal("KAFKA_BOOTSTRAP_SERVERS", settings.kafka_bootstrap_servers),
        "group_id": _literal("TOPIC_PREFIX", f"{settings.topic_prefix}-flink"),
        "topic_raw": _literal("TOPIC_PREFIX", topics.raw),
        "topic_trades": _literal("TOPIC_PREFIX", topics.trades),
        "topic_metrics": _literal("TOPIC_PREFIX", topics.metrics),
        "topic_processed": _literal("TOPIC_PREFIX", topics.processed),
        "topic_alerts": _literal("TOPIC_PREFIX", topics.alerts),
        "watermark_delay_s": f"{settings.watermark_delay_ms / 1000:.3f}",
        "sink_options": _sink_options(settings),
        "plausible_time": PLAUSIBLE_TIME,
        "readable": raw_readable(depth),
        "quantity_expressions": _named(quantity_columns),
        "quantity_columns": _listed(quantity_columns),
        "book_told": book_told(depth),
        "last_columns": _named(last_columns(depth)),
        "level_flows": level_flows(depth),
        "metric_expressions": _named(metric_expressions(depth)),
        "baseline_third": str(baseline_third),
        "alert_shards": str(ALERT_SHARDS),
        "alert_batch_ms": str(ALERT_BATCH_MS),
        "alert_batch_s": f"{ALERT_BATCH_MS / 1000:.3f}",
        "alert_values": _listed(alert_values(rules, baseline_third=baseline_third)),
        "metrics_columns": _declared(_columns(Metrics)),
        "metrics_fields": _listed(_metrics_field(column.name) for column in _columns(Metrics)),
        "processed_columns": _declared((*_window_head(), *_statistics())),
        "flow_weights": flow_weights(fitted, depth),
        "adjustments": adjustments(fitted),
        "trusted_ms": TRUSTED_MS,
        "follows_on": follows_on(depth),
        "live_metric_expressions": _named(live_metric_expressions()),
        "trade_readable": TRADE_READABLE,
        "no_metrics": _listed("CAST(NULL AS DOUBLE)" for _ in METRICS),
        "second_aggregates": _named(SECONDS_HEAD | STATISTICS | TRADE_AGGREGATES),
        "of_seconds": _named(OF_SECONDS),
        "usual_preceding_s": str(USUAL_SECONDS - 1),
        "vpin_fixed_sizes": _bucket_sizes(settings),
        "vpin_buckets_a_day": str(settings.vpin_buckets_a_day),
        "vpin_buckets": str(VPIN_BUCKETS),
        "vpin_preceding": str(VPIN_BUCKETS - 1),
        "vpin_places": f"ARRAY[{', '.join(map(str, range(1, VPIN_BUCKETS + 1)))}]",
        "rolled_up_columns": _named(ROLLED_UP),
        "second_fields": _window_fields(1000),
        "ten_second_fields": _window_fields(10_000),
        "minute_fields": _window_fields(60_000),
        "alerts_columns": _declared(alert_columns()),
        "pattern_matches": patterns.matches((column.name, column.sql_type) for column in alert_columns()),
        **patterns.PARAMETERS,
    }


def _bucket_sizes(settings: Settings) -> str:
    if not settings.vpin_bucket_sizes:
        return "CAST(NULL AS DOUBLE)"
    cases = (f"WHEN '{symbol}' THEN {sql_double(size)}" for symbol, size in settings.vpin_bucket_sizes.items())
    return f"CASE symbol {' '.join(cases)} END"


def _metrics_field(name: str) -> str:
    return {"schema_version": str(SCHEMA_VERSION), "state": "book_state"}.get(name, name)


def _window_head() -> tuple[Column, ...]:
    return tuple(column for column in _columns(Window, without="values"))


def _window_fields(window_ms: int) -> str:
    return _listed(window_fields((*(column.name for column in _window_head()), *WINDOW_COLUMNS), window_ms))


def _statistics() -> tuple[Column, ...]:
    return tuple(Column(name, "BIGINT" if name in COUNT_COLUMNS else "DOUBLE") for name in WINDOW_COLUMNS)


def _columns(message: type[msgspec.Struct], *, without: str = "") -> tuple[Column, ...]:
    described = msgspec.inspect.type_info(message)
    if not isinstance(described, msgspec.inspect.StructType):
        raise TypeError(f"{message!r} is not a message")
    return tuple(Column(field.name, _sql_type(field.type)) for field in described.fields if field.name != without)


def _sql_type(described: msgspec.inspect.Type) -> str:
    if isinstance(described, msgspec.inspect.UnionType):
        (described,) = (part for part in described.types if not isinstance(part, msgspec.inspect.NoneType))
    return _SQL_TYPES[type(described)]


def _sink_options(settings: Settings) -> str:
    options = {
        "connector": "kafka",
        "properties.bootstrap.servers": _literal("KAFKA_BOOTSTRAP_SERVERS", settings.kafka_bootstrap_servers),
        "key.format": "raw",
        "key.fields": "symbol",
        "value.format": "json",
        "sink.delivery-guarantee": "at-least-once",
        # At full speed batches of the default 16 KiB are a dozen records, each a way to the broker.
        "properties.batch.size": "131072",
        "properties.linger.ms": "5",
    }
    return ",\n  ".join(f"'{name}' = '{value}'" for name, value in options.items())


def _literal(setting: str, text: str) -> str:
    if "'" in text or not text.isprintable():
        raise SettingsError(f"{setting}={text!r} holds a quote or a control character: leave it out")
    return text


def _declared(columns: tuple[Column, ...]) -> str:
    return ",\n  ".join(f"`{column.name}` {column.sql_type}" for column in columns)


def _named(expressions: Mapping[str, str]) -> str:
    return _listed(f"{expression} AS {name}" for name, expression in expressions.items())


def _listed(expressions: Iterable[str]) -> str:
    return ",\n  ".join(expressions)
