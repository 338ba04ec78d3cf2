"""The event patterns on a real broker: against plain Python on planted markets and recordings, over kill -9."""

from __future__ import annotations

import hashlib
import signal
from collections import Counter
from pathlib import Path

import pytest

from connectors.simulator.scenes import Calm, Ignition, Scene, Spoof, Vacuum
from flink.patterns import PATTERNS
from local_stack.kafka import EmbeddedKafka
from orderbook.messages import Alert, Book, Trade, decode_alert, encode
from orderbook.topics import partition_of, uncovered_partitions
from tests import staged_market
from tests.component.flink import market, planted, recorded
from tests.component.flink.job import FINISH_WITHIN_S, START_WITHIN_S, Job
from tests.component.flink.market import PARTITIONS, Record, heartbeat
from tests.pattern_oracle import Match, Message, large_orders_gone, matches, seen_lately
from tests.processes import wait_until

pytestmark = [pytest.mark.component, pytest.mark.pipeline, pytest.mark.timeout(1200)]

DEPTH = 10
SETTINGS = {"CALCULATE_DEPTH": str(DEPTH), "DEPTH_LEVELS": "20"}
RECORDED_WITHIN_S = 600.0

Lives = dict[str, list[Message]]


def lives_of_planted() -> Lives:
    """The planted and the staged markets, and the job's own, whose pressure and spread swing at random."""
    lives: Lives = {tape.symbol: list(tape.messages) for tape in planted.tapes()[0]}
    for played in (staged(), spoofed()):
        lives[played[0].symbol] = played
    for record in market.records():
        if record.message is not None and not isinstance(record.message, Trade) and record.message.symbol:
            lives.setdefault(record.message.symbol, []).append(record.message)
    return lives


def staged() -> list[Message]:
    """A simulated market: calm, then a vacuum, a calm, and a run of the price."""
    symbol = "ETHUSDC"
    scenes: list[tuple[float, Scene]] = [
        (1.0, Calm(symbol=symbol, duration_s=20)),
        (21.5, Vacuum(symbol=symbol)),
        (24.0, Calm(symbol=symbol, duration_s=5)),
        (26.5, Ignition(symbol=symbol, side="ask")),
        (32.0, Calm(symbol=symbol, duration_s=20)),
    ]
    return list(staged_market.books(symbol, scenes, opens_at_ms=market.BEGIN_MS, duration_s=40.0))


def spoofed() -> list[Message]:
    """A simulated market in which a large order is shown for a moment."""
    scene = Spoof(symbol="BNBUSDC", side="ask")
    return list(staged_market.books("BNBUSDC", [(25.0, scene)], opens_at_ms=market.BEGIN_MS, duration_s=35.0))


def produced(lives: Lives) -> list[Record]:
    """The records of all symbols and partitions in the order of their times, with heartbeats to a common end."""
    begin_ms = min(messages[0].event_time_ms for messages in lives.values())
    end_ms = max(messages[-1].event_time_ms for messages in lives.values()) + 5000
    streams: dict[tuple[str, int], list[Message]] = {}
    for symbol, messages in lives.items():
        beats = range(messages[-1].event_time_ms + 1000, end_ms + 1000, 1000)
        streams[symbol, partition_of(symbol, PARTITIONS)] = [*messages, *(heartbeat(symbol, beat) for beat in beats)]
    for partition in uncovered_partitions(tuple(lives), PARTITIONS):
        streams["", partition] = [heartbeat("", beat) for beat in range(begin_ms, end_ms + 1000, 1000)]
    merged = sorted(
        ((m.event_time_ms, stream, i, m) for stream, messages in streams.items() for i, m in enumerate(messages)),
        key=lambda entry: entry[:3],
    )
    records = [
        (time_ms, Record(partition, key, encode(message), message)) for time_ms, (key, partition), _, message in merged
    ]
    # Nothing is traded: what moves the event time of topic trades are the heartbeats that the ingest writes there too.
    for beat in range(begin_ms, end_ms + 1000, 1000):
        clock = encode(heartbeat("", beat))
        records += [(beat, Record(partition, "", clock, None, "trades")) for partition in range(PARTITIONS)]
    return [record for _, record in sorted(records, key=lambda timed: timed[0])]


def found(job: Job) -> list[Alert]:
    """What the patterns wrote so far, each alert once; what came twice came alike."""
    alerts = [decode_alert(value) for _, _, value in job.written(job.topics.alerts)]
    unique: dict[str, Alert] = {}
    for alert in alerts:
        if alert.rule in PATTERNS:
            assert unique.setdefault(alert.alert_id, alert) == alert
    return list(unique.values())


