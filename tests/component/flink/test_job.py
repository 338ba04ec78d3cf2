"""The job on a real broker: against polars, against the alerts' own rule, over kill -9, and at two parallelisms."""

from __future__ import annotations

import dataclasses
import math
import signal
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flink.patterns import PATTERNS
from local_stack.kafka import EmbeddedKafka
from orderbook.alerts import AlertRecord, SymbolAlerts, observe
from orderbook.messages import Alert, Metrics, Window, decode_alert, decode_metrics, decode_window
from orderbook.metrics import WINDOW_COLUMNS
from orderbook.settings import Settings
from runtime.alert_rules import rules_in_force
from tests.component.flink import oracle
from tests.component.flink.job import FINISH_WITHIN_S, RULES_FILE, START_WITHIN_S, Job
from tests.component.flink.market import QUIET, Record, records
from tests.processes import wait_until
from tests.servers import broker_jars, free_port, start, stop

pytestmark = [pytest.mark.component, pytest.mark.pipeline, pytest.mark.timeout(1200)]

OUTAGE_S = 60.0
SILENT_S = 32.0
"""Longer than Kafka's clients wait for an answer."""

Outputs = dict[str, list[tuple[str, int, bytes]]]


@dataclasses.dataclass(frozen=True, slots=True)
class Expected:
    """What the market means, without the job."""

    records: list[Record]
    metrics: pl.DataFrame
    windows: pl.DataFrame
    alerts: list[Alert]


@pytest.fixture(scope="module")
def expected() -> Expected:
    market = records()
    metrics = oracle.metrics(market)
    rules = rules_in_force(Settings(_env_file=None, alert_rules_file=RULES_FILE))
    standing: dict[str, SymbolAlerts] = defaultdict(SymbolAlerts)
    alerts: list[Alert] = []
    for moment in oracle.moments(market, metrics):
        values = tuple(moment.values[name] for name in rules.values) if moment.values else ()
        told = (moment.event_time_ms, values, moment.untrusted, moment.cause)
        record = AlertRecord("simulator", moment.symbol, *told)
        standing[moment.symbol], steps = observe(standing[moment.symbol], record, rules)
        alerts += steps
    return Expected(market, metrics, oracle.windows(market, metrics), alerts)


@pytest.fixture(scope="module")
def undisturbed(
    kafka_server: EmbeddedKafka, expected: Expected, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Job, Outputs]:
    """The job at parallelism 1, and all that it wrote about the market; ended with SIGTERM."""
    job = Job(kafka_server.bootstrap_servers, tmp_path_factory.mktemp("flink"), parallelism=1)
    # What was there before the job is read too.
    job.produce(expected.records[:400])
    job.start()
    job.produce(expected.records[400:])
    outputs = finished(job, expected)
    assert job.end(signal.SIGTERM) == 0, job.log.read_text(errors="replace")[-3000:]
    return job, outputs


def finished(job: Job, expected: Expected) -> Outputs:
    """All that the job wrote, once it wrote as many different windows, metrics and steps as there should be."""
    outputs: Outputs = {}
    wanted = {"metrics": len(expected.metrics), "processed": len(expected.windows), "alerts": len(expected.alerts)}

    def complete() -> bool:
        for name in wanted:
            outputs[name] = job.written(getattr(job.topics, name))
        # What the patterns find comes beside the episodes: test_patterns.py.
        outputs["alerts"] = [row for row in outputs["alerts"] if decode_alert(row[2]).rule not in PATTERNS]
        return all(len(set(outputs[name])) >= count for name, count in wanted.items())

    wait_until(complete, FINISH_WITHIN_S, f"{wanted} written by {job.log}")
    return outputs


def frame(messages: list[dict[str, Any]], like: pl.DataFrame) -> pl.DataFrame:
    return pl.DataFrame(messages, schema={name: like.schema[name] for name in messages[0]}, orient="row")


def metrics_of(outputs: Outputs) -> list[Metrics]:
    return [decode_metrics(value) for _, _, value in outputs["metrics"]]


def windows_of(outputs: Outputs) -> list[Window]:
    return [decode_window(value) for _, _, value in outputs["processed"]]


def alerts_of(outputs: Outputs) -> list[Alert]:
    return [decode_alert(value) for _, _, value in outputs["alerts"]]


