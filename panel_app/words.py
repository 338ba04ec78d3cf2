"""How numbers, times and records are said to a person: pure functions from values to text.

What is rounded to zero is said without a minus (the format option `z`): -0.00 would tell a direction that is not shown.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Final

NOTHING: Final = "–"  # noqa: RUF001 - the dash a table shows where nothing is known

SIGNIFICANT_DIGITS: Final = 5
LEAST_PRICE_DECIMALS: Final = 2
MOST_DECIMALS: Final = 10
MINUTE_S: Final = 60
HOUR_S: Final = 3600

VENUE_NAMES: Final = {
    "binance": "Binance",
    "binance_us": "Binance US",
    "simulator": "simulated",
    "recording": "recorded",
}


def price(value: float | None, like: float | None = None) -> str:
    """A price in quote currency: at least two decimals and at least five significant digits.

    Prices that stand below each other take the decimals of one of them, `like`.
    """
    if value is None:
        return NOTHING
    return f"{value:z,.{_decimals(like or value, LEAST_PRICE_DECIMALS)}f}"


def quantity(value: float | None) -> str:
    """A quantity in base currency with five significant digits, whole from 10,000 on."""
    if value is None:
        return NOTHING
    return f"{value:z,.{_decimals(value, 0)}f}"


def bps(value: float | None) -> str:
    """A number of basis points: two decimals, three below one."""
    if value is None:
        return NOTHING
    return f"{value:z,.3f}" if abs(value) < 1 else f"{value:z,.2f}"


def ratio(value: float | None) -> str:
    """A signed ratio in -1..1 with two decimals; the sign always stands, a plus before zero."""
    return NOTHING if value is None else f"{value:+z.2f}"


def duration(milliseconds: int) -> str:
    """A length of time in its two leading units, as `8 s`, `2 min 05 s` or `3 h 12 min`."""
    seconds = max(0, milliseconds) // 1000
    if seconds < MINUTE_S:
        return f"{seconds} s"
    if seconds < HOUR_S:
        return f"{seconds // MINUTE_S} min {seconds % MINUTE_S:02d} s"
    return f"{seconds // HOUR_S} h {seconds % HOUR_S // MINUTE_S:02d} min"


def utc_time(time_ms: int) -> str:
    """A time of day, `HH:MM:SS`, in UTC."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%H:%M:%S")


def utc_day_and_time(time_ms: int) -> str:
    """A day and time of day, `YYYY-MM-DD HH:MM:SS`, in UTC."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def venue_name(venue: str | None) -> str:
    """What a screen calls a venue; a venue without a name of its own is shown as it is written."""
    return NOTHING if venue is None else VENUE_NAMES.get(venue, venue)


def _decimals(value: float, least: int) -> int:
    if value == 0 or not math.isfinite(value):
        return least
    return min(MOST_DECIMALS, max(least, SIGNIFICANT_DIGITS - 1 - math.floor(math.log10(abs(value)))))
