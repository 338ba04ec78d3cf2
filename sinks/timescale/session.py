"""A database connection that outlives the server's restarts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

import psycopg
from psycopg import Connection
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_when_event_set,
    wait_exponential_jitter,
)

from orderbook.errors import ServiceUnavailable
from runtime.logs import get_logger

CONNECT_TIMEOUT_S: Final = 5
STATEMENT_TIMEOUT_MS: Final = 30_000
UNACKNOWLEDGED_MS: Final = 15_000
LONGEST_BACK_OFF_S: Final = 5.0
log = get_logger("timescale")


class Session:
    """Runs transactions on one connection, opening it anew after it was lost.

    What may pass is tried again with a growing pause, for as long as it takes or until `ending` is set:
    `psycopg.OperationalError`, which takes in lost connections, serialization failures and deadlocks. Anything else is
    raised. Not for use from several threads.
    """

    def __init__(self, conninfo: str, *, application_name: str, ending: threading.Event | None = None) -> None:
        self._conninfo = conninfo
        self._application_name = application_name
        self._ending = ending or threading.Event()
        self._connection: Connection | None = None

    def transaction(self, work: Callable[[Connection], None]) -> None:
        """Do `work` in a transaction and commit it; `work` runs again from the start when the transaction was lost.

        Raises ServiceUnavailable when `ending` was set before the work could be done.
        """
        retrying = Retrying(
            retry=retry_if_exception_type(psycopg.OperationalError),
            wait=wait_exponential_jitter(multiplier=0.1, max=LONGEST_BACK_OFF_S, jitter=0.1),
            stop=stop_when_event_set(self._ending),
            sleep=sleep_using_event(self._ending),
            before_sleep=self._say_trying_again,
            reraise=True,
        )
        try:
            retrying(self._attempt, work)
        except psycopg.OperationalError as unavailable:
            raise ServiceUnavailable(f"ended before the database took the batch: {_line(unavailable)}") from unavailable

    def close(self) -> None:
        """Close the connection; a later transaction opens a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _attempt(self, work: Callable[[Connection], None]) -> None:
        connection = self._connected()
        try:
            with connection.transaction():
                work(connection)
        except psycopg.OperationalError:
            self.close()
            raise

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = psycopg.connect(
                self._conninfo,
                autocommit=True,
                connect_timeout=CONNECT_TIMEOUT_S,
                application_name=self._application_name,
                options=f"-c statement_timeout={STATEMENT_TIMEOUT_MS}",
                tcp_user_timeout=UNACKNOWLEDGED_MS,
            )
        return self._connection

    def _say_trying_again(self, attempt: RetryCallState) -> None:
        error = attempt.outcome.exception() if attempt.outcome is not None else None
        log.warning("database_unavailable", attempt=attempt.attempt_number, reason=_line(error))


def _line(error: BaseException | None) -> str:
    return " ".join(str(error).split())
