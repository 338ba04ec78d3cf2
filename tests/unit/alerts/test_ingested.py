"""The alerts over what the ingest itself publishes when its feed breaks, from the exchange's diffs on."""

from __future__ import annotations

from orderbook.alerts import AlertRecord
from orderbook.market import DepthDiff, Snapshot
from orderbook.messages import Book, Heartbeat, IngestMessage
from orderbook.session import IngestSession
from tests.unit.alerts.records import RULES, run

START = 1_000_000


def snapshot(update_id: int) -> Snapshot:
    return Snapshot(last_update_id=update_id, bids=[(10.0, 9.0)], asks=[(11.0, 1.0)])


def diff(update_id: int, at: int) -> DepthDiff:
    return DepthDiff(
        event_time_ms=at, symbol="BTCUSDT", first_update_id=update_id, final_update_id=update_id, bids=[], asks=[]
    )


def records(messages: list[IngestMessage]) -> list[AlertRecord]:
    """What flink/sql/alert_records.sql makes of topic raw."""
    made = []
    for message in messages:
        if not isinstance(message, Book | Heartbeat) or not message.symbol:
            continue
        values: tuple[float | None, ...] = ()
        if isinstance(message, Book):
            bids, asks = sum(message.bid_qty), sum(message.ask_qty)
            known = {"imbalance_ratio": (bids - asks) / (bids + asks)}
            values = tuple(known.get(name) for name in RULES.values)
        reason = message.reason if isinstance(message, Heartbeat) else None
        why = None if message.state == "live" else reason or message.cause or message.state
        cause = None if message.state == "live" else message.cause
        made.append(AlertRecord("test", "BTCUSDT", message.event_time_ms, values, why, cause))
    return made


def test_a_lost_diff_suppresses_at_once_and_is_an_alert_until_the_book_is_back() -> None:
    one = IngestSession(venue="test", symbols=("BTCUSDT",), depth_levels=5)
    one.snapshot("BTCUSDT", snapshot(10), START)
    messages: list[IngestMessage] = []

    def pass_time(first_id: int, begin: int, seconds: int) -> None:
        for tenth in range(10 * seconds):
            at = START + begin + 100 * tenth
            messages.extend(one.advance(at))
            messages.extend(one.event(diff(first_id + tenth, at), at))

    pass_time(11, 0, 5)
    # Update 61 is lost; what follows is buffered until a snapshot covers it, three seconds later.
    pass_time(62, 5000, 3)
    messages.extend(one.snapshot("BTCUSDT", snapshot(91), START + 8000))
    pass_time(92, 8000, 7)

    told = [(a.rule, a.status, a.event_time_ms - START) for a in run(records(messages))]
    # The gap is told with the event time of the last book before it; then a heartbeat a second says how long it lasts.
    [fired] = [time_ms for rule, status, time_ms in told if (rule, status) == ("feed_gap", "FIRING")]
    assert 4900 + 1000 <= fired <= 4900 + 2000
    assert told == [
        ("extreme_imbalance", "FIRING", 3000),
        ("extreme_imbalance", "SUPPRESSED", 4900),
        ("feed_gap", "FIRING", fired),
        ("feed_gap", "RECOVERING", 8000),
        ("extreme_imbalance", "FIRING", 8000),
        ("feed_gap", "RESOLVED", 13_000),
    ]
