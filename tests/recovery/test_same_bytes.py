"""The same records make the same bytes, whatever happens to the job that reads them."""

from __future__ import annotations

import hashlib
import signal
from collections import Counter
from dataclasses import replace

import msgspec
import pytest

from local_stack.kafka import EmbeddedKafka
from orderbook.messages import Heartbeat, Trade, encode
from orderbook.topics import partition_of, uncovered_partitions
from tests.component.flink import recorded
from tests.component.flink.job import START_WITHIN_S, Job
from tests.component.flink.market import PARTITIONS, Record, heartbeat
from tests.processes import wait_until

pytestmark = [pytest.mark.recovery, pytest.mark.timeout(900)]

SETTINGS = {"CALCULATE_DEPTH": "10", "DEPTH_LEVELS": "20", "SPREAD_BASELINE_UPDATES": "600", "FITTED_FILE": ""}
SECONDS = 400
"""Of the recordings: across midnight UTC, and beyond the end of the one of futures."""
CLOSE_ALL_MS = 61_501
BATCH = 1000
KEYS = {
    "metrics": ("symbol", "update_id"),
    "processed": ("symbol", "window_ms", "window_start_ms"),
    "alerts": ("symbol", "alert_id", "step"),
}
"""What a row of each output is known by in the stores."""

Rows = dict[str, dict[tuple[str | int, ...], bytes]]


@pytest.fixture(scope="module")
def recordings() -> list[Record]:
    """Spot BTC and ETH and USD-M BTC of the same minutes, as the ingest writes them, each partition in its order.

    The heartbeats at the end close the last minute.
    """
    whole = {symbol: recorded.ingested(symbol, 0) for symbol in recorded.RECORDED}
    begin_ms = min(messages[0].event_time_ms for messages in whole.values())
    end_ms = begin_ms + SECONDS * 1000
    lives = {symbol: [m for m in messages if m.event_time_ms < end_ms] for symbol, messages in whole.items()}
    timed: list[tuple[int, Record]] = []
    for symbol, messages in lives.items():
        newest_ms = 0
        for message in [*messages, heartbeat(symbol, end_ms + CLOSE_ALL_MS)]:
            newest_ms = max(newest_ms, message.event_time_ms)
            timed += [(newest_ms, record) for record in as_records(message, partition_of(symbol, PARTITIONS))]
    for partition in uncovered_partitions(tuple(lives), PARTITIONS):
        for time_ms in range(begin_ms, end_ms + CLOSE_ALL_MS + 1000, 1000):
            timed += [(time_ms, record) for record in as_records(heartbeat("", time_ms), partition)]
    return [record for _, record in sorted(timed, key=lambda one: one[0])]


def as_records(message: recorded.Message, partition: int) -> list[Record]:
    """A message's record; a heartbeat is on both topics."""
    value = encode(message)
    record = Record(partition, message.symbol, value, None, "trades" if isinstance(message, Trade) else "raw")
    return [record, replace(record, topic="trades")] if isinstance(message, Heartbeat) else [record]


def rows_of(job: Job) -> Rows:
    """All that the job wrote, each row once by its key; what came twice came in the same bytes."""
    rows: Rows = {}
    for output, names in KEYS.items():
        unique = rows[output] = {}
        for _, _, value in job.written(getattr(job.topics, output)):
            row = msgspec.json.decode(value)
            key = tuple(row[name] for name in names)
            assert unique.setdefault(key, value) == value, f"{output} {key} has two values"
    return rows


def sums(rows: Rows) -> dict[str, str]:
    """The SHA-256 of each output's values in the order of their keys."""
    return {
        output: hashlib.sha256(b"\n".join(value for _, value in sorted(unique.items()))).hexdigest()
        for output, unique in rows.items()
    }


def differences(rows: Rows, calm: Rows) -> dict[str, list[tuple[bytes | None, bytes | None]]]:
    """The first rows that differ, by output."""
    return {
        output: [
            (rows[output].get(key), calm[output].get(key))
            for key in sorted(rows[output].keys() | calm[output].keys())
            if rows[output].get(key) != calm[output].get(key)
        ][:3]
        for output in KEYS
    }


