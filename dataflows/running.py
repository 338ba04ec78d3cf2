"""Running flows as a process that ends tidily: SIGTERM and SIGINT close every source and sink, and the status is 0."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from bytewax.dataflow import Dataflow
from bytewax.run import cli_main

from orderbook.errors import OrderbookError
from runtime.logs import get_logger

EPOCH: Final = timedelta(seconds=1)
"""How often offsets are committed, and the most that is repeated after a crash."""

END_WITHIN_S: Final = 8.0
log = get_logger("dataflows")


def run_here(name: str, build: Callable[[], Dataflow]) -> int:
    """Run one flow in this, the main thread, until it ends or KeyboardInterrupt; return the exit status."""
    try:
        _run(build)
    except BaseException as failed:  # noqa: BLE001 - Bytewax wraps KeyboardInterrupt, so the chain is looked through
        return _status(name, failed)
    log.info("flow_ended", flow=name)
    return 0


def run_apart(builds: Mapping[str, Callable[[], Dataflow]], ending: threading.Event) -> int:
    """Run each flow in a thread of its own, so that none holds back another; return the exit status.

    Sets `ending` when one of them has ended or failed, or at KeyboardInterrupt, and then waits a few seconds for the
    others: flows are built so that they end when it is set.
    """
    ended: queue.SimpleQueue[tuple[str, BaseException | None]] = queue.SimpleQueue()
    threads = {
        name: threading.Thread(target=_run_and_tell, args=(name, build, ended), name=name, daemon=True)
        for name, build in builds.items()
    }
    for thread in threads.values():
        thread.start()
    status = 0
    try:
        name, failed = ended.get()
    except KeyboardInterrupt:
        log.info("ending")
    else:
        status = 0 if failed is None else _status(name, failed)
        del threads[name]
    ending.set()
    while threads:
        try:
            name, failed = ended.get(timeout=END_WITHIN_S)
        except queue.Empty:
            log.warning("flows_left_behind", flows=sorted(threads))
            os._exit(status)  # a thread inside Bytewax cannot be ended from outside; what it did not commit is repeated
        del threads[name]
        log.info("flow_ended", flow=name, unfinished=None if failed is None else _reason(failed))
    return status


def _run_and_tell(
    name: str, build: Callable[[], Dataflow], ended: queue.SimpleQueue[tuple[str, BaseException | None]]
) -> None:
    try:
        _run(build)
    except BaseException as failed:  # noqa: BLE001 - the main thread tells what it means
        ended.put((name, failed))
    else:
        ended.put((name, None))


def _run(build: Callable[[], Dataflow]) -> None:
    cli_main(build(), workers_per_process=1, epoch_interval=EPOCH)  # type: ignore[no-untyped-call]  # of Bytewax's core


def _status(name: str, failed: BaseException) -> int:
    """Say how a flow failed and return the exit status: 0 when it was only asked to end."""
    chain = _chain(failed)
    if any(isinstance(error, KeyboardInterrupt) for error in chain):
        log.info("flow_ended", flow=name)
        return 0
    if any(isinstance(error, OrderbookError) for error in chain):
        log.error("flow_failed", flow=name, reason=_reason(failed))
    else:
        log.error("flow_failed", flow=name, exc_info=failed)
    return 1


def _reason(failed: BaseException) -> str:
    """The sentence of the first of our own errors, else the text of the innermost one."""
    chain = _chain(failed)
    return str(next((error for error in chain if isinstance(error, OrderbookError)), chain[-1]))


def _chain(error: BaseException) -> list[BaseException]:
    """An error and what it was raised from or during, outermost first."""
    chain: list[BaseException] = []
    inner: BaseException | None = error
    while inner is not None and inner not in chain:
        chain.append(inner)
        inner = inner.__cause__ or inner.__context__
    return chain