def test_metrics_equal_the_definitions(undisturbed: tuple[Job, Outputs], expected: Expected) -> None:
    written = [msgspec.structs.asdict(row) for row in metrics_of(undisturbed[1])]
    for row in written:
        assert row.pop("schema_version") == 1
    got = frame(written, expected.metrics)
    wanted = expected.metrics.select(got.columns)
    assert got["best_bid"].null_count() > 0, "the market has one-sided books"
    for fitted in ("microprice", "integrated_ofi"):
        of_symbols = {symbol for (symbol,), rows in got.group_by("symbol") if rows[fitted].drop_nulls().len()}
        assert {"BTCUSDT", "ETHUSDT"} <= of_symbols, "the market has symbols with a table"
        assert "SOLUSDT" not in of_symbols, "and one whose table is another venue's"
    # Within a symbol in the order of the topic; the symbols among each other as they come.
    for symbol in expected.metrics["symbol"].unique():
        of_symbol = pl.col("symbol") == symbol
        assert_frame_equal(got.filter(of_symbol), wanted.filter(of_symbol), rel_tol=1e-9, abs_tol=1e-12)
    assert len(got) == len(wanted)


def test_windows_equal_the_definitions(undisturbed: tuple[Job, Outputs], expected: Expected) -> None:
    written = []
    for window in windows_of(undisturbed[1]):
        fields = {name: getattr(window, name) for name in window.__struct_fields__ if name != "values"}
        assert fields.pop("schema_version") == 1
        assert fields.pop("venue") == "simulator"
        written.append(fields | dict(zip(WINDOW_COLUMNS, window.values, strict=True)))
    got = frame(written, expected.windows).sort("symbol", "window_ms", "window_start_ms")
    wanted = expected.windows.select(got.columns).sort("symbol", "window_ms", "window_start_ms")
    assert_frame_equal(got, wanted, rel_tol=1e-9, abs_tol=1e-12)
    assert wanted["window_ms"].unique().sort().to_list() == [1000, 10_000, 60_000]
    for name in ("vpin", "spread_zscore", "microprice_close"):
        assert 0 < wanted[name].null_count() < wanted.height, name
    doubted = wanted.filter(pl.col("trusted_ms") < pl.col("window_ms"))
    assert 0 < doubted.filter(window_ms=1000).height < wanted.filter(window_ms=1000).height


def test_alerts_equal_the_rule_over_every_record(undisturbed: tuple[Job, Outputs], expected: Expected) -> None:
    assert_same_alerts(alerts_of(undisturbed[1]), expected.alerts)
    told = {(alert.rule, alert.status) for alert in expected.alerts}
    assert told >= {
        ("extreme_imbalance", "FIRING"),
        ("extreme_imbalance", "RESOLVED"),
        ("extreme_imbalance", "SUPPRESSED"),
        ("liquidity_drop", "FIRING"),
        ("feed_gap", "FIRING"),
        ("feed_gap", "RESOLVED"),
        ("thin_touch", "FIRING"),
        ("spread_widening", "FIRING"),
    }, "the market makes every kind of step"
    of_file = {(alert.symbol, alert.severity) for alert in expected.alerts if alert.rule == "weighted_pressure"}
    assert of_file >= {("BTCUSDT", "medium"), ("ETHUSDT", "high")}
    assert of_file.isdisjoint({("SOLUSDT", "medium"), ("BTCUSDT", "high")}), "by symbol"
    quiet = [a.status for a in expected.alerts if (a.symbol, a.rule) == (QUIET, "extreme_imbalance")]
    assert quiet == ["FIRING", "RECOVERING", "RESOLVED"], "heartbeats alone fire and resolve"


def test_python_in_a_process_of_its_own_tells_the_same(
    kafka_server: EmbeddedKafka, expected: Expected, tmp_path: Path
) -> None:
    """As it runs where Python has no shared library."""
    job = Job(kafka_server.bootstrap_servers, tmp_path, parallelism=2, settings={"FLINK_PYTHON": "process"})
    job.produce(expected.records)
    job.start()
    outputs = finished(job, expected)
    assert job.end(signal.SIGTERM) == 0
    assert "python=process" in job.log.read_text()
    assert_same_alerts(alerts_of(outputs), expected.alerts)


def assert_same_alerts(got: list[Alert], wanted: list[Alert]) -> None:
    """Equal steps in equal order for each symbol; measured values to 1e-9."""
    for symbol in {alert.symbol for alert in wanted}:
        ours = [alert for alert in got if alert.symbol == symbol]
        theirs = [alert for alert in wanted if alert.symbol == symbol]
        assert [(a.alert_id, a.step, a.status) for a in ours] == [(a.alert_id, a.step, a.status) for a in theirs]
        for our, their in zip(ours, theirs, strict=True):
            assert (our.value, our.peak) == pytest.approx((their.value, their.peak), rel=1e-9)
            assert context_of(our) == pytest.approx(context_of(their), rel=1e-9, nan_ok=True)
            assert without_numbers(our) == without_numbers(their)
    assert len(got) == len(wanted)


