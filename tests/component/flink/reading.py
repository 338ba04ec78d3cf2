"""Which records of topics raw and trades the job reads, asked of its own tables: run as a program, for the JVM's sake.

`python -m tests.component.flink.reading FOLDER` reads both topics of the settings in its environment up to their ends,
and writes what it reads into FOLDER/read, as lines of topic and offset.
"""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path

from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import StreamTableEnvironment
from rich.console import Console

from flink.gateway import JVM_ARGS, Gateway
from flink.jars import fetch_jars
from flink.job import configuration
from flink.readable import TRADE_READABLE, raw_readable
from flink.rendering import render
from orderbook.settings import load_settings
from runtime.logs import get_logger


def main(folder: Path) -> None:
    settings = load_settings()
    statements = render(settings).statements
    lock_file = Path(str(resources.files("flink").joinpath("jars.lock.toml")))
    jars = fetch_jars(lock_file, folder / "jars", console=Console(stderr=True))
    gateway = Gateway(log_dir=folder / "logs", logger=get_logger("reading"), jvm_args=JVM_ARGS)
    try:
        configured = configuration(settings, checkpoints=folder.as_uri(), resume_from=None, jars=jars)
        tables = StreamTableEnvironment.create(StreamExecutionEnvironment.get_execution_environment(configured))
        tables.execute_sql(_up_to_its_end(statements["raw"]))
        tables.execute_sql(_up_to_its_end(statements["trades"]))
        options = f"'connector' = 'filesystem', 'path' = '{(folder / 'read').as_uri()}', 'format' = 'csv'"
        tables.execute_sql(f"CREATE TEMPORARY TABLE found (topic STRING, kafka_offset BIGINT) WITH ({options})")
        of_raw = f"SELECT 'raw', kafka_offset FROM raw_records WHERE {raw_readable(settings.calculate_depth)}"  # noqa: S608 - the job's own
        of_trades = f"SELECT 'trades', kafka_offset FROM trade_records WHERE {TRADE_READABLE}"  # noqa: S608 - as above
        tables.execute_sql(f"INSERT INTO found {of_raw} UNION ALL {of_trades}").wait()
    finally:
        gateway.close()


def _up_to_its_end(table: str) -> str:
    offset = "kafka_offset BIGINT METADATA FROM 'offset' VIRTUAL"
    bounded = table.replace("'scan.startup.mode'", "'scan.bounded.mode' = 'latest-offset',\n  'scan.startup.mode'")
    return bounded if offset in table else bounded.replace("  event_time AS", f"  {offset},\n  event_time AS")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
