"""The messages between the rooms: immutable records with one encode and one decode each.

JSON, flat numeric arrays, a schema version in each. Times are integers in milliseconds since the Unix epoch.
A value that is undefined is null, never 0 or NaN.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeVar, cast

import msgspec
import orjson
from msgspec import Meta

from orderbook.bounds import AMOUNT_BELOW, COUNT_BELOW, LARGEST_ID, NAME_LENGTH, REASON_LENGTH, TIME_BEFORE_MS
from orderbook.errors import UnreadableMessage
from orderbook.metrics import COUNT_COLUMNS, WINDOW_COLUMNS

SCHEMA_VERSION: Final = 1

T = TypeVar("T")

BookState = Literal["syncing", "live", "resyncing", "stale", "unverified"]
"""What to believe: only a `live` book is proven, by its sequence, its levels and the exchange's best quotes.

`unverified`: the levels are the newest known, but something keeps them from being proven. The others publish no book.
"""

GapCause = Literal[
    "start",
    "gap",
    "backwards",
    "crossed",
    "impossible",
    "oracle",
    "unreadable",
    "disconnected",
    "silent",
    "stale",
    "status",
    "coverage",
    "partial",
]
"""Why a symbol is not live.

| cause | what happened |
|---|---|
| start | no snapshot yet |
| gap | updates between two diffs are missing |
| backwards | a diff went back in update ids or in time |
| crossed | the best bid reached the best ask |
| impossible | a price or a quantity that cannot exist |
| oracle | the exchange's best quote differs from ours at the same update id |
| unreadable | a frame of the symbol's depth stream could not be read |
| disconnected | the connection was lost |
| silent | the whole connection delivers nothing |
| stale | this symbol delivers nothing for longer than it ever pauses, while others do |
| status | the exchange says that the symbol is not trading |
| coverage | the published levels reach beyond the verified part of the book |
| partial | a partial-depth stream: whole books without a sequence |
"""
Aggressor = Literal["buy", "sell"]
TimeMs = Annotated[int, Meta(ge=0, lt=TIME_BEFORE_MS)]
UpdateId = Annotated[int, Meta(ge=0, le=LARGEST_ID)]
Count = Annotated[int, Meta(ge=0, lt=COUNT_BELOW)]
Price = Annotated[float, Meta(gt=0, lt=AMOUNT_BELOW)]
Quantity = Annotated[float, Meta(ge=0, lt=AMOUNT_BELOW)]
Measured = Annotated[float, Meta(gt=-AMOUNT_BELOW, lt=AMOUNT_BELOW)]
Name = Annotated[str, Meta(max_length=NAME_LENGTH)]
Reason = Annotated[str, Meta(max_length=REASON_LENGTH)]
AlertStatus = Literal["FIRING", "ESCALATED", "RECOVERING", "RESOLVED", "SUPPRESSED", "NODATA", "MATCHED"]
Severity = Literal["medium", "high"]


class Book(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="type", tag="book"):
    """The top of a local book after one applied diff (topic raw, key symbol).

    Arrays hold at most DEPTH_LEVELS entries, best first: bids descending, asks ascending in price. Its state is live or
    unverified, the latter with its `cause`; no other book is published. `event_time_ms` never goes back for a symbol.

    The trust in it: `gaps`, `resyncs`, `oracle_checks` and `oracle_mismatches` so far; `snapshot_age_ms` since the
    snapshot it was built from; how far from the mid each side is verified, in basis points, null where all of it is.
    `latency_ms` is from the exchange's event to its receipt, corrected for the clocks' offset.

    From all levels, not only the published ones: `bid_depth_within` and `ask_depth_within`, the base quantity within
    each of `orderbook.depth.DEPTH_BANDS_BPS` of the mid, and `buy_sweep_bps` and `sell_sweep_bps`, the cost of trading
    each of its SWEEP_NOTIONALS at once, in basis points of the mid; null in an array where the verified part of the
    side ends before, and empty arrays where nobody measured.

    What happened since the symbol's book before, as received, nothing across a gap: `level_updates` of the diff (0 for
    a partial book), `trades`, and the quantities that takers bought and sold, in base currency. `bid_add`, `bid_cut`,
    `ask_add` and `ask_cut` are the largest quantity that the diff added to one level of the side, or took off one, as
    [price, quantity], of the levels behind the touch that `orderbook.changes` looks at; empty where there was none,
    where nobody measured, and for the first diff after a snapshot.
    """

    schema_version: int = SCHEMA_VERSION
    venue: Name
    symbol: Name
    event_time_ms: TimeMs
    receive_time_ms: TimeMs
    update_id: UpdateId
    bid_price: list[Price]
    bid_qty: list[Quantity]
    ask_price: list[Price]
    ask_qty: list[Quantity]
    state: BookState
    cause: GapCause | None = None
    gaps: int = 0
    resyncs: int = 0
    oracle_checks: int = 0
    oracle_mismatches: int = 0
    snapshot_age_ms: int | None = None
    bid_coverage_bps: float | None = None
    ask_coverage_bps: float | None = None
    latency_ms: int | None = None
    bid_depth_within: list[Measured | None] = []
    ask_depth_within: list[Measured | None] = []
    buy_sweep_bps: list[Measured | None] = []
    sell_sweep_bps: list[Measured | None] = []
    level_updates: Count = 0
    trades: Count = 0
    buy_qty: Quantity = 0.0
    sell_qty: Quantity = 0.0
    bid_add: list[Measured] = []
    bid_cut: list[Measured] = []
    ask_add: list[Measured] = []
    ask_cut: list[Measured] = []


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="type", tag="heartbeat"):
    """A symbol's sign of life (topics raw and trades, key symbol): every second, also when its market is silent.

    It moves the symbol's event time on, and carries the trust in its book and counters since the process started.
    `cause` and `reason` are null while live. `stale_after_ms` is how long the symbol may pause at its present pace.
    `clock_offset_ms` is our clock minus the exchange's, the shortest way between them included. `latency_counts[i]` is
    how many events took at most `orderbook.clock.LATENCY_BOUNDS_MS[i]` (the last one: more than all), corrected for it.
    An empty `symbol` is the clock of a partition no symbol lives in.
    """

    schema_version: int = SCHEMA_VERSION
    venue: Name
    symbol: Name
    event_time_ms: TimeMs
    receive_time_ms: TimeMs
    update_id: int | None = None
    state: BookState
    cause: GapCause | None = None
    reason: Reason | None = None
    books: int = 0
    gaps: int = 0
    backwards: int = 0
    crossed: int = 0
    impossible: int = 0
    resyncs: int = 0
    refreshes: int = 0
    repeated: int = 0
    oracle_checks: int = 0
    oracle_mismatches: int = 0
    held_back: int = 0
    clock_jumps: int = 0
    unreadable: int = 0
    snapshot_age_ms: int | None = None
    bid_coverage_bps: float | None = None
    ask_coverage_bps: float | None = None
    stale_after_ms: int | None = None
    clock_offset_ms: int | None = None
    latency_counts: list[int] = []


class FeedGap(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="feed_gap"):
    """A stretch during which a symbol was not live (topic raw, key symbol): once when it opens, again when it closes.

    Both carry the same `gap_id`; while it is open its ends are null. `cause` and `reason` are those it began with.
    `last_update_id` is the last live book before it, `next_update_id` the first after it. `missing_updates` is how many
    update ids the diffs skipped, null where that is not what happened.
    """

    schema_version: int = SCHEMA_VERSION
    venue: Name
    symbol: Name
    event_time_ms: TimeMs
    receive_time_ms: TimeMs
    gap_id: str
    cause: GapCause
    reason: Reason
    start_event_time_ms: int
    start_receive_time_ms: int
    end_event_time_ms: int | None = None
    end_receive_time_ms: int | None = None
    last_update_id: int | None = None
    next_update_id: int | None = None
    missing_updates: int | None = None


class Trade(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="type", tag="trade"):
    """One trade (topic trades, key symbol). `aggressor` is the side that took liquidity."""

    schema_version: int = SCHEMA_VERSION
    venue: Name
    symbol: Name
    event_time_ms: TimeMs
    receive_time_ms: TimeMs
    trade_id: int
    trade_time_ms: int
    price: float
    quantity: Annotated[float, Meta(gt=0, lt=AMOUNT_BELOW)]
    aggressor: Aggressor


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="dead_letter"):
    """What could not be read (topic dead_letter): the reason, where it came from, and the text itself."""

    schema_version: int = SCHEMA_VERSION
    venue: str
    origin: str
    receive_time_ms: int
    reason: str
    payload: str


class Alert(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="alert"):
    """One step of an alert episode (topic alerts, key symbol).

    `alert_id` is the same for every step of an episode and for every replay; `step` counts from 0 within it.
    `onset_time_ms` is when the condition began, `event_time_ms` the record that made this step. `side` is the side
    that presses (`bid`, `ask`) or null where a rule has none. `value` is the rule's quantity at this step, `peak` its
    worst since the onset, both signed positive for the side. MATCHED is a happening without a duration. `context`, on
    the first step of an episode that began with a book, is a JSON object about that onset (`orderbook.alerts.context`).
    """

    schema_version: int = SCHEMA_VERSION
    venue: str
    symbol: str
    alert_id: str
    step: int
    rule: str
    side: Literal["bid", "ask"] | None
    status: AlertStatus
    severity: Severity
    event_time_ms: int
    onset_time_ms: int
    value: float
    peak: float
    threshold: float
    reason: str | None = None
    context: str | None = None


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """The metrics of one book (topic metrics, key symbol); definitions in `orderbook.metrics`.

    Depths are sums over the top CALCULATE_DEPTH levels, in base currency; `spread_baseline` is the mean spread of the
    books among the symbol's last SPREAD_BASELINE_UPDATES records, this one included, let go a third at a time, in quote
    currency. `level_flows` are the order flow imbalances of levels 1 … CALCULATE_DEPTH in base currency, whose first is
    `ofi`; null where that is.
    """

    schema_version: int = SCHEMA_VERSION
    venue: str
    symbol: str
    event_time_ms: int
    receive_time_ms: int
    update_id: int
    state: BookState
    best_bid: float | None
    best_bid_qty: float | None
    best_ask: float | None
    best_ask_qty: float | None
    bid_depth: float | None
    ask_depth: float | None
    bid_weighted_depth: float | None
    ask_weighted_depth: float | None
    spread_baseline: float | None
    imbalance_ratio: float | None
    weighted_imbalance: float | None
    vtob_ratio: float | None
    spread: float | None
    spread_bps: float | None
    mid: float | None
    queue_imbalance: float | None = None
    weighted_mid: float | None = None
    ofi: float | None = None
    multi_level_ofi: float | None = None
    bid_depth_5bps: float | None = None
    bid_depth_10bps: float | None = None
    bid_depth_25bps: float | None = None
    bid_depth_50bps: float | None = None
    ask_depth_5bps: float | None = None
    ask_depth_10bps: float | None = None
    ask_depth_25bps: float | None = None
    ask_depth_50bps: float | None = None
    buy_cost_10k_bps: float | None = None
    buy_cost_100k_bps: float | None = None
    sell_cost_10k_bps: float | None = None
    sell_cost_100k_bps: float | None = None
    microprice: float | None = None
    integrated_ofi: float | None = None
    level_flows: list[float] | None = None


class _WindowHead(msgspec.Struct, frozen=True, kw_only=True):
    """What a window says besides its statistics."""

    schema_version: int = SCHEMA_VERSION
    venue: str
    symbol: str
    window_ms: int
    window_start_ms: int
    window_end_ms: int
    trusted_ms: int
    updates: int
    first_update_id: int
    last_update_id: int


class Window(_WindowHead, frozen=True, kw_only=True):
    """One closed event-time window [start, end) of one symbol (topic processed, key symbol).

    `window_ms` is its length: 1000, 10000 or 60000; for `trusted_ms` of it the symbol was live, by the states in its
    records. `updates` live books fell into it, the first and the last with the update ids given. `values` holds the
    statistics in the order of `orderbook.metrics.WINDOW_COLUMNS`; on the wire each stands under its own name.
    """

    values: tuple[float | None, ...]


_WindowOnTheWire = cast(
    "type[_WindowHead]",
    msgspec.defstruct(
        "_WindowOnTheWire",
        [(name, int if name in COUNT_COLUMNS else float | None) for name in WINDOW_COLUMNS],
        bases=(_WindowHead,),
        frozen=True,
        kw_only=True,
    ),
)


RawMessage = Book | Heartbeat | FeedGap
TradesMessage = Trade | Heartbeat
IngestMessage = Book | Heartbeat | FeedGap | Trade | DeadLetter

_encoder = msgspec.json.Encoder()
_raw_decoder: msgspec.json.Decoder[RawMessage] = msgspec.json.Decoder(RawMessage)
_metrics_decoder = msgspec.json.Decoder(Metrics)
_window_decoder = msgspec.json.Decoder(_WindowOnTheWire)
_trade_decoder = msgspec.json.Decoder(Trade)
_trades_topic_decoder: msgspec.json.Decoder[TradesMessage] = msgspec.json.Decoder(TradesMessage)
_alert_decoder = msgspec.json.Decoder(Alert)
_dead_letter_decoder = msgspec.json.Decoder(DeadLetter)


def encode(message: IngestMessage | Alert) -> bytes:
    """Return the message's JSON."""
    if type(message) is Book:  # nearly all of them; orjson writes their 80 floats in two thirds of the time
        fields = msgspec.structs.asdict(message)
        fields["type"] = "book"
        return orjson.dumps(fields)
    return _encoder.encode(message)


