"""Which records of topics raw and trades the job reads, as SQL over their columns.

All that `orderbook.readable` calls readable is; what the job leaves out, the bridge has put on topic dead_letter. What
is not valid JSON never becomes a row, and a value of a type that cannot be made the column's becomes null.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from flink.measuring import sql_double
from orderbook.bounds import (
    AHEAD_MS,
    AMOUNT_BELOW,
    COUNT_BELOW,
    NAME_LENGTH,
    REASON_LENGTH,
    TIME_BEFORE_MS,
)
from orderbook.depth import DEPTH_BANDS_BPS, SWEEP_NOTIONALS
from orderbook.messages import BookState, GapCause

if TYPE_CHECKING:
    from collections.abc import Iterable

PLAUSIBLE_TIME: Final = (
    f"event_time_ms BETWEEN 0 AND {TIME_BEFORE_MS - 1} AND receive_time_ms BETWEEN 0 AND {TIME_BEFORE_MS - 1} "
    f"AND event_time_ms <= receive_time_ms + {AHEAD_MS}"
)
"""Whether a record's time may move event time on; null where one is missing."""

_BELOW: Final = sql_double(AMOUNT_BELOW)
_NAMED: Final = f"symbol <> '' AND CHAR_LENGTH(symbol) <= {NAME_LENGTH} AND CHAR_LENGTH(venue) <= {NAME_LENGTH}"
_TAKER_QTY: Final = " AND ".join(
    f"COALESCE({name}, 0) >= 0 AND COALESCE({name}, 0) < {_BELOW}" for name in ("buy_qty", "sell_qty")
)
_COUNTS: Final = " AND ".join(
    f"COALESCE({name}, 0) BETWEEN 0 AND {COUNT_BELOW - 1}" for name in ("level_updates", "trades")
)
_MEASURED: Final = " AND ".join(
    f"ABS(COALESCE({name}[{element}], 0)) < {_BELOW}"
    for name, elements in {
        "bid_depth_within": len(DEPTH_BANDS_BPS),
        "ask_depth_within": len(DEPTH_BANDS_BPS),
        "buy_sweep_bps": len(SWEEP_NOTIONALS),
        "sell_sweep_bps": len(SWEEP_NOTIONALS),
        **dict.fromkeys(("bid_add", "bid_cut", "ask_add", "ask_cut"), 2),
    }.items()
    for element in range(1, elements + 1)
)

TRADE_READABLE: Final = (
    f"`type` = 'trade' AND {PLAUSIBLE_TIME} AND {_NAMED} AND quantity > 0 AND quantity < {_BELOW} "
    "AND aggressor IN ('buy', 'sell')"
)
"""Whether the job reads a record of topic trades as a trade."""


def raw_readable(depth: int) -> str:
    """Return whether the job reads a record of topic raw: null or false where it leaves it out.

    Of a book, the top `depth` levels are those that it reads.
    """
    book = (
        f"`type` = 'book' AND update_id >= 0 AND {_sound_side('bid', depth)} AND {_sound_side('ask', depth)} "
        f"AND {_COUNTS} AND {_TAKER_QTY} AND {_MEASURED}"
    )
    return (
        f"{PLAUSIBLE_TIME} AND {_NAMED} AND CHAR_LENGTH(COALESCE(reason, '')) <= {REASON_LENGTH} "
        f"AND (cause IS NULL OR cause IN ({_quoted(get_args(GapCause))})) "
        f"AND (`type` = 'feed_gap' OR `state` IN ({_quoted(get_args(BookState))}) "
        f"AND (`type` = 'heartbeat' OR {book}))"
    )


def _sound_side(side: str, depth: int) -> str:
    """As many levels with a possible price and quantity as there are levels."""
    price, quantity = f"{side}_price", f"{side}_qty"
    sound = " + ".join(
        f"CASE WHEN {price}[{level}] > 0 AND {price}[{level}] < {_BELOW} "
        f"AND {quantity}[{level}] >= 0 AND {quantity}[{level}] < {_BELOW} THEN 1 ELSE 0 END"
        for level in range(1, depth + 1)
    )
    return f"CARDINALITY({price}) = CARDINALITY({quantity}) AND {sound} = LEAST(CARDINALITY({price}), {depth})"


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
