"""Snapshots cannot be had, or not the right ones: a book that needs one waits, the others go on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import urllib3

from orderbook.errors import VenueRefused
from orderbook.settings import Settings
from tests.faults.consumer import Consumer
from tests.faults.exchange import Exchange
from tests.faults.outcomes import Outcome
from tests.processes import eventually, running
from tests.servers import free_port

pytestmark = pytest.mark.recovery

VICTIM = "SOLUSDT"

FAULTS: list[dict[str, Any]] = [
    {"kind": "rest_status", "status": 429, "count": 1, "retry_after_s": 3},
    {"kind": "rest_status", "status": 418, "count": 1, "retry_after_s": 4},
    *({"kind": "rest_status", "status": status, "count": 2} for status in (403, 500, 502, 503, 504)),
    {"kind": "slow_rest", "delay_s": 2.0, "duration_s": 1.5},
]


def name_of(fault: dict[str, Any]) -> str:
    return " ".join(str(value) for value in fault.values())


@pytest.mark.parametrize("fault", FAULTS, ids=name_of)
def test_a_book_waits_for_its_snapshot_and_the_others_go_on(exchange: Exchange, fault: dict[str, Any]) -> None:
    spoiled = exchange.inject(**fault)
    injected = exchange.inject(kind="drop_diff", symbol=VICTIM)
    away = exchange.away(VICTIM, injected)
    assert away.causes == ("gap",)
    assert away.recovered_s - away.noticed_s >= fault.get("retry_after_s", 0)
    exchange.books_follow(exchange.symbols, injected)
    exchange.stays_live([symbol for symbol in exchange.symbols if symbol != VICTIM], injected)
    exchange.tell(replace(injected, name=f"{spoiled.name}, with drop_diff"), away)


@pytest.mark.parametrize("age_ms", [1000, 8000])
def test_a_snapshot_older_than_the_stream_is_asked_for_again(exchange: Exchange, age_ms: int) -> None:
    spoiled = exchange.inject(kind="stale_snapshot", symbol=VICTIM, age_ms=age_ms, count=2)
    injected = exchange.inject(kind="drop_diff", symbol=VICTIM)
    away = exchange.away(VICTIM, injected)
    assert away.causes == ("gap",)
    exchange.books_follow(exchange.symbols, injected)
    exchange.stays_live([symbol for symbol in exchange.symbols if symbol != VICTIM], injected)
    exchange.tell(replace(injected, name=f"{spoiled.name}, with drop_diff"), away)


def test_a_delisted_symbol_is_told_from_a_silent_one(exchange: Exchange) -> None:
    victim = "ADAUSDT"
    injected = exchange.inject(kind="delist", symbol=victim)
    position = injected.position
    reason = eventually(
        lambda: next(
            (beat.reason for beat in exchange.consumer.beats(victim, position) if beat.cause == "status"), None
        ),
        90.0,
    )
    assert reason == f"the exchange lists {victim} as BREAK"
    exchange.inject(kind="relist", symbol=victim)
    away = exchange.away(victim, injected)
    assert away.causes[:2] == ("stale", "status")
    exchange.books_follow(exchange.symbols, injected)
    exchange.stays_live([symbol for symbol in exchange.symbols if symbol != victim], injected)
    exchange.tell(replace(injected, name="delist, then relist"), away)


def test_an_exchange_that_does_not_serve_this_region_ends_the_source_with_the_reason(
    tmp_path: Path, outcomes: list[Outcome]
) -> None:
    settings = Settings(
        symbols=("BTCUSDT", "ETHUSDT"), feed="simulator", simulator_port=free_port(), state_dir=tmp_path / "state"
    )
    consumer = Consumer(settings)
    with running(settings, ["connectors.simulator"], tmp_path), consumer.running():
        eventually(lambda: consumer.newest("BTCUSDT"), 30.0)
        for fault in (
            {"kind": "rest_status", "status": 451, "duration_s": 30.0},
            {"kind": "drop_diff", "symbol": "BTCUSDT"},
        ):
            answer = urllib3.request("POST", f"http://{settings.simulator_address}/simulator/fault", json=fault)
            assert answer.status == 202
        failed = eventually(lambda: consumer.failed, 30.0)
    assert isinstance(failed, VenueRefused)
    assert "HTTP 451" in str(failed)
    outcomes.append(Outcome("rest_status status=451", "the source ends: VenueRefused", None, None, "ended too"))
