"""The job on a mini-cluster in a JVM of its own: from start to clean end."""

from __future__ import annotations

import gc
import importlib
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

from py4j.protocol import Py4JError
from pyflink.datastream import StreamExecutionEnvironment
from rich.console import Console

from flink.broker import wait_for_topics
from flink.gateway import COMPILE_LONG_METHODS, Gateway, jvm_args
from flink.jars import fetch_jars
from flink.job import JOB_NAME, build, configuration
from flink.python_mode import checkpoints_of, python_mode
from flink.rendering import render
from orderbook.errors import StackError
from runtime.logs import get_logger
from runtime.readiness import announce_ready

if TYPE_CHECKING:
    from pyflink.common import Configuration, JobClient

    from flink.rendering import JobSql
    from orderbook.settings import Settings

WORKER_MODE: Final = "_python_worker_execution_mode"
BEAM_WORKER: Final = "pyflink.fn_execution.beam.beam_worker_pool_service"
START_POLL_S: Final = 0.1
READY_POLL_S: Final = 0.5
START_TIMEOUT_S: Final = 120

_logger = get_logger("flink")


def run(settings: Settings) -> None:
    """Run the job until this process is asked to end; returns after the JVM is gone.

    Says ready once every task of the job runs. Raises StackError where the job cannot start or fails for good, and
    lets KeyboardInterrupt (SIGINT and SIGTERM, see `runtime.ending`) end it cleanly.
    """
    sql = render(settings)
    lock_file = Path(str(resources.files("flink").joinpath("jars.lock.toml")))
    jars = fetch_jars(lock_file, settings.state_dir / "jars", console=Console(stderr=True))
    checkpoints = checkpoints_of(settings, sql)
    newest = checkpoints.newest()
    if newest is not None:
        checkpoints.forget_all_but(newest)
    _find_python()
    options = jvm_args(settings.symbols)
    gateway = Gateway(log_dir=settings.state_dir / "logs", logger=_logger, jvm_args=options)
    try:
        configured = configuration(
            settings,
            checkpoints=checkpoints.uri,
            resume_from=newest.as_uri() if newest else None,
            jars=jars,
            long_methods=COMPILE_LONG_METHODS in options,
        )
        environment = _planned(configured, sql, own_process=python_mode(settings) == "process")
        wait_for_topics(settings)
        client = environment.execute_async(JOB_NAME)
        _logger.info(
            "job_submitted",
            job=str(client.get_job_id()),
            fingerprint=sql.fingerprint,
            python=python_mode(settings),
            resumed_from=newest.name if newest else None,
        )
        _watch(client, gateway)
    except Py4JError as refused:
        # Its text is asked of the JVM, which must still be there.
        raise StackError(f"Flink refuses the job: {_reason(refused)}") from None
    finally:
        # Beam's threads in this process raise when the JVM they talk to is gone, which is what is wanted here.
        threading.excepthook = _say_nothing
        gateway.close()
        _logger.info("ended")


def _planned(configured: Configuration, sql: JobSql, *, own_process: bool) -> StreamExecutionEnvironment:
    """Return the job, planned; `own_process`: Python is to run in one.

    PyFlink then imports Beam, four seconds' work, before the JVM plans the first statement. Here the two happen at
    once: the worker that needs Beam is only opened when the plan stands.
    """
    # The planner keeps things in its JVM thread, and Py4J gives each Python thread one of its own: a collection in the
    # importing thread would release Java objects there, and the planning would go on in the wrong JVM thread.
    gc.disable()
    try:
        with ThreadPoolExecutor(1, thread_name_prefix="import-beam") as pool:
            imported = pool.submit(importlib.import_module, BEAM_WORKER) if own_process else None
            os.environ[WORKER_MODE] = "process"
            environment = StreamExecutionEnvironment.get_execution_environment(configured)
            build(environment, sql)
            del os.environ[WORKER_MODE]
            if imported is not None:
                imported.result()
    finally:
        gc.enable()
    if own_process:
        environment._open()  # noqa: SLF001 - what PyFlink's own constructor does without the variable
    return environment


def _say_nothing(_: threading.ExceptHookArgs) -> None:
    pass


def _reason(failure: Py4JError) -> str:
    """Return the messages of a Java exception and its causes, the innermost last, in one line."""
    exception = getattr(failure, "java_exception", None)
    if exception is None:
        return str(failure)
    messages: list[str] = []
    while exception is not None:
        messages.append(str(exception.getMessage()).strip())
        exception = exception.getCause()
    return " <- ".join(dict.fromkeys(messages))


def _find_python() -> None:
    """Make this interpreter the one that Flink's scripts find: they ask PATH for `python`."""
    os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))


def _watch(client: JobClient, gateway: Gateway) -> None:
    """Say ready when all tasks run; returns only by raising: StackError if the job ends by itself.

    The polling is a thread's: a signal breaks into the main thread, and must not do so within a call to the JVM.
    """
    ending = threading.Event()
    with ThreadPoolExecutor(1, thread_name_prefix="job-status") as pool:
        polling = pool.submit(_poll, client, gateway, ending)
        try:
            polling.result()
        finally:
            ending.set()


def _poll(client: JobClient, gateway: Gateway, ending: threading.Event) -> None:
    """Follow the job until `ending` is set, then cancel it; raises StackError if it ends before."""
    started = time.monotonic()
    ready = False
    while not ending.wait(READY_POLL_S if ready else START_POLL_S):
        if gateway.has_ended:
            raise StackError("Flink's JVM ended by itself: see its log")
        status = client.get_job_status().result().name
        if status in {"FAILED", "FINISHED", "CANCELED"}:
            raise StackError(f"the Flink job is {status}: see the log of its JVM")
        if not ready and all_tasks_run(client):
            ready = True
            announce_ready()
            _logger.info("ready", seconds=round(time.monotonic() - started, 1))
        if not ready and time.monotonic() - started > START_TIMEOUT_S:
            raise StackError(f"the Flink job is {status} after {START_TIMEOUT_S} s: does Kafka answer?")
    if not gateway.has_ended:
        # Its result is the confirmation: the JVM ends at once when no task runs.
        client.cancel().result()


def all_tasks_run(client: JobClient) -> bool:
    """Whether every task of the job runs: the job's own status says RUNNING as soon as they are scheduled."""
    # The client keeps its mini-cluster to itself, and only that knows the tasks.
    java_client = client._j_job_client  # noqa: SLF001 - PyFlink offers no other way to it
    field = java_client.getClass().getDeclaredField("miniCluster")
    field.setAccessible(True)
    graph = field.get(java_client).getExecutionGraph(java_client.getJobID()).get()
    vertices = list(graph.getAllVertices().values())
    return all(str(vertex.getAggregateState()) == "RUNNING" for vertex in vertices)
