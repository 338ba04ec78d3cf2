"""The alerts inside the job: a keyed Python function around the pure lifecycle of `orderbook.alerts`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from pyflink.common import Row, Types
from pyflink.datastream import KeyedProcessFunction
from pyflink.datastream.state import ValueStateDescriptor

from flink.ordering import Arrival, Waiting, book_arrived, heartbeat_arrived, watermark_passed
from flink.rendering import alert_columns
from orderbook.alerts import AlertRecord, AlertRules, SymbolAlerts, observe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyflink.common.typeinfo import RowTypeInfo
    from pyflink.datastream import RuntimeContext

HEARTBEAT: Final = "heartbeat"


class SymbolState(msgspec.Struct, frozen=True, array_like=True):
    """What is kept of a symbol between two records, and in checkpoints."""

    alerts: SymbolAlerts = SymbolAlerts()
    waiting: Waiting = Waiting()


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(SymbolState)
_NOTHING: Final = SymbolState()


class AlertFunction(KeyedProcessFunction):  # type: ignore[misc]  # PyFlink has no types
    """Feeds each symbol's records to its alerts in their order; rows of alert_records in, rows of alerts out."""

    def __init__(self, rules: AlertRules) -> None:
        self._rules = rules

    def open(self, runtime_context: RuntimeContext) -> None:
        """Bind the keyed state; Flink calls it once in each worker."""
        self._state = runtime_context.get_state(ValueStateDescriptor("symbol", Types.PICKLED_BYTE_ARRAY()))

    def process_element(self, value: Row, ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        """Take one record of the symbol."""
        symbol, venue, record_type, offset, heartbeat_before, event_time_ms, untrusted, cause, *values = value
        watched = () if record_type == HEARTBEAT else tuple(values)
        record = AlertRecord(venue, symbol, event_time_ms, watched, untrusted, cause)
        arrival = Arrival(offset, heartbeat_before, record)
        state = self._load()
        if record_type == HEARTBEAT:
            ctx.timer_service().register_event_time_timer(event_time_ms)
            yield from self._observe(state, *heartbeat_arrived(state.waiting, arrival))
        else:
            yield from self._observe(state, *book_arrived(state.waiting, arrival))

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterator[Row]:  # noqa: ARG002 - Flink's signature
        """The watermark passed a heartbeat."""
        state = self._load()
        yield from self._observe(state, *watermark_passed(state.waiting, timestamp))

    def _observe(self, before: SymbolState, waiting: Waiting, records: Sequence[AlertRecord]) -> Iterator[Row]:
        standing = before.alerts
        for record in records:
            standing, alerts = observe(standing, record, self._rules)
            for alert in alerts:
                yield Row("alert", *msgspec.structs.astuple(alert))
        after = SymbolState(standing, waiting)
        if after != before:
            self._state.update(_encoder.encode(after))

    def _load(self) -> SymbolState:
        stored = self._state.value()
        return _NOTHING if stored is None else _decoder.decode(stored)


def record_type(rules: AlertRules) -> RowTypeInfo:
    """Return the type of a record of alert_records.sql, in the order in which `process_element` takes it apart."""
    return Types.ROW(
        [
            *(Types.STRING(), Types.STRING(), Types.STRING(), Types.LONG(), Types.LONG(), Types.LONG()),
            *(Types.STRING(), Types.STRING()),
            *(Types.DOUBLE() for _ in rules.values),
        ]
    )


_FLINK_TYPES: Final = {"STRING": Types.STRING(), "BIGINT": Types.LONG(), "DOUBLE": Types.DOUBLE()}
ROW_TYPE: Final = Types.ROW_NAMED(
    [column.name for column in alert_columns()],
    [_FLINK_TYPES[column.sql_type] for column in alert_columns()],
)
