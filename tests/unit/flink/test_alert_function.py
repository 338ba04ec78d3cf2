"""The alerts inside the job: symbols that share a key, records that come together, and state that is gone on from."""

from __future__ import annotations

import json
import math
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyflink.common import Row

from flink.alert_function import AlertFunction
from flink.rendering import alert_columns
from orderbook.alerts import AlertRecord, SymbolAlerts, observe
from orderbook.settings import Settings
from runtime.alert_rules import rules_in_force

RULES = rules_in_force(Settings(_env_file=None, alert_hold_ms=1000, alert_hold_off_ms=2000))
IMBALANCE = RULES.values.index("imbalance_ratio")
KEY = "7"


class KeptState:
    """Flink's value state for one key: what was written last, as the checkpoint has it."""

    def __init__(self, checkpoint: bytes | None = None) -> None:
        self.checkpoint = checkpoint
        self.reads = self.writes = 0

    def value(self) -> dict[str, bytes] | None:
        self.reads += 1
        return None if self.checkpoint is None else pickle.loads(self.checkpoint)  # noqa: S301 - our own bytes

    def update(self, kept: dict[str, bytes]) -> None:
        self.checkpoint = pickle.dumps(kept)
        self.writes += 1


class Context:
    """What Flink gives with a record, and when an instance starts."""

    def __init__(self, state: KeptState) -> None:
        self._state = state

    def get_state(self, _: object) -> KeptState:
        return self._state

    def get_current_key(self) -> str:
        return KEY


def opened(state: KeptState) -> tuple[AlertFunction, Context]:
    function, context = AlertFunction(RULES), Context(state)
    function.open(context)
    return function, context


def text(record: AlertRecord) -> str:
    """The record as watched.sql makes it."""
    doubt = (record.untrusted, record.cause)
    return json.dumps((record.venue, record.symbol, record.event_time_ms, record.values, *doubt))


def record(symbol: str, time_ms: int, imbalance: float | None, *, trusted: bool) -> AlertRecord:
    """A book, or a heartbeat where there is no imbalance."""
    values = [1.0] * len(RULES.values)
    if imbalance is not None:
        values[IMBALANCE] = imbalance
    doubt = (None, None) if trusted else ("sequence gap", "gap")
    return AlertRecord("v", symbol, time_ms, () if imbalance is None else tuple(values), *doubt)


@st.composite
def markets(draw: st.DrawFn) -> list[AlertRecord]:
    """Records of two symbols in any mixture, each symbol's times never going back."""
    time_ms = 1_700_000_000_000
    records = []
    for _ in range(draw(st.integers(1, 40))):
        time_ms += draw(st.sampled_from((0, 100, 1000, 2500)))
        symbol = draw(st.sampled_from(("AAAUSDT", "BBBUSDT")))
        imbalance = draw(st.sampled_from((None, 0.0, 0.55, 0.9, -0.6, -0.8)))
        records.append(record(symbol, time_ms, imbalance, trusted=draw(st.integers(0, 9)) > 0))
    return records


def batched(records: list[AlertRecord], size: int) -> list[list[AlertRecord]]:
    """The records in their order, so many at a time as come from the job together."""
    return [records[first : first + size] for first in range(0, len(records), size)]


def told(records: list[AlertRecord]) -> list[Row]:
    """What each symbol's alerts say by themselves, in the order of the records."""
    standing: dict[str, SymbolAlerts] = {}
    rows = []
    for one in records:
        standing[one.symbol], alerts = observe(standing.get(one.symbol, SymbolAlerts()), one, RULES)
        rows += [("alert", alert.symbol, alert.alert_id, alert.step, alert.status, alert.peak) for alert in alerts]
    return rows


def named(rows: list[Any]) -> list[Any]:
    names = [column.name for column in alert_columns()]
    picked = [names.index(name) for name in ("type", "symbol", "alert_id", "step", "status", "peak")]
    return [tuple(one[place] for place in picked) for one in rows]


@given(markets(), st.data())
def test_symbols_of_one_key_tell_what_each_tells_alone_and_go_on_after_any_cut(
    records: list[AlertRecord], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(records)))
    together = data.draw(st.integers(1, 5))
    state = KeptState()
    got = []
    for part in (records[:cut], records[cut:]):
        # The second instance has nothing but what the first has written.
        state = KeptState(state.checkpoint)
        function, context = opened(state)
        for some in batched(part, together):
            got += list(function.process_element([text(one) for one in some], context))
        assert state.reads <= 1
    assert named(got) == told(records)


def test_the_markets_make_alerts() -> None:
    records = [record("AAAUSDT", 1_700_000_000_000 + 500 * step, 0.9, trusted=True) for step in range(6)]
    assert [status for *_, status, _ in told(records)] == ["FIRING"]


@pytest.mark.parametrize("kind", ["heartbeat", "book"])
def test_a_record_that_changes_nothing_writes_nothing(kind: str) -> None:
    state = KeptState()
    function, context = opened(state)
    calm = record("AAAUSDT", 1_700_000_000_000, None if kind == "heartbeat" else 0.0, trusted=True)
    list(function.process_element([text(calm)], context))
    written = state.writes
    list(function.process_element([text(calm), text(calm)], context))
    assert state.writes == written


def test_a_value_that_is_not_finite_is_a_large_one() -> None:
    function, context = opened(KeptState())
    records = [record("AAAUSDT", 1_700_000_000_000 + 2000 * step, math.inf, trusted=True) for step in range(2)]
    texts = [text(one).replace("Infinity", '"Infinity"') for one in records]
    (fired,) = function.process_element(texts, context)
    assert named([fired]) == told(records)