def without_numbers(alert: Alert) -> Alert:
    return msgspec.structs.replace(alert, value=0, peak=0, context=None)


def context_of(alert: Alert) -> dict[str, float]:
    """What the alert tells of its onset, flat; NaN where a value is undefined."""
    context = msgspec.json.decode(alert.context or "{}")
    before = context.pop("before", {})
    told = context | {f"before_{name}": value for name, value in before.items()}
    return {name: math.nan if value is None else value for name, value in told.items()}


def test_a_symbol_keeps_to_one_partition_of_each_topic(undisturbed: tuple[Job, Outputs]) -> None:
    for rows in undisturbed[1].values():
        partitions = defaultdict(set)
        for key, partition, value in rows:
            partitions[key].add(partition)
            assert msgspec.json.decode(value)["symbol"] == key
        assert {key: len(found) for key, found in partitions.items()} == dict.fromkeys(partitions, 1)


def test_the_end_leaves_no_process(undisturbed: tuple[Job, Outputs]) -> None:
    job, _ = undisturbed
    assert job.family, "the job has a JVM"
    wait_until(lambda: not job.survivors(), 20, f"{job.survivors()} end")


@pytest.mark.recovery
def test_after_kill_9_at_another_parallelism_the_output_is_the_same(
    undisturbed: tuple[Job, Outputs], kafka_server: EmbeddedKafka, expected: Expected, tmp_path: Path
) -> None:
    job = Job(kafka_server.bootstrap_servers, tmp_path, parallelism=2)
    half = len(expected.records) // 2
    job.start()
    job.produce(expected.records[:half])
    wait_until(lambda: len(job.written(job.topics.processed)) > 10, FINISH_WITHIN_S, "windows are written")
    before = job.checkpoints()
    wait_until(lambda: job.checkpoints() > before, START_WITHIN_S, "a checkpoint is complete")
    assert job.end(signal.SIGKILL) == -signal.SIGKILL
    wait_until(lambda: not job.survivors(), 30, "the JVM ends with its parent")
    job.produce(expected.records[half:])
    job.start()
    assert "resumed_from=chk-" in job.log.read_text()
    outputs = finished(job, expected)
    assert job.end(signal.SIGINT) == 0

    assert_same_output(outputs, undisturbed[1])


@pytest.mark.recovery
def test_a_minute_without_the_broker_loses_nothing_and_restarts_nothing(
    undisturbed: tuple[Job, Outputs], expected: Expected, tmp_path: Path
) -> None:
    """For half a minute it holds its connections and is silent, for the other half they are refused."""
    server = EmbeddedKafka("127.0.0.1", free_port(), free_port(), folder=tmp_path / "kafka", jars=broker_jars())
    log = tmp_path / "kafka.log"
    broker = start(server, log)
    try:
        job = Job(server.bootstrap_servers, tmp_path, parallelism=1)
        job.start()
        third = len(expected.records) // 3
        job.produce(expected.records[:third])
        wait_until(lambda: job.count(job.topics.processed) > 10, FINISH_WITHIN_S, "windows are written")
        with ThreadPoolExecutor(1) as pool:
            # The job is at work on these when the broker stops, and the rest comes meanwhile.
            job.produce(expected.records[third : 2 * third])
            broker.send_signal(signal.SIGSTOP)
            waiting = pool.submit(job.produce, expected.records[2 * third :], within_s=240.0)
            time.sleep(SILENT_S)
            broker.kill()
            broker.wait()
            time.sleep(OUTAGE_S - SILENT_S)
            broker = start(server, log)
            waiting.result()
        outputs = finished(job, expected)
        restarts = [line for line in job.jvm_log().splitlines() if "RUNNING to RESTARTING" in line]
        assert job.end(signal.SIGTERM) == 0
    finally:
        stop(server, broker)
    assert restarts == []
    assert_same_output(outputs, undisturbed[1])


def assert_same_output(outputs: Outputs, calm: Outputs) -> None:
    """The same rows, each once by its key."""
    assert once(windows_of(outputs)) == once(windows_of(calm))
    assert once(metrics_of(outputs)) == once(metrics_of(calm))
    steps = {(alert.alert_id, alert.step): alert for alert in alerts_of(outputs)}
    assert steps == {(alert.alert_id, alert.step): alert for alert in alerts_of(calm)}


def once(rows: list[Any]) -> dict[tuple[Any, ...], Any]:
    """The rows by their key; a row that came twice came with the same content both times."""
    unique: dict[tuple[Any, ...], Any] = {}
    for row in rows:
        key = (row.symbol, *((row.update_id,) if isinstance(row, Metrics) else (row.window_ms, row.window_start_ms)))
        assert unique.setdefault(key, row) == row
    return unique
