# ruff: noqa: INP001 - a program that `flink run` is given, not a module of a package
"""The program that `flink run` submits: the product's job, going on from its newest checkpoint."""

from __future__ import annotations

from pyflink.datastream import StreamExecutionEnvironment

from flink.job import JOB_NAME, build, configuration
from flink.python_mode import checkpoints_of
from flink.rendering import render
from orderbook.settings import load_settings

settings = load_settings()
sql = render(settings)
checkpoints = checkpoints_of(settings, sql)
newest = checkpoints.newest()
environment = StreamExecutionEnvironment.get_execution_environment(
    configuration(settings, checkpoints=checkpoints.uri, resume_from=newest.as_uri() if newest else None)
)
build(environment, sql)
environment.execute_async(JOB_NAME)
