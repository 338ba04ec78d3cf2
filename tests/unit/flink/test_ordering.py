"""Books and heartbeats of a symbol come to the alerts in the order of their offsets, however they reached them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flink.ordering import Arrival, Waiting, book_arrived, heartbeat_arrived, watermark_passed
from orderbook.alerts import AlertRecord


@st.composite
def partitions(draw: st.DrawFn) -> list[Arrival]:
    """One symbol's records in their partition: offsets with gaps, a time that never goes back; a book has a value."""
    offset, time_ms, heartbeat = 0, 0, None
    records = []
    steps = draw(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 2), st.booleans()), max_size=30))
    for gap, wait, is_book in steps:
        offset, time_ms = offset + gap, time_ms + wait
        heartbeat = heartbeat if is_book else offset
        record = AlertRecord("test", "BTCUSDT", time_ms, (float(offset),) if is_book else ())
        records.append(Arrival(offset, heartbeat, record))
    return records


def is_book(arrival: Arrival) -> bool:
    return bool(arrival.record.values)


@given(partitions(), st.data())
def test_every_arrival_gives_the_order_of_the_partition(partition: list[Arrival], data: st.DataObject) -> None:
    on_their_way = {kind: [arrival for arrival in partition if is_book(arrival) is kind] for kind in (True, False)}
    waiting = Waiting()
    observed: list[AlertRecord] = []
    while any(on_their_way.values()):
        kind = data.draw(st.sampled_from([kind for kind, left in on_their_way.items() if left]), label="a book arrives")
        arrived = book_arrived if kind else heartbeat_arrived
        waiting, due = arrived(waiting, on_their_way[kind].pop(0))
        observed += due
        # A watermark is behind every record that is still on its way.
        behind = min((left.record.event_time_ms for rest in on_their_way.values() for left in rest), default=100) - 1
        waiting, due = watermark_passed(waiting, data.draw(st.integers(-1, behind), label="watermark"))
        observed += due
    waiting, due = watermark_passed(waiting, 100)
    assert [*observed, *due] == [arrival.record for arrival in partition]
    assert (waiting.heartbeats, waiting.books) == ((), ())


def test_a_book_waits_for_no_watermark() -> None:
    heartbeat = Arrival(1, 1, AlertRecord("test", "BTCUSDT", 1000))
    book = Arrival(2, 1, AlertRecord("test", "BTCUSDT", 1001, (0.6,)))
    waiting, due = book_arrived(Waiting(), book)
    assert due == ()
    assert heartbeat_arrived(waiting, heartbeat)[1] == (heartbeat.record, book.record)
    waiting, due = heartbeat_arrived(Waiting(), heartbeat)
    assert due == ()
    assert book_arrived(waiting, book)[1] == (heartbeat.record, book.record)