@pytest.fixture(scope="module")
def runs(
    recordings: list[Record], kafka_server: EmbeddedKafka, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Rows]:
    """What jobs make of the same records, each on topics of its own; two of them start at a time."""

    def new_job(name: str, parallelism: int) -> Job:
        folder = tmp_path_factory.mktemp(name)
        return Job(kafka_server.bootstrap_servers, folder, parallelism=parallelism, settings=SETTINGS)

    calm, wide = new_job("calm", 1), new_job("wide", 4)
    for job in (calm, wide):
        job.produce(recordings)
        job.launch()
    rows = {name: finished(job) for name, job in (("calm", calm), ("wide", wide))}

    killed, paced = new_job("killed", 4), new_job("paced", 1)
    for job in (killed, paced):
        job.launch()
    killed.wait_for_start()
    killed.produce(recordings[: len(recordings) // 3])
    kill_amid(killed, recordings[len(recordings) // 3 : 2 * len(recordings) // 3])
    killed.produce(recordings[2 * len(recordings) // 3 :])
    killed.launch()
    paced.wait_for_start()
    produce_slowly(paced, recordings)
    rows |= {name: finished(job) for name, job in (("killed", killed), ("paced", paced))}
    assert "resumed_from=chk-" in killed.log.read_text()
    return rows


def finished(job: Job) -> Rows:
    """Let the job come to the end of the records, end it, and return what it wrote."""
    job.wait_for_start()
    job.settle()
    assert job.end(signal.SIGTERM) == 0
    return rows_of(job)


def kill_amid(job: Job, more: list[Record]) -> None:
    """kill -9 the job when it has written windows after a checkpoint that holds others."""
    processed = job.topics.processed
    wait_until(lambda: job.count(processed) > 100, START_WITHIN_S, "windows are written")
    before = job.newest_checkpoint()
    wait_until(lambda: job.newest_checkpoint() > before, START_WITHIN_S, "a checkpoint holds them")
    written = job.count(processed)
    job.produce(more)
    wait_until(lambda: job.count(processed) > written, START_WITHIN_S, "more windows are written")
    job.kill()


def produce_slowly(job: Job, records: list[Record]) -> None:
    """Batch by batch, each after the one before is on the broker, and trades a batch after the books of their time."""
    waiting: list[Record] = []
    for begin in range(0, len(records), BATCH):
        part = records[begin : begin + BATCH]
        job.produce([record for record in part if record.topic == "raw"] + waiting)
        waiting = [record for record in part if record.topic == "trades"]
    job.produce(waiting)


def test_the_recordings_make_every_window_and_many_alerts(runs: dict[str, Rows], recordings: list[Record]) -> None:
    calm = runs["calm"]
    books = [row for record in recordings if (row := msgspec.json.decode(record.value))["type"] == "book"]
    assert calm["metrics"].keys() == {(book["symbol"], book["update_id"]) for book in books}
    assert calm["processed"].keys() == {
        (book["symbol"], window_ms, book["event_time_ms"] // window_ms * window_ms)
        for book in books
        for window_ms in (1000, 10_000, 60_000)
    }
    assert len(calm["processed"]) > 1000
    steps = Counter(msgspec.json.decode(value)["status"] for value in calm["alerts"].values())
    assert min(steps["FIRING"], steps["RESOLVED"], steps["MATCHED"]) >= 12, steps


@pytest.mark.parametrize("disturbed", ["wide", "killed", "paced"])
def test_every_row_is_the_same_to_the_byte(runs: dict[str, Rows], disturbed: str) -> None:
    """At parallelism 4; after kill -9 there; and when the records come slowly. The others read them flat out."""
    assert sums(runs[disturbed]) == sums(runs["calm"]), differences(runs[disturbed], runs["calm"])
