"""The alerts inside the job: a keyed Python function around the pure lifecycle of `orderbook.alerts`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from pyflink.common import Row, Types
from pyflink.datastream import KeyedProcessFunction
from pyflink.datastream.state import ValueStateDescriptor

from flink.rendering import alert_columns
from orderbook.alerts import AlertRecord, AlertRules, SymbolAlerts, observe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyflink.datastream import RuntimeContext

_records: Final = msgspec.json.Decoder(AlertRecord, strict=False)
"""Not strict, for a value that is not finite is a text in JSON."""
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(SymbolAlerts)
_NOTHING: Final = SymbolAlerts()


class Shard:
    """The symbols of one key: their state as it stands, and as it is kept in checkpoints, by symbol."""

    def __init__(self, kept: dict[str, bytes]) -> None:
        self.kept = kept
        self.symbols = {symbol: _decoder.decode(encoded) for symbol, encoded in kept.items()}

    def put(self, symbol: str, state: SymbolAlerts) -> None:
        """Let a symbol stand so from now on."""
        self.symbols[symbol] = state
        self.kept[symbol] = _encoder.encode(state)


class AlertFunction(KeyedProcessFunction):  # type: ignore[misc]  # PyFlink has no types
    """Feeds each symbol's records to its alerts in their order; arrays of alert_records in, rows of alerts out.

    Flink's state is read once for each key, when its first record comes to this instance, which alone changes it. What
    changes is written where the bundle ends, one write for all symbols of a key: each is a way to the JVM and back
    (docs/decisions/0010-alerts-keyed-by-shard.md).
    """

    def __init__(self, rules: AlertRules) -> None:
        self._rules = rules

    def open(self, runtime_context: RuntimeContext) -> None:
        """Bind the keyed state; Flink calls it once in each worker."""
        self._state = runtime_context.get_state(ValueStateDescriptor("symbols", Types.PICKLED_BYTE_ARRAY()))
        self._shards: dict[str, Shard] = {}

    def process_element(self, value: Sequence[str], ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        """Take some records of a shard, in their order, each the text that watched.sql makes."""
        shard = self._shard(ctx.get_current_key())
        changed = False
        for text in value:
            record = _records.decode(text)
            before = shard.symbols.get(record.symbol, _NOTHING)
            after, alerts = observe(before, record, self._rules)
            for alert in alerts:
                yield Row("alert", *msgspec.structs.astuple(alert))
            if after != before:
                shard.put(record.symbol, after)
                changed = True
        if changed:
            # Flink encodes it at the end of the bundle, as it stands by then.
            self._state.update(shard.kept)

    def _shard(self, key: str) -> Shard:
        found = self._shards.get(key)
        if found is None:
            found = self._shards[key] = Shard(self._state.value() or {})
        return found


RECORDS_TYPE: Final = Types.BASIC_ARRAY(Types.STRING())
"""What alert_records.sql gathers for one call of `AlertFunction.process_element`."""

_FLINK_TYPES: Final = {"STRING": Types.STRING(), "BIGINT": Types.LONG(), "DOUBLE": Types.DOUBLE()}
ROW_TYPE: Final = Types.ROW_NAMED(
    [column.name for column in alert_columns()],
    [_FLINK_TYPES[column.sql_type] for column in alert_columns()],
)