def decode_raw(payload: bytes) -> RawMessage:
    """Read a record of topic raw; raises UnreadableMessage."""
    return _decode(_raw_decoder, payload)


def decode_trade(payload: bytes) -> Trade:
    """Read a record of topic trades; raises UnreadableMessage."""
    return _decode(_trade_decoder, payload)


def decode_trades_topic(payload: bytes) -> TradesMessage:
    """Read a record of topic trades, a trade or a heartbeat; raises UnreadableMessage."""
    return _decode(_trades_topic_decoder, payload)


def decode_metrics(payload: bytes) -> Metrics:
    """Read a record of topic metrics; raises UnreadableMessage."""
    return _decode(_metrics_decoder, payload)


def decode_window(payload: bytes) -> Window:
    """Read a record of topic processed; raises UnreadableMessage."""
    wire = _decode(_window_decoder, payload)
    return Window(
        schema_version=wire.schema_version,
        venue=wire.venue,
        symbol=wire.symbol,
        window_ms=wire.window_ms,
        window_start_ms=wire.window_start_ms,
        window_end_ms=wire.window_end_ms,
        trusted_ms=wire.trusted_ms,
        updates=wire.updates,
        first_update_id=wire.first_update_id,
        last_update_id=wire.last_update_id,
        values=tuple(getattr(wire, name) for name in WINDOW_COLUMNS),
    )


def decode_alert(payload: bytes) -> Alert:
    """Read a record of topic alerts; raises UnreadableMessage."""
    return _decode(_alert_decoder, payload)


def decode_dead_letter(payload: bytes) -> DeadLetter:
    """Read a record of topic dead_letter; raises UnreadableMessage."""
    return _decode(_dead_letter_decoder, payload)


def _decode(decoder: msgspec.json.Decoder[T], payload: bytes) -> T:
    try:
        return decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as unreadable:
        raise UnreadableMessage(f"{unreadable}: {payload[:200]!r}") from None
