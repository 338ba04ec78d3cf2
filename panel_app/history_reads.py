"""What the dashboard reads from PostgreSQL: the minutes before the live rows, and past alerts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.rows import class_row

from orderbook.errors import ServiceUnavailable
from panel_app.episodes import Episode
from panel_app.tape import ChartPoint

if TYPE_CHECKING:
    from orderbook.settings import Settings

CONNECT_TIMEOUT_S: Final = 3
STATEMENT_TIMEOUT_MS: Final = 5_000

WINDOWS: Final = """
    SELECT (extract(epoch FROM window_end) * 1000)::bigint AS event_time_ms,
           mid_close AS mid,
           imbalance_ratio_close AS imbalance,
           spread_bps_close AS spread_bps,
           NULL::double precision AS spread_alert_bps
      FROM orderbook_metrics
     WHERE symbol = %(symbol)s AND venue = %(venue)s AND window_ms = 1000
       AND window_start >= %(start)s AND window_end <= %(end)s
     ORDER BY window_start
"""

NEWEST_ALERTS: Final = """
    SELECT alert_id, venue, symbol, rule, side, severity, status, step,
           (extract(epoch FROM onset_time) * 1000)::bigint AS onset_ms,
           (extract(epoch FROM event_time) * 1000)::bigint AS newest_ms,
           value, peak, threshold, reason
      FROM orderbook_alerts
     WHERE symbol = ANY(%(symbols)s)
     ORDER BY event_time DESC
     LIMIT %(count)s
"""


class HistoryReads:
    """Reads of one database as the settings' role, over one connection that is opened when needed.

    Every method raises ServiceUnavailable, after which the next call connects anew. Not for several threads.
    """

    def __init__(self, settings: Settings) -> None:
        self._conninfo = settings.database_conninfo
        self._address = f"{settings.database_host}:{settings.database_port}/{settings.database_name}"
        self._connection: psycopg.Connection[Any] | None = None

    def windows(self, venue: str, symbol: str, start_ms: int, end_ms: int) -> list[ChartPoint]:
        """The one-second windows of a symbol that lie within [start, end), as points at their end, oldest first."""
        asked = {"venue": venue, "symbol": symbol, "start": _timestamp(start_ms), "end": _timestamp(end_ms)}
        try:
            with self._connected().cursor(row_factory=class_row(ChartPoint)) as cursor:
                return cursor.execute(WINDOWS, asked).fetchall()
        except psycopg.Error as refused:
            raise self._unavailable(refused) from None

    def newest_alerts(self, symbols: tuple[str, ...], count: int) -> list[Episode]:
        """The episodes of the symbols that had the newest steps, newest first, at most `count`."""
        try:
            with self._connected().cursor(row_factory=class_row(Episode)) as cursor:
                return cursor.execute(NEWEST_ALERTS, {"symbols": list(symbols), "count": count}).fetchall()
        except psycopg.Error as refused:
            raise self._unavailable(refused) from None

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            self._connection = psycopg.connect(
                self._conninfo,
                autocommit=True,
                connect_timeout=CONNECT_TIMEOUT_S,
                application_name="dashboard",
                options=f"-c statement_timeout={STATEMENT_TIMEOUT_MS}",
            )
        return self._connection

    def _unavailable(self, refused: psycopg.Error) -> ServiceUnavailable:
        self.close()
        if isinstance(refused, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
            return ServiceUnavailable(
                f"The database {self._address} lacks the tables: run `python -m migrations up`. {_first_line(refused)}"
            )
        return ServiceUnavailable(f"The database {self._address} does not answer: {_first_line(refused)}")


def _first_line(refused: psycopg.Error) -> str:
    return str(refused).strip().partition("\n")[0]


def _timestamp(time_ms: int) -> datetime:
    return datetime.fromtimestamp(time_ms / 1000, UTC)
