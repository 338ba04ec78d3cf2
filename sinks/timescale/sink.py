"""The tables as the end of a Bytewax flow."""

from __future__ import annotations

import threading
from typing import TypeVar

from bytewax.outputs import DynamicSink, StatelessSinkPartition

from runtime.logs import get_logger
from sinks.timescale.session import Session
from sinks.timescale.upserting import Table, upsert

M = TypeVar("M")
log = get_logger("timescale")


class TimescaleSink(DynamicSink[M]):
    """Writes messages to one table, a connection a worker; waits for the database as long as `ending` is not set."""

    def __init__(self, conninfo: str, table: Table[M], *, ending: threading.Event | None = None) -> None:
        self._conninfo = conninfo
        self._table = table
        self._ending = ending

    def build(self, step_id: str, worker_index: int, worker_count: int) -> TableWriter[M]:
        """Make the writer of one worker; it connects at its first batch."""
        log.debug("writer_built", step=step_id, worker=worker_index, workers=worker_count)
        name = f"orderbook-{self._table.name}"
        return TableWriter(Session(self._conninfo, application_name=name, ending=self._ending), self._table)


class TableWriter(StatelessSinkPartition[M]):
    """One worker's writer; see the package for its promise."""

    def __init__(self, session: Session, table: Table[M]) -> None:
        self._session = session
        self._table = table

    def write_batch(self, items: list[M]) -> None:
        """Commit the batch in one transaction; raises ServiceUnavailable when the process ends first."""
        self._session.transaction(lambda connection: upsert(connection, self._table, items))

    def close(self) -> None:
        """Close the connection."""
        self._session.close()
