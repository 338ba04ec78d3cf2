"""A symbol's records put together again in the order of their Kafka offsets.

Books pass an operator (the rolling means) that heartbeats do not. Each kind keeps its order, but either may
reach the alerts before the other. So a book waits while a heartbeat before it is on its way, and a heartbeat waits for
a later book or, where the market is silent, for the watermark to pass it: then every book before it is here.
"""

from __future__ import annotations

import msgspec

from orderbook.alerts.record import AlertRecord


class Arrival(msgspec.Struct, frozen=True, array_like=True):
    """One record as it reached the alerts, with its Kafka offset.

    `heartbeat_before` is the offset of the symbol's last heartbeat up to this record, None before the first.
    """

    offset: int
    heartbeat_before: int | None
    record: AlertRecord


class Waiting(msgspec.Struct, frozen=True, array_like=True):
    """The records of one symbol that wait for others, each kind in its order, and the newest heartbeat that came."""

    heartbeats: tuple[Arrival, ...] = ()
    books: tuple[Arrival, ...] = ()
    heartbeat_seen: int = -1


def book_arrived(waiting: Waiting, book: Arrival) -> tuple[Waiting, tuple[AlertRecord, ...]]:
    """Return what waits on, and the records to observe now, in order."""
    return _in_order(msgspec.structs.replace(waiting, books=(*waiting.books, book)))


def heartbeat_arrived(waiting: Waiting, heartbeat: Arrival) -> tuple[Waiting, tuple[AlertRecord, ...]]:
    """Return what waits on, and the records to observe now, in order: the books that waited for this heartbeat."""
    return _in_order(Waiting((*waiting.heartbeats, heartbeat), waiting.books, heartbeat.offset))


def watermark_passed(waiting: Waiting, time_ms: int) -> tuple[Waiting, tuple[AlertRecord, ...]]:
    """Return what waits on, and the heartbeats to observe now: no record up to this event time is on its way."""
    due = [heartbeat for heartbeat in waiting.heartbeats if heartbeat.record.event_time_ms <= time_ms]
    left = waiting.heartbeats[len(due) :]
    return msgspec.structs.replace(waiting, heartbeats=left), tuple(heartbeat.record for heartbeat in due)


def _in_order(waiting: Waiting) -> tuple[Waiting, tuple[AlertRecord, ...]]:
    heartbeats, books, observed = list(waiting.heartbeats), list(waiting.books), []
    while books and (books[0].heartbeat_before is None or books[0].heartbeat_before <= waiting.heartbeat_seen):
        book = books.pop(0)
        while heartbeats and heartbeats[0].offset < book.offset:
            observed.append(heartbeats.pop(0).record)
        observed.append(book.record)
    return Waiting(tuple(heartbeats), tuple(books), waiting.heartbeat_seen), tuple(observed)
