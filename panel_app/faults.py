"""Which part of the stack is down or silent, since when, and which log tells more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from panel_app.markets import LATE_MS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from panel_app.markets import Market

Effect = Literal["blind", "limited", "starting"]


@dataclass(frozen=True, slots=True)
class Outage:
    """A server that does not answer: since when (milliseconds), and its error in one sentence."""

    since_ms: int
    error: str


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with the stack, for a person.

    `effect`: blind, no live number can be believed; limited, live numbers go on and something else is missing;
    starting, nothing has come yet. `part` names it for programs. `logs` are the processes whose logs tell more.
    """

    part: Literal["redis", "symbols", "ingest", "metrics", "database", "records"]
    effect: Effect
    title: str
    detail: str
    since_ms: int
    logs: tuple[str, ...]


STARTING_MS: Final = 60_000
"""How long after its own start the dashboard calls missing records a start-up rather than a fault."""


def faults_of(
    *,
    now_ms: int,
    started_ms: int,
    markets: Sequence[Market],
    redis: Outage | None,
    database: Outage | None,
    unreadable: int,
) -> tuple[Fault, ...]:
    """Every fault at `now_ms`, the gravest first. `unreadable` counts values in Redis that cannot be read."""
    faults: list[Fault] = []
    if redis is not None:
        faults.append(
            Fault(
                "redis",
                "blind",
                "Redis is unreachable",
                f"Live values have stopped: what is still on the page is from before. {redis.error}",
                redis.since_ms,
                ("valkey",),
            )
        )
    if not markets:
        faults.append(_no_symbol(now_ms, started_ms))
    elif redis is None:
        silent = _silence(now_ms, started_ms, markets)
        if silent is not None:
            faults.append(silent)
    if unreadable:
        faults.append(
            Fault(
                "records",
                "limited",
                "Some values in Redis cannot be read",
                f"{unreadable} values are not the messages they should be, perhaps of another version. "
                "Their symbols show no number.",
                now_ms,
                ("bridge", "dashboard"),
            )
        )
    if database is not None:
        faults.append(
            Fault(
                "database",
                "limited",
                "The database is unreachable",
                f"Older chart minutes and past alerts are missing; live values go on. {database.error}",
                database.since_ms,
                ("postgres",),
            )
        )
    return tuple(faults)


def _no_symbol(now_ms: int, started_ms: int) -> Fault:
    return Fault(
        "symbols",
        "starting" if now_ms - started_ms <= STARTING_MS else "blind",
        "Waiting for the ingest to choose its symbols",
        "SYMBOLS names no market itself, and no ingest with the same SYMBOLS and STATE_DIR has said which it follows.",
        started_ms,
        ("ingest",),
    )


def _silence(now_ms: int, started_ms: int, markets: Sequence[Market]) -> Fault | None:
    """Tell a silent ingest from a silent metrics job: only the first takes the heartbeats with it."""
    newest_heartbeat = max((m.heartbeat_seen_ms for m in markets if m.heartbeat_seen_ms is not None), default=None)
    newest_metrics = max((m.seen_ms for m in markets if m.seen_ms is not None), default=None)
    if newest_heartbeat is None and newest_metrics is None:
        return _nothing_yet(now_ms, started_ms)
    if newest_heartbeat is None or now_ms - newest_heartbeat > LATE_MS:
        newest = max(newest_heartbeat or 0, newest_metrics or 0)
        if now_ms - newest > LATE_MS:
            return Fault(
                "ingest",
                "blind",
                "No record arrives",
                "Neither heartbeats nor metrics come: ingest, Kafka or the bridge is silent.",
                newest,
                ("ingest", "kafka", "bridge"),
            )
        return Fault(
            "ingest",
            "blind",
            "No heartbeat arrives",
            "Metrics still come, but nothing says whether their books can be trusted.",
            newest_heartbeat or started_ms,
            ("ingest", "bridge"),
        )
    live = [m for m in markets if m.trust == "LIVE" and m.heartbeat_is_fresh(now_ms)]
    if live and all(m.behind for m in live):
        return Fault(
            "metrics",
            "blind",
            "Ingest is alive, the metrics job is silent",
            "Heartbeats come and the books change, but no metrics row follows: the Flink job or the bridge is down.",
            newest_metrics if newest_metrics is not None else started_ms,
            ("flink", "bridge"),
        )
    return None


def _nothing_yet(now_ms: int, started_ms: int) -> Fault | None:
    if now_ms - started_ms <= LATE_MS:
        return None
    if now_ms - started_ms <= STARTING_MS:
        return Fault(
            "ingest",
            "starting",
            "Waiting for the first record",
            "The stack may still be starting.",
            started_ms,
            ("ingest", "flink", "bridge"),
        )
    return Fault(
        "ingest",
        "blind",
        "No record has ever arrived",
        "Redis answers and holds no heartbeat and no metrics: ingest, Kafka or the bridge is not running.",
        started_ms,
        ("ingest", "kafka", "bridge"),
    )
