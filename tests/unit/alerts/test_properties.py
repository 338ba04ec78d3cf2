"""What holds for the alerts of any market, and the lifecycle against another reading of the same rule."""

from __future__ import annotations

from itertools import groupby, pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from orderbook.alerts import AlertRecord, AlertRules, SymbolAlerts, Thresholds
from orderbook.messages import Alert, decode_alert, encode
from tests.unit.alerts.records import book, go_on, heartbeat, rules, run, untrusted

HOLD_MS, HOLD_OFF_MS, LIMIT_MS = 300, 500, 1500
RULES = rules(Thresholds(0.5, 0.7, 0.3, HOLD_MS, HOLD_OFF_MS, LIMIT_MS))

VALUES = st.none() | st.sampled_from([-0.9, -0.7, -0.6, -0.5, -0.4, -0.3, -0.2, 0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.9])
RATIOS = st.none() | st.sampled_from([0.05, 0.1, 0.25, 0.5, 1.0, 1.4, 1.5, 1.9, 2.0, 3.0, 4.0, 9.0])
KINDS = st.sampled_from(["book"] * 10 + ["heartbeat"] * 3 + ["gap", "stale"])


@st.composite
def markets(draw: st.DrawFn) -> list[AlertRecord]:
    waits = st.integers(0, 250) | st.sampled_from([HOLD_MS, HOLD_OFF_MS, LIMIT_MS])
    steps = draw(st.lists(st.tuples(waits, KINDS, VALUES, RATIOS), min_size=1, max_size=80))
    records, time_ms = [], 1_000_000
    for wait, kind, imbalance, ratio in steps:
        time_ms += wait
        if kind == "book":
            records.append(book(time_ms, imbalance, spread_ratio=ratio, depth_ratio=ratio))
        elif kind == "heartbeat":
            records.append(heartbeat(time_ms))
        else:
            records.append(untrusted(time_ms, kind, kind))
    return records


def imbalance_of(record: AlertRecord, sign: int) -> float | None:
    """The side's pressure in a book, signed."""
    value = record.values[RULES.values.index("imbalance_ratio")] if record.values else None
    return None if value is None else sign * value


def extreme(alerts: list[Alert], side: str) -> list[Alert]:
    return [a for a in alerts if a.rule == "extreme_imbalance" and a.side == side]


def episodes(alerts: list[Alert]) -> list[list[Alert]]:
    """The steps of each episode, in the order in which they were told."""
    by_id = sorted(alerts, key=lambda a: (a.rule, a.alert_id))
    return [list(steps) for _, steps in groupby(by_id, key=lambda a: a.alert_id)]


def retold(records: list[AlertRecord], sign: int) -> list[tuple[str, int]]:  # noqa: C901, PLR0912, PLR0915 - in one piece
    """(status, time) of one side, read from the rule's text over the whole history at once instead of by phases."""
    told: list[tuple[str, int]] = []
    index = 0
    while index < len(records):
        onset_value = imbalance_of(records[index], sign)
        if records[index].untrusted is not None or onset_value is None or onset_value < 0.5:
            index += 1
            continue
        onset = records[index].event_time_ms
        fired = None
        value = peak = 0.0
        while index < len(records) and records[index].untrusted is None:
            own = imbalance_of(records[index], sign)
            value = value if own is None else own
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
        doubted: int | None = None
        index = fired + 1
        while index < len(records):
            record, time_ms = records[index], records[index].event_time_ms
            own = imbalance_of(record, sign)
            if doubted is not None and time_ms - doubted >= LIMIT_MS:
                told.append(("RESOLVED", time_ms))
                index += record.untrusted is not None
                break
            index += 1
            if record.untrusted is not None:
                if doubted is None:
                    doubted = time_ms
                    told.append(("NODATA" if record.untrusted == "stale" else "SUPPRESSED", time_ms))
                continue
            if doubted is not None and own is None:
                continue
            value = value if own is None else own
            back, doubted = doubted is not None, None
            if (fall is None and value < 0.3) or (back and fall is not None and value < 0.5):
                fall = time_ms
                told.append(("RECOVERING", time_ms))
            elif back or (fall is not None and value >= 0.5):
                fall = None
                told.append(("FIRING", time_ms))
            elif fall is None and value >= 0.7 and not high_told:
                told.append(("ESCALATED", time_ms))
            elif fall is not None and time_ms - fall >= HOLD_OFF_MS:
                told.append(("RESOLVED", time_ms))
                break
            high_told = high_told or value >= 0.7
    return told


@given(markets())
def test_the_lifecycle_equals_the_rule_read_another_way(records: list[AlertRecord]) -> None:
    alerts = run(records, RULES)
    for side, sign in (("bid", 1), ("ask", -1)):
        assert [(a.status, a.event_time_ms) for a in extreme(alerts, side)] == retold(records, sign)


