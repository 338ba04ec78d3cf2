"""What was fitted on a market's past: the adjustments of the microprice and the weights of the integrated flow.

A table holds for the symbol and the venues that it names, and says of which stretch of the market it is. Without one,
the metrics that need it are undefined.
"""

from __future__ import annotations

import math
import re
from typing import Final

import msgspec

from orderbook.errors import SettingsError

FITTED_VERSION: Final = 1
_NAME: Final = re.compile(r"\w+", re.ASCII)

IMBALANCE_BUCKETS: Final = 10
"""Into how many equal parts qb / (qb + qa), from 0 to 1, is cut for the microprice."""
SPREAD_STATES: Final = 3
"""Spreads that the microprice tells apart: one tick, two, and this many or more."""
TICK_PLACE: Final = IMBALANCE_BUCKETS * SPREAD_STATES + 1
"""Where the tick size stands in the array of a symbol's adjustments, from 1: behind them."""


class FittedSymbol(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One symbol's tables, fitted on `books` live books from `first_event_time_ms` to `last_event_time_ms`.

    `adjustments[s][b]` is the microprice less the mid, in ticks of `tick_size`, at a spread of s + 1 ticks (the last:
    or more) and in part b of the imbalance; null where too few books were there. `flow_weights[k]` is the weight of
    level k + 1; their absolute values sum to 1. It is empty where the stretch was too short for them.
    """

    symbol: str
    venues: list[str]
    first_event_time_ms: int
    last_event_time_ms: int
    books: int
    tick_size: float
    adjustments: list[list[float | None]]
    flow_weights: list[float]

    def __post_init__(self) -> None:
        """Refuse what is not a table (ValueError)."""
        for name in (self.symbol, *self.venues):
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no symbol and no venue: use letters, digits and underscores")
        if not (math.isfinite(self.tick_size) and self.tick_size > 0):
            raise ValueError(f"tick_size of {self.symbol} is {self.tick_size}: it must be above 0")
        if [len(of_spread) for of_spread in self.adjustments] != [IMBALANCE_BUCKETS] * SPREAD_STATES:
            raise ValueError(
                f"adjustments of {self.symbol} are not {SPREAD_STATES} lists of {IMBALANCE_BUCKETS}: fit them anew"
            )
        if self.flow_weights and not math.isclose(sum(map(abs, self.flow_weights)), 1, rel_tol=1e-6):
            raise ValueError(f"the absolute flow_weights of {self.symbol} do not sum to 1: fit them anew")


class FittedTables(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The tables of all symbols that have any."""

    schema_version: int = FITTED_VERSION
    symbols: list[FittedSymbol]

    def __post_init__(self) -> None:
        """Refuse what would leave open which table holds (ValueError)."""
        if self.schema_version != FITTED_VERSION:
            raise ValueError(f"schema_version is {self.schema_version}: this program reads {FITTED_VERSION}")
        seen: set[tuple[str, str]] = set()
        for fitted in self.symbols:
            for venue in fitted.venues:
                if (venue, fitted.symbol) in seen:
                    raise ValueError(f"{fitted.symbol} of {venue} has two tables: keep one of them")
                seen.add((venue, fitted.symbol))


def decode_fitted(text: bytes, where: str) -> FittedTables:
    """Read the tables of a file; raises SettingsError with `where` and the reason for what is not one."""
    try:
        return msgspec.json.decode(text, type=FittedTables)
    except msgspec.MsgspecError as refused:
        raise SettingsError(f"{where} holds no fitted tables: {refused}; `orderbook fit` writes them") from None


def encode_fitted(tables: FittedTables) -> bytes:
    """Write the tables as JSON that a person can read."""
    return msgspec.json.format(msgspec.json.encode(tables), indent=1) + b"\n"
