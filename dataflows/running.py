"""Running flows as a process that ends tidily on SIGTERM and SIGINT, with status 0.

Each flow runs in a thread of its own, so that none holds back another, and the main thread is free to hear signals.
Flows are built so that they end when an event is set (`dataflows.ending`): nothing is broken off in mid-batch.
"""

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


def run_apart(builds: Mapping[str, Callable[[], Dataflow]], ending: threading.Event) -> int:
    """Run each flow in a thread of its own and return the exit status: 1 when one of them failed, else 0.

    Sets `ending` when one has ended or failed, or at KeyboardInterrupt, and then waits a few seconds for the others.
    What a flow could not finish by then is left: its offsets are not committed, so the next start repeats it.
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
        status = _told(name, failed)
        del threads[name]
    ending.set()
    while threads:
        try:
            name, failed = ended.get(timeout=END_WITHIN_S)
        except queue.Empty:
            log.warning("flows_left_behind", flows=sorted(threads))
            os._exit(status)  # a thread inside a database call or Bytewax cannot be ended from outside
        del threads[name]
        if failed is None:
            log.info("flow_ended", flow=name)
        else:
            log.warning("flow_broken_off", flow=name, reason=_reason(failed))
    return status


def _run_and_tell(
    name: str, build: Callable[[], Dataflow], ended: queue.SimpleQueue[tuple[str, BaseException | None]]
) -> None:
    try:
        cli_main(build(), workers_per_process=1, epoch_interval=EPOCH)  # type: ignore[no-untyped-call]  # of Bytewax's core
    except BaseException as failed:  # noqa: BLE001 - the main thread tells what it means
        ended.put((name, failed))
    else:
        ended.put((name, None))


def _told(name: str, failed: BaseException | None) -> int:
    """Say how a flow ended, an error of ours by its sentence and any other with its traceback; return the status."""
    if failed is None:
        log.info("flow_ended", flow=name)
        return 0
    if any(isinstance(error, OrderbookError) for error in _chain(failed)):
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
