"""Which part is blamed, and for what."""

from __future__ import annotations

from collections.abc import Sequence

from panel_app.faults import STARTING_MS, Fault, Outage, faults_of
from panel_app.markets import LATE_MS, Market, MarketTracker
from tests.unit.panel_app.records import NOW, THRESHOLDS, heartbeat, metrics

OLD = NOW - LATE_MS - 1


def market(
    *, row_ms: int | None, beat_ms: int | None, row_id: int = 10, beat_id: int = 10, symbol: str = "BTCUSDT"
) -> Market:
    return MarketTracker(symbol, THRESHOLDS).observe(
        None if row_ms is None else metrics(at_ms=row_ms, update_id=row_id),
        None if beat_ms is None else heartbeat(at_ms=beat_ms, update_id=beat_id),
        NOW,
    )


def faults(
    markets: Sequence[Market],
    *,
    started_ms: int = NOW - 3_600_000,
    redis: Outage | None = None,
    database: Outage | None = None,
    unreadable: int = 0,
) -> list[Fault]:
    return list(
        faults_of(
            now_ms=NOW, started_ms=started_ms, markets=markets, redis=redis, database=database, unreadable=unreadable
        )
    )


def test_a_stack_that_works_has_no_fault() -> None:
    assert faults([market(row_ms=NOW - 100, beat_ms=NOW - 900, beat_id=9)]) == []


def test_heartbeats_without_metrics_accuse_the_metrics_job() -> None:
    silent = [market(row_ms=OLD, beat_ms=NOW, beat_id=99), market(row_ms=OLD - 5000, beat_ms=NOW, beat_id=99)]
    [fault] = faults(silent)
    assert (fault.part, fault.effect, fault.since_ms) == ("metrics", "blind", OLD)
    assert fault.title == "Ingest is alive, the metrics job is silent"
    assert "flink" in fault.logs
    assert "ingest" not in fault.logs


def test_metrics_that_never_came_accuse_the_metrics_job_too() -> None:
    [fault] = faults([market(row_ms=None, beat_ms=NOW)])
    assert fault.part == "metrics"


def test_one_symbol_behind_is_no_fault_of_the_job() -> None:
    assert faults([market(row_ms=OLD, beat_ms=NOW, beat_id=99), market(row_ms=NOW, beat_ms=NOW)]) == []


def test_markets_that_are_all_quiet_are_no_fault() -> None:
    assert faults([market(row_ms=NOW - 50_000, beat_ms=NOW), market(row_ms=NOW - 30_000, beat_ms=NOW)]) == []


def test_silence_of_both_accuses_what_comes_before_and_says_since_when() -> None:
    [fault] = faults([market(row_ms=OLD, beat_ms=OLD - 700)])
    assert (fault.part, fault.since_ms) == ("ingest", OLD)
    assert fault.title == "No record arrives"
    assert "ingest" in fault.logs


def test_one_silent_symbol_is_no_fault_of_the_stack() -> None:
    assert faults([market(row_ms=OLD, beat_ms=OLD), market(row_ms=NOW, beat_ms=NOW)]) == []


def test_metrics_without_heartbeats_are_told_apart() -> None:
    [fault] = faults([market(row_ms=NOW, beat_ms=OLD)])
    assert (fault.part, fault.title, fault.since_ms) == ("ingest", "No heartbeat arrives", OLD)


def test_at_the_start_it_waits_before_it_accuses() -> None:
    nothing = [market(row_ms=None, beat_ms=None)]
    assert faults(nothing, started_ms=NOW - LATE_MS) == []
    [waiting] = faults(nothing, started_ms=NOW - LATE_MS - 1)
    assert waiting.effect == "starting"
    [accusing] = faults(nothing, started_ms=NOW - STARTING_MS - 1)
    assert accusing.effect == "blind"


def test_a_redis_that_is_away_is_blamed_alone() -> None:
    [fault] = faults([market(row_ms=OLD, beat_ms=OLD)], redis=Outage(NOW - 3000, "Redis at h:1 does not answer: no."))
    assert (fault.part, fault.effect, fault.since_ms) == ("redis", "blind", NOW - 3000)
    assert "Redis at h:1" in fault.detail


def test_a_missing_database_leaves_the_live_numbers_standing() -> None:
    [fault] = faults([market(row_ms=NOW, beat_ms=NOW)], database=Outage(NOW - 9000, "It does not answer."))
    assert (fault.part, fault.effect) == ("database", "limited")
    assert "live values go on" in fault.detail


def test_unreadable_values_are_counted() -> None:
    [fault] = faults([market(row_ms=NOW, beat_ms=NOW)], unreadable=3)
    assert fault.part == "records"
    assert fault.detail.startswith("3 values")


def test_several_faults_come_the_gravest_first() -> None:
    found = faults([market(row_ms=NOW, beat_ms=NOW)], redis=Outage(NOW, "r"), database=Outage(NOW, "d"))
    assert [fault.part for fault in found] == ["redis", "database"]


def test_without_a_symbol_the_page_waits_for_the_ingest_and_accuses_nothing_else() -> None:
    [waiting] = faults([], started_ms=NOW - STARTING_MS)
    assert (waiting.part, waiting.effect) == ("symbols", "starting")
    assert waiting.title == "Waiting for the ingest to choose its symbols"
    [lasting] = faults([], started_ms=NOW - STARTING_MS - 1)
    assert (lasting.part, lasting.effect) == ("symbols", "blind")
    assert [fault.part for fault in faults([], redis=Outage(NOW, "r"))] == ["redis", "symbols"]