@given(markets(), st.lists(st.integers(0, 80), max_size=6))
def test_the_alerts_are_the_same_for_any_batching(records: list[AlertRecord], cuts: list[int]) -> None:
    whole_end, whole = go_on(SymbolAlerts(), records, RULES)
    standing = SymbolAlerts()
    told: list[Alert] = []
    bounds = [0, *sorted(cuts), len(records)]
    for begin, end in pairwise(bounds):
        # As a checkpoint holds it between two of them.
        standing = msgspec.msgpack.decode(msgspec.msgpack.encode(standing), type=SymbolAlerts)
        standing, steps = go_on(standing, records[begin:end], RULES)
        told += steps
    assert (standing, told) == (whole_end, whole)


@given(markets())
def test_no_episode_fires_without_its_hold(records: list[AlertRecord]) -> None:
    for steps in episodes(run(records, RULES)):
        first = steps[0]
        if first.rule != "extreme_imbalance":
            continue
        assert first.event_time_ms - first.onset_time_ms >= HOLD_MS
        sign = 1 if first.side == "bid" else -1
        within = [r for r in records if first.onset_time_ms < r.event_time_ms < first.event_time_ms]
        assert all(r.untrusted is None for r in within)
        assert all(value >= 0.5 for r in within if (value := imbalance_of(r, sign)) is not None)


@given(markets())
def test_each_firing_is_resolved_once_after_a_calm_end(records: list[AlertRecord]) -> None:
    end_ms = records[-1].event_time_ms
    calm = [book(end_ms + wait, 0.0, spread_ratio=1.0, depth_ratio=1.0) for wait in (1, 10_000, 70_000, 80_000)]
    for steps in episodes(run([*records, *calm], RULES)):
        statuses = [a.status for a in steps]
        if statuses == ["MATCHED"]:
            continue
        assert statuses.count("RESOLVED") == 1
        assert statuses[-1] == "RESOLVED"
        assert (statuses[0], steps[0].step) == ("FIRING", 0)


@given(markets())
def test_episodes_of_one_key_do_not_overlap(records: list[AlertRecord]) -> None:
    open_id: dict[tuple[str, str | None], str] = {}
    for alert in run(records, RULES):
        key = (alert.rule, alert.side)
        if alert.status == "MATCHED":
            continue
        assert open_id.setdefault(key, alert.alert_id) == alert.alert_id
        if alert.status == "RESOLVED":
            del open_id[key]


@given(markets())
def test_high_is_told_at_the_record_that_reaches_it(records: list[AlertRecord]) -> None:
    alerts = run(records, RULES)
    for side, sign in (("bid", 1), ("ask", -1)):
        for steps in episodes(extreme(alerts, side)):
            until = steps[-1].event_time_ms if steps[-1].status == "RESOLVED" else records[-1].event_time_ms
            reached = [
                r.event_time_ms
                for r in records
                if steps[0].event_time_ms < r.event_time_ms < until and (imbalance_of(r, sign) or 0.0) >= 0.7
            ]
            if reached and steps[0].severity == "medium":
                assert next(a.event_time_ms for a in steps if a.severity == "high") <= reached[0]


@given(markets())
def test_every_episode_is_told_in_full(records: list[AlertRecord]) -> None:
    for episode in episodes(run(records, RULES)):
        assert [a.step for a in episode] == list(range(len(episode)))
        assert episode[0].status in {"FIRING", "MATCHED"}
        assert "RESOLVED" not in {a.status for a in episode[:-1]}
        severities = [a.severity for a in episode]
        assert severities == sorted(severities, reverse=True), "high never goes back to medium"
        worse = min if episode[0].rule == "liquidity_drop" else max
        assert all(worse(a.peak, a.value) == a.peak and a.onset_time_ms <= a.event_time_ms for a in episode)
        assert all(decode_alert(encode(a)) == a for a in episode)


@given(markets())
def test_rules_do_not_disturb_each_other(records: list[AlertRecord]) -> None:
    fewer = AlertRules(tuple(rule for rule in RULES.rules if rule.name == "extreme_imbalance"), RULES.flips)
    ours = [a for a in run(records, RULES) if a.rule in {"extreme_imbalance", "imbalance_flip"}]
    assert run([_shortened(record, fewer) for record in records], fewer) == ours


def _shortened(record: AlertRecord, under: AlertRules) -> AlertRecord:
    """The record with the values that fewer rules need; those they share come first."""
    return AlertRecord(
        record.venue,
        record.symbol,
        record.event_time_ms,
        record.values[: len(under.values)],
        record.untrusted,
        record.cause,
    )
