"""Writing a batch of rows by their natural key, so that writing them again changes nothing.

Small batches go as one array a column (unnest), large ones through COPY into a temporary table; both end in the same
INSERT ... SELECT DISTINCT ON (key) ... ON CONFLICT. DISTINCT ON comes first in either case: the same key twice in one
INSERT is an error in a row store and passes unseen in a column store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Generic, TypeVar

from psycopg import Connection
from psycopg.sql import SQL, Composable, Composed, Identifier

M = TypeVar("M")

COPY_FROM_ROWS: Final = 300
"""From about this many rows on, COPY is faster than arrays."""

POSITION: Final = "batch_position"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, its SQL type, and how values of one key come together.

    `within_batch` gives the value from the batch's rows of a key (a window function over `key`); by default that of
    the newest row. `against_stored` gives it from EXCLUDED and the stored row; by default EXCLUDED's.
    """

    name: str
    type: SQL
    within_batch: SQL | None = None
    against_stored: SQL | None = None


@dataclass(frozen=True)
class Table(Generic[M]):
    """Where and how messages of one type are stored.

    `row` gives a message's values in the order of `columns`. Of several rows with the same key, `newest_first` orders
    them (an ORDER BY list; rows also have `batch_position`), and the first one counts.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    newest_first: SQL
    row: Callable[[M], tuple[object, ...]]

    @cached_property
    def from_arrays(self) -> Composed:
        """The upsert that takes one array parameter a column."""
        arrays = SQL(", ").join(SQL("%s::{}[]").format(column.type) for column in self.columns)
        source = SQL("unnest({}) WITH ORDINALITY AS batch ({}, {})").format(
            arrays, _names(column.name for column in self.columns), Identifier(POSITION)
        )
        return self._upsert_from(source)

    @cached_property
    def create_stage(self) -> Composed:
        """The temporary table of the COPY; emptied by every commit, gone with the connection."""
        return SQL(
            "CREATE TEMPORARY TABLE IF NOT EXISTS {} (LIKE {} INCLUDING DEFAULTS, {} bigint) ON COMMIT DELETE ROWS"
        ).format(self._stage, Identifier(self.name), Identifier(POSITION))

    @cached_property
    def copy_to_stage(self) -> Composed:
        """The COPY of the columns and each row's position in the batch."""
        names = [column.name for column in self.columns]
        return SQL("COPY pg_temp.{} ({}) FROM STDIN").format(self._stage, _names([*names, POSITION]))

    @cached_property
    def from_stage(self) -> Composed:
        """The upsert that takes what was copied."""
        return self._upsert_from(SQL("pg_temp.{} AS batch").format(self._stage))

    @property
    def _stage(self) -> Identifier:
        return Identifier(f"stage_{self.name}")

    def _upsert_from(self, source: Composable) -> Composed:
        key = _names(self.key)
        return SQL(
            "INSERT INTO {table} AS stored ({names})\n"
            "SELECT DISTINCT ON ({key}) {values}\nFROM {source}\nORDER BY {key}, {newest_first}\n"
            "ON CONFLICT ({key}) DO UPDATE SET {updates}"
        ).format(
            table=Identifier(self.name),
            names=_names(column.name for column in self.columns),
            key=key,
            values=SQL(", ").join(column.within_batch or Identifier(column.name) for column in self.columns),
            source=source,
            newest_first=self.newest_first,
            updates=SQL(", ").join(
                SQL("{} = {}").format(
                    Identifier(column.name), column.against_stored or SQL("EXCLUDED.{}").format(Identifier(column.name))
                )
                for column in self.columns
                if column.name not in self.key
            ),
        )


def upsert(connection: Connection, table: Table[M], messages: Sequence[M]) -> None:
    """Write the messages in the caller's transaction, as if one after the other in their order."""
    rows = [table.row(message) for message in messages]
    if not rows:
        return
    with connection.cursor() as cursor:
        if len(rows) < COPY_FROM_ROWS:
            cursor.execute(table.from_arrays, [list(values) for values in zip(*rows, strict=True)])
            return
        cursor.execute(table.create_stage)
        with cursor.copy(table.copy_to_stage) as copy:
            for position, row in enumerate(rows):
                copy.write_row((*row, position))
        cursor.execute(table.from_stage)


def _names(names: Iterable[str]) -> Composed:
    return SQL(", ").join(Identifier(name) for name in names)
