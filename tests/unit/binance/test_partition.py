"""One connection's partition, with a connection and a fetcher that do nothing and a clock that is set."""

from __future__ import annotations

from typing import Any

from connectors.binance.arrival_queue import ArrivalQueue
from connectors.binance.arrivals import Arrival, Closed, Opened, Waited, drive
from connectors.binance.source import ConnectionPartition
from connectors.recordings.lines import decode_line, encode_line
from orderbook.messages import Heartbeat, IngestMessage
from orderbook.session import IngestSession

START_MS = 1_700_000_000_000
NS_PER_MS = 1_000_000


class Still:
    """Stands for whatever is asked and does nothing."""

    complete = False

    def __init__(self) -> None:
        self.now = START_MS

    def now_ms(self) -> int:
        return self.now

    def check(self) -> None: ...

    def step(self, *, silent: bool) -> None: ...

    def want(self, owner: str, wishes: object) -> None: ...


def session() -> IngestSession:
    return IngestSession(venue="test", symbols=("BTCUSDT",), depth_levels=5)


def test_an_outage_of_minutes_makes_the_same_messages_from_its_recording() -> None:
    still: Any = Still()
    arrivals, kept = ArrivalQueue(), list[Arrival]()
    partition = ConnectionPartition(
        name="one",
        session=session(),
        connection=still,
        fetcher=still,
        arrivals=arrivals,
        clock=still,
        recorder=kept.append,
        closed=lambda: None,
    )
    live: list[IngestMessage] = []
    events: dict[int, Arrival] = {
        0: Opened(START_MS * NS_PER_MS),
        1000: Closed((START_MS + 1000) * NS_PER_MS, "the line went dead"),
        201_000: Opened((START_MS + 201_000) * NS_PER_MS),
    }
    for passed_ms in range(0, 202_000, 500):
        still.now = START_MS + passed_ms
        if passed_ms in events:
            arrivals.put(events[passed_ms])
        live += partition.next_batch()
    still.now += 1000
    live += partition.next_batch()

    again = session()
    replayed = [
        message
        for one in (*kept, Waited((still.now - 50) * NS_PER_MS))
        for message in drive(again, decode_line(encode_line(one)), "")  # type: ignore[arg-type]  # none of them is a header
    ]
    assert replayed == live
    assert sum(isinstance(message, Heartbeat) and message.symbol == "BTCUSDT" for message in live) == 203
    assert sum(isinstance(one, Waited) for one in kept) == 6
