"""The job's dataflow: a scan of topic raw and one of trades, and metrics, windows and alerts (docs/flink.md)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from pyflink.common import Configuration, Types
from pyflink.datastream import DataStream, KeyedStream, StreamExecutionEnvironment
from pyflink.java_gateway import get_gateway
from pyflink.table import Schema, StreamTableEnvironment

from flink.alert_function import ROW_TYPE, AlertFunction, record_type
from flink.patterns import VIEWS
from flink.rendering import alert_columns

if TYPE_CHECKING:
    from pathlib import Path

    from pyflink.common.typeinfo import RowTypeInfo

    from flink.rendering import JobSql
    from orderbook.settings import Settings

JOB_NAME: Final = "orderbook"


def configuration(
    settings: Settings, *, checkpoints: str, resume_from: str | None, jars: tuple[Path, ...] = ()
) -> Configuration:
    """Return the job's configuration.

    `checkpoints` and `resume_from` are URIs. `jars` are given for the mini-cluster alone, which they also size: on a
    cluster, setting them would replace the list that `flink run` made.
    """
    options = {
        "parallelism.default": str(settings.flink_parallelism),
        "table.local-time-zone": "UTC",
        "pipeline.object-reuse": "true",
        "execution.buffer-timeout.interval": "20 ms",
        # Operators keep their state when a statement is added after them.
        "table.exec.uid.generation": "ALWAYS",
        "execution.checkpointing.interval": f"{settings.checkpoint_interval_ms} ms",
        "execution.checkpointing.dir": checkpoints,
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
        "execution.checkpointing.num-retained": "3",
        "restart-strategy.type": "exponential-delay",
        "python.executable": sys.executable,
        "python.client.executable": sys.executable,
        # The default second would delay every alert by up to as much.
        "python.fn-execution.bundle.time": "20",
    }
    if resume_from is not None:
        options["execution.state-recovery.path"] = resume_from
    if jars:
        # Each exchange takes buffers by the square of the parallelism: too few, and none of them flows.
        network = f"{24 * settings.flink_parallelism}mb"
        options |= {
            "pipeline.jars": ";".join(jar.resolve().as_uri() for jar in jars),
            "taskmanager.memory.network.min": network,
            "taskmanager.memory.network.max": network,
        }
    configured = Configuration()
    for name, value in options.items():
        configured.set_string(name, value)
    return configured


def build(environment: StreamExecutionEnvironment, sql: JobSql) -> None:
    """Put the whole dataflow into `environment`, ready to be executed."""
    tables = StreamTableEnvironment.create(environment)
    statements = sql.statements
    for table in ("raw", "trades", "metrics", "processed", "alerts"):
        tables.execute_sql(statements[table])
    # Each conversion to a stream is planned by itself and would scan the topic again: everything below starts here.
    records = tables.to_data_stream(tables.sql_query(statements["records"]))
    schema = Schema.new_builder().column_by_metadata("record_time", "TIMESTAMP_LTZ(3)", "rowtime", is_virtual=True)
    tables.create_temporary_view("records", records, schema.watermark("record_time", "SOURCE_WATERMARK()").build())
    for view in (
        "measured",
        "books",
        "live_books",
        "window_records",
        "second_sums",
        "second_runs",
        "seconds",
        "ten_seconds",
        "minutes",
        *VIEWS,
    ):
        tables.execute_sql(statements[view])

    alert_records = tables.to_data_stream(tables.sql_query(statements["alert_records"]))
    keyed = keyed_by_first_field(alert_records, record_type(sql.rules))
    steps = keyed.process(AlertFunction(sql.rules), ROW_TYPE).uid("alerts").name("alerts")
    alert_schema = Schema.new_builder()
    for column in alert_columns():
        alert_schema.column(column.name, column.sql_type)
    tables.create_temporary_view("alert_steps", steps, alert_schema.build())

    # One INSERT a topic: two into one topic would be two producers, and a symbol's order theirs to break.
    outputs = tables.create_statement_set()
    for insert in ("insert_metrics", "insert_processed", "insert_alerts"):
        outputs.add_insert_sql(statements[insert])
    outputs.attach_as_datastream()


def keyed_by_first_field(stream: DataStream, record: RowTypeInfo) -> KeyedStream:
    """Return rows of (key, record) keyed by their first field, a STRING; what follows is given the record alone.

    `DataStream.key_by` would send every row to Python and back for its key, as dear as the alerts themselves
    (docs/decisions/0003-every-record-to-the-alerts.md). It makes of each row the pair that the SQL makes here.
    """
    java_stream = stream._j_data_stream  # noqa: SLF001 - as key_by does
    pair_type = Types.ROW([Types.STRING(), record])
    # The same rows under the kind of type that Python operators take.
    java_stream.getTransformation().setOutputType(pair_type.get_java_type_info())
    key_type = Types.ROW([Types.STRING()])
    keyed = java_stream.keyBy(get_gateway().jvm.KeyByKeySelector(), key_type.get_java_type_info())
    return KeyedStream(keyed, record, stream)
