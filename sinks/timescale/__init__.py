"""PostgreSQL or TimescaleDB as the store of windows and alert episodes.

Promise: effectively once. Every row has a natural key and is upserted in one transaction a batch, so a batch that is
written again, whole or in part, in any order, leaves the tables as if each message had come once. A batch that
returned is committed.
"""

from sinks.timescale.session import Session
from sinks.timescale.sink import TimescaleSink
from sinks.timescale.tables import ALERTS, WINDOWS, check_storable
from sinks.timescale.upserting import Column, Table, upsert

__all__ = ["ALERTS", "WINDOWS", "Column", "Session", "Table", "TimescaleSink", "check_storable", "upsert"]