def all_found(job: Job, lives: Lives, within_s: float) -> list[Alert]:
    """What the patterns found, once the job has gone through all records."""
    ends = {
        symbol: max(m.event_time_ms for m in messages if isinstance(m, Book) and m.state == "live")
        for symbol, messages in lives.items()
    }
    end_s = max(ends.values()) // 1000
    last = {symbol for symbol, end_ms in ends.items() if end_ms // 1000 == end_s}

    def through() -> bool:
        # The last second's window closes by the same watermark that completes the last match.
        keys = {
            key
            for key, _, value in job.written(job.topics.processed)
            if f'"window_start_ms":{end_s}000' in value.decode()
        }
        return keys >= last

    wait_until(through, within_s, f"windows of second {end_s} written by {job.log}")
    expected = sum(len(matches(messages, depth=DEPTH)) for messages in lives.values())
    wait_until(lambda: len(found(job)) >= expected, FINISH_WITHIN_S, f"{expected} matches written by {job.log}")
    return found(job)


def complete(job: Job) -> set[str]:
    """The names of the complete checkpoints; the oldest of them go."""
    return {file.parent.name for file in (job.folder / "state" / "flink").glob("*/*/chk-*/_metadata")}


def as_matches(alerts: list[Alert]) -> list[Match]:
    return sorted(
        Match(a.rule, a.symbol, a.side or "", a.onset_time_ms, a.event_time_ms, a.value, a.peak) for a in alerts
    )


def assert_same(alerts: list[Alert], wanted: list[Match]) -> None:
    """Equal matches; measured values to 1e-9."""
    got = as_matches(alerts)
    assert [one_id(match) for match in got] == [one_id(match) for match in wanted]
    for ours, theirs in zip(got, wanted, strict=True):
        assert (ours.value, ours.peak) == pytest.approx((theirs.value, theirs.peak), rel=1e-9)


def one_id(match: Match) -> tuple[str, str, str, int, int]:
    return match.rule, match.symbol, match.side, match.onset_ms, match.end_ms


def of_lives(lives: Lives) -> list[Match]:
    return sorted(match for messages in lives.values() for match in matches(messages, depth=DEPTH))


@pytest.fixture(scope="module")
def planted_run(kafka_server: EmbeddedKafka, tmp_path_factory: pytest.TempPathFactory) -> tuple[Lives, list[Alert]]:
    """The planted markets at parallelism 1, without a disturbance."""
    lives = lives_of_planted()
    job = Job(kafka_server.bootstrap_servers, tmp_path_factory.mktemp("planted"), parallelism=1, settings=SETTINGS)
    job.produce(produced(lives))
    job.start()
    alerts = all_found(job, lives, FINISH_WITHIN_S)
    assert job.end(signal.SIGTERM) == 0, job.log.read_text(errors="replace")[-3000:]
    return lives, alerts


def test_planted_patterns_are_found_at_their_times_and_near_misses_are_not(
    planted_run: tuple[Lives, list[Alert]],
) -> None:
    tapes, wanted = planted.tapes()
    symbols = {tape.symbol for tape in tapes}
    assert_same([alert for alert in planted_run[1] if alert.symbol in symbols], wanted)
    assert {match.rule for match in wanted} == set(PATTERNS)


def test_staged_scenes_are_found_at_their_times_and_the_calm_holds_nothing(
    planted_run: tuple[Lives, list[Alert]],
) -> None:
    begin_ms = market.BEGIN_MS
    seen = [
        (a.rule, a.side, (a.onset_time_ms - begin_ms) // 1000, (a.event_time_ms - begin_ms) // 1000)
        for a in planted_run[1]
        if a.symbol == "ETHUSDC" and a.event_time_ms > begin_ms + 1500
    ]
    assert sorted(seen, key=lambda row: row[2:]) == [
        # 0.55 s after the scene begins depth is pulled, for a second; and the price runs for two seconds.
        ("liquidity_vacuum", "ask", 22, 22),
        ("spread_shock", None, 22, 23),
        ("momentum_ignition", "ask", 28, 30),
    ]


def test_a_staged_spoof_is_found_at_its_time(planted_run: tuple[Lives, list[Alert]]) -> None:
    (alert,) = [
        a
        for a in planted_run[1]
        if (a.symbol, a.rule) == ("BNBUSDC", "spoof_like") and a.onset_time_ms > market.BEGIN_MS + 25_000
    ]
    # 0.55 s after the scene begins the order is shown, for 1.5 s.
    times_s = [(time_ms - market.BEGIN_MS) / 1000 for time_ms in (alert.onset_time_ms, alert.event_time_ms)]
    assert alert.side == "ask"
    assert times_s == pytest.approx([25.6, 27.1], abs=0.1)


def test_a_spoof_like_alert_tells_how_often_its_control_was_seen(planted_run: tuple[Lives, list[Alert]]) -> None:
    lives, alerts = planted_run
    spoofs = [alert for alert in alerts if alert.rule == "spoof_like"]
    for alert in spoofs:
        seen, control = seen_lately(large_orders_gone(lives[alert.symbol], depth=DEPTH), alert.event_time_ms)
        assert alert.reason == f"seen {seen} times in the last hour, its control {control}"
    assert {alert.reason for alert in spoofs if alert.symbol == "SPOOFUSDT"} == {
        "seen 1 times in the last hour, its control 0",
        "seen 2 times in the last hour, its control 1",
        "seen 3 times in the last hour, its control 2",
    }


def test_a_random_market_holds_the_matches_that_the_sketches_say(planted_run: tuple[Lives, list[Alert]]) -> None:
    lives, alerts = planted_run
    assert_same(alerts, of_lives(lives))


def test_a_match_is_an_alert_with_an_id_of_its_own_making(planted_run: tuple[Lives, list[Alert]]) -> None:
    for alert in planted_run[1]:
        assert (alert.status, alert.step, alert.venue) == ("MATCHED", 0, "simulator")
        assert (alert.reason is not None) is (alert.rule == "spoof_like")
        key = f"simulator|{alert.symbol}|{alert.rule}|{alert.side or ''}|{alert.onset_time_ms}"
        assert alert.alert_id == hashlib.md5(key.encode(), usedforsecurity=False).hexdigest()
        assert alert.peak >= alert.value


@pytest.mark.recovery
def test_after_kill_9_at_another_parallelism_the_matches_are_the_same(
    planted_run: tuple[Lives, list[Alert]], kafka_server: EmbeddedKafka, tmp_path: Path
) -> None:
    lives, calm = planted_run
    records = produced(lives)
    job = Job(kafka_server.bootstrap_servers, tmp_path, parallelism=2, settings=SETTINGS)
    # In the middle of the planted stretches: partial matches are in the checkpoint.
    middle = next(
        i for i, record in enumerate(records) if (m := record.message) and m.event_time_ms > market.BEGIN_MS + 13_300
    )
    job.start()
    job.produce(records[:middle])
    wait_until(lambda: len(job.written(job.topics.processed)) > 10, FINISH_WITHIN_S, "windows are written")
    before = complete(job)
    # Two more: the first may have begun before the records were read.
    wait_until(lambda: len(complete(job) - before) >= 2, START_WITHIN_S, "checkpoints are complete")
    assert job.end(signal.SIGKILL) == -signal.SIGKILL
    wait_until(lambda: not job.survivors(), 30, "the JVM ends with its parent")
    job.produce(records[middle:])
    job.start()
    assert "resumed_from=chk-" in job.log.read_text()
    alerts = all_found(job, lives, FINISH_WITHIN_S)
    assert job.end(signal.SIGINT) == 0
    assert as_matches(alerts) == as_matches(calm)


def test_the_recordings_hold_the_matches_that_the_sketches_say(kafka_server: EmbeddedKafka, tmp_path: Path) -> None:
    """The counts of docs/patterns.md."""
    lives: Lives = {symbol: recorded.messages(symbol) for symbol in recorded.RECORDED}
    job = Job(kafka_server.bootstrap_servers, tmp_path, parallelism=2, settings=SETTINGS)
    job.produce(produced(lives))
    job.start()
    alerts = all_found(job, lives, RECORDED_WITHIN_S)
    assert job.end(signal.SIGTERM) == 0
    assert_same(alerts, of_lives(lives))
    counts = Counter((alert.rule, alert.symbol) for alert in alerts)
    assert {rule: tuple(counts[rule, symbol] for symbol in recorded.RECORDED) for rule in PATTERNS} == {
        "sustained_pressure": (13, 3, 5),
        "flip_flop": (11, 5, 10),
        "liquidity_vacuum": (1, 0, 2),
        "spread_shock": (2, 0, 4),
        "momentum_ignition": (19, 31, 12),
        "quote_stuffing": (0, 0, 0),
        "spoof_like": (11, 12, 12),
    }
    controls = tuple(
        sum(one.same for one in large_orders_gone(lives[symbol], depth=DEPTH)) for symbol in recorded.RECORDED
    )
    assert controls == (9, 12, 14)
