"""The job's dataflow: a scan of topic raw and one of trades, and metrics, windows and alerts (docs/flink.md)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from pyflink.common import Configuration, Types
from pyflink.datastream import DataStream, KeyedStream, StreamExecutionEnvironment
from pyflink.java_gateway import get_gateway
from pyflink.table import Schema, StreamTableEnvironment

from flink.alert_function import RECORDS_TYPE, ROW_TYPE, AlertFunction
from flink.python_mode import python_mode
from flink.rendering import TABLES, VIEWS, alert_columns

if TYPE_CHECKING:
    from pathlib import Path

    from py4j.java_gateway import JavaObject
    from pyflink.common.typeinfo import TypeInformation

    from flink.rendering import JobSql
    from orderbook.settings import Settings

JOB_NAME: Final = "orderbook"
AT_ONCE: Final = 0
"""The buffer timeout of an exchange that sends each record without waiting for another, in ms: for rare ones."""


def configuration(
    settings: Settings,
    *,
    checkpoints: str,
    resume_from: str | None,
    jars: tuple[Path, ...] = (),
    long_methods: bool = False,
) -> Configuration:
    """Return the job's configuration.

    `checkpoints` and `resume_from` are URIs. `jars` are given for the mini-cluster alone, which they also size: on a
    cluster, setting them would replace the list that `flink run` made. `long_methods`: the JVM compiles them, so that
    the planner need not split the code that it makes (docs/decisions/0016-a-job-of-many-symbols.md).
    """
    options = {
        "parallelism.default": str(settings.flink_parallelism),
        "table.local-time-zone": "UTC",
        "pipeline.object-reuse": "true",
        "execution.buffer-timeout.interval": "10 ms",
        # Operators keep their state when a statement is added after them.
        "table.exec.uid.generation": "ALWAYS",
        # What several outputs read is planned once, and computed once.
        "table.optimizer.reuse-optimize-block-with-digest-enabled": "true",
        "execution.checkpointing.interval": f"{settings.checkpoint_interval_ms} ms",
        "execution.checkpointing.dir": checkpoints,
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
        "execution.checkpointing.num-retained": "3",
        "restart-strategy.type": "exponential-delay",
        "python.execution-mode": python_mode(settings),
        "python.executable": sys.executable,
        "python.client.executable": sys.executable,
        # The default second would delay every alert by up to as much. The records were gathered before they come here:
        # those of all shards come at once.
        "python.fn-execution.bundle.time": "5",
    }
    if resume_from is not None:
        options["execution.state-recovery.path"] = resume_from
    if jars:
        # Each exchange takes buffers by the square of the parallelism: too few, and none of them flows.
        network = f"{22 * settings.flink_parallelism + 2 * settings.flink_parallelism**2}mb"
        options |= {
            "pipeline.jars": ";".join(jar.resolve().as_uri() for jar in jars),
            "taskmanager.memory.network.min": network,
            "taskmanager.memory.network.max": network,
        }
    if long_methods:
        # Characters of source. A method may have 64 KB of bytecode, which is shorter than its source.
        options["table.generated-code.max-length"] = "60000"
    configured = Configuration()
    for name, value in options.items():
        configured.set_string(name, value)
    return configured


def build(environment: StreamExecutionEnvironment, sql: JobSql) -> None:
    """Put the whole dataflow into `environment`, ready to be executed."""
    tables = StreamTableEnvironment.create(environment)
    statements = sql.statements
    for table in TABLES:
        tables.execute_sql(statements[table])
    for view in VIEWS:
        name, select = _taken_apart(statements[view])
        # Made from its query: a view made by SQL is parsed and checked again by each that reads it.
        tables.create_temporary_view(name, tables.sql_query(select))
    # One INSERT a topic: two into one topic would be two producers, and a symbol's order theirs to break.
    alert_records, matches = planned_together(
        environment,
        tables,
        inserts=(statements["insert_metrics"], statements["insert_processed"]),
        queries=(statements["alert_records"], statements["pattern_matches"]),
    )
    keyed = keyed_by_first_field(alert_records, RECORDS_TYPE)
    steps = keyed.process(AlertFunction(sql.rules), ROW_TYPE).uid("alerts").name("alerts").set_buffer_timeout(AT_ONCE)
    alert_schema = Schema.new_builder()
    for column in alert_columns():
        alert_schema.column(column.name, column.sql_type)
    tables.create_temporary_view("alert_steps", steps, alert_schema.build())
    tables.create_temporary_view("pattern_steps", matches, alert_schema.build())
    outputs = tables.create_statement_set()
    outputs.add_insert_sql(statements["insert_alerts"])
    outputs.attach_as_datastream()


def planned_together(
    environment: StreamExecutionEnvironment,
    tables: StreamTableEnvironment,
    *,
    inserts: tuple[str, ...],
    queries: tuple[str, ...],
) -> tuple[DataStream, ...]:
    """Attach the INSERTs and return the queries as streams of rows, all from one plan that shares what they share.

    Converted one by one (`to_data_stream`), each would be planned by itself, and read and parse the topic again. What
    the planner is asked for here is what that and `StatementSet.attach_as_datastream` ask it for.
    """
    jvm = get_gateway().jvm
    j_tables = tables._j_tenv  # noqa: SLF001 - PyFlink offers no way to plan both at once
    operations = jvm.java.util.ArrayList()
    for insert in inserts:
        operations.add(j_tables.getParser().parse(insert).get(0))
    for query in queries:
        operations.add(_as_stream(j_tables.sqlQuery(query)))
    planned = list(j_tables.getPlanner().translate(operations))
    j_environment = environment._j_stream_execution_environment  # noqa: SLF001 - as above
    for transformation in planned:
        j_environment.addOperator(transformation)
    to_stream = jvm.org.apache.flink.streaming.api.datastream.DataStream
    return tuple(DataStream(to_stream(j_environment, stream)) for stream in planned[len(inserts) :])


def _taken_apart(statement: str) -> tuple[str, str]:
    """The name and the query of a CREATE TEMPORARY VIEW."""
    _, _, named = statement.partition("CREATE TEMPORARY VIEW ")
    name, _, query = named.partition(" AS\n")
    return name, query


def _as_stream(j_table: JavaObject) -> JavaObject:
    """The operation that makes a stream of external rows of a Java table."""
    jvm = get_gateway().jvm
    resolved = j_table.getResolvedSchema()
    schema = jvm.org.apache.flink.table.api.Schema.newBuilder().fromResolvedSchema(resolved).build()
    catalog = jvm.org.apache.flink.table.catalog
    sink = catalog.ContextResolvedTable.anonymous(
        "datastream_sink", catalog.ResolvedCatalogTable(catalog.ExternalCatalogTable(schema), resolved)
    )
    return jvm.org.apache.flink.table.operations.ExternalModifyOperation(
        sink,
        j_table.getQueryOperation(),
        jvm.org.apache.flink.table.connector.ChangelogMode.insertOnly(),
        resolved.toPhysicalRowDataType(),
    )


def keyed_by_first_field(stream: DataStream, record: TypeInformation) -> KeyedStream:
    """Return rows of (key, record) keyed by their first field, a STRING; what follows is given the record alone.

    `DataStream.key_by` would send every row to Python and back for its key, as dear as the alerts themselves
    (docs/decisions/0003-every-record-to-the-alerts.md). It makes of each row the pair that the SQL makes here.
    """
    java_stream = stream._j_data_stream  # noqa: SLF001 - as key_by does
    pair_type = Types.ROW([Types.STRING(), record])
    # The same rows under the kind of type that Python operators take.
    java_stream.getTransformation().setOutputType(pair_type.get_java_type_info())
    # They have waited for each other already.
    java_stream.getTransformation().setBufferTimeout(AT_ONCE)
    key_type = Types.ROW([Types.STRING()])
    keyed = java_stream.keyBy(get_gateway().jvm.KeyByKeySelector(), key_type.get_java_type_info())
    return KeyedStream(keyed, record, stream)
