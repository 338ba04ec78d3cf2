"""What holds for the alerts of any market, and the lifecycle against another reading of the same rule."""

from __future__ import annotations

from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from orderbook.alerts import AlertRecord, AlertRules, SymbolAlerts, Thresholds, observe
from orderbook.messages import Alert, decode_alert, encode

HOLD_MS, HOLD_OFF_MS = 300, 500
RULES = AlertRules(
    Thresholds(medium=0.5, high=0.7, release=0.3, hold_ms=HOLD_MS, hold_off_ms=HOLD_OFF_MS),
    Thresholds(medium=2.0, high=4.0, release=1.5, hold_ms=100, hold_off_ms=HOLD_OFF_MS),
)

VALUES = st.none() | st.sampled_from([-0.9, -0.7, -0.6, -0.5, -0.4, -0.3, -0.2, 0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.9])
RATIOS = st.none() | st.sampled_from([0.5, 1.0, 1.4, 1.5, 1.9, 2.0, 3.0, 4.0, 9.0])


@st.composite
def markets(draw: st.DrawFn) -> list[AlertRecord]:
    steps = draw(
        st.lists(
            st.tuples(st.integers(0, 250), VALUES, RATIOS, st.sampled_from([None] * 15 + ["gap"])),
            min_size=1,
            max_size=80,
        )
    )
    records, time_ms = [], 1_000_000
    for wait, imbalance, ratio, untrusted in steps:
        time_ms += wait
        known = untrusted is None
        records.append(
            AlertRecord("test", "BTCUSDT", time_ms, imbalance if known else None, ratio if known else None, untrusted)
        )
    return records


def run(records: list[AlertRecord], standing: SymbolAlerts | None = None) -> tuple[SymbolAlerts, list[Alert]]:
    standing = standing or SymbolAlerts()
    alerts: list[Alert] = []
    for record in records:
        standing, steps = observe(standing, record, RULES)
        alerts.extend(steps)
    return standing, alerts


def retold(records: list[AlertRecord], sign: int) -> list[tuple[str, int]]:  # noqa: C901 - the rule in one piece
    """(status, time) of one side, read from the rule's text over the whole history at once instead of by phases."""
    told: list[tuple[str, int]] = []
    high_told = False
    index = 0
    value = 0.0
    while index < len(records):
        record = records[index]
        if record.untrusted is not None or record.imbalance is None or sign * record.imbalance < 0.5:
            index += 1
            continue
        onset = record.event_time_ms
        fired = None
        value = 0.0
        peak = 0.0
        while index < len(records) and records[index].untrusted is None:
            held = records[index].imbalance
            value = value if held is None else sign * held
            if value < 0.5:
                break
            peak = max(peak, value)
            if records[index].event_time_ms - onset >= HOLD_MS:
                fired = index
                break
            index += 1
        if fired is None:
            continue
        told.append(("FIRING", records[fired].event_time_ms))
        high_told = peak >= 0.7
        fall: int | None = None
        index = fired + 1
        while index < len(records):
            record, time_ms = records[index], records[index].event_time_ms
            index += 1
            if record.untrusted is not None:
                told.append(("SUPPRESSED", time_ms))
                break
            value = value if record.imbalance is None else sign * record.imbalance
            if fall is None and value < 0.3:
                fall = time_ms
                told.append(("RECOVERING", time_ms))
            elif fall is None and value >= 0.7 and not high_told:
                told.append(("ESCALATED", time_ms))
            elif fall is not None and value >= 0.5:
                fall = None
                told.append(("FIRING", time_ms))
            elif fall is not None and time_ms - fall >= HOLD_OFF_MS:
                told.append(("RESOLVED", time_ms))
                break
            high_told = high_told or value >= 0.7
    return told


@given(markets())
def test_the_lifecycle_equals_the_rule_read_another_way(records: list[AlertRecord]) -> None:
    _, alerts = run(records)
    for side, sign in (("bid", 1), ("ask", -1)):
        steps = [a for a in alerts if a.rule == "extreme_imbalance" and a.side == side]
        assert [(a.status, a.event_time_ms) for a in steps] == retold(records, sign)


@given(markets(), st.integers(0, 80))
def test_standing_alerts_go_on_where_they_were(records: list[AlertRecord], cut: int) -> None:
    whole_end, whole = run(records)
    standing, first = run(records[:cut])
    end, rest = run(records[cut:], standing)
    assert (end, first + rest) == (whole_end, whole)


@given(markets())
def test_every_episode_is_told_in_full(records: list[AlertRecord]) -> None:
    _, alerts = run(records)
    by_id = sorted(alerts, key=lambda a: a.alert_id)
    for _, grouped in groupby(by_id, key=lambda a: a.alert_id):
        episode = list(grouped)
        assert [a.step for a in episode] == list(range(len(episode)))
        assert episode[0].status in {"FIRING", "MATCHED"}
        assert {a.status for a in episode[:-1]} <= {"FIRING", "ESCALATED", "RECOVERING"}
        severities = [a.severity for a in episode]
        assert severities == sorted(severities, reverse=True), "high never goes back to medium"
        assert all(a.peak >= a.value and a.onset_time_ms <= a.event_time_ms for a in episode)
        assert all(decode_alert(encode(a)) == a for a in episode)
