"""What a record of topics raw and trades may say at most: what lies beyond is left out, for it would spoil the rest.

An event time far ahead would make all that comes after it late; an infinite quantity would stay in every running sum.
"""

from __future__ import annotations

from typing import Final

TIME_BEFORE_MS: Final = 4_102_444_800_000
"""Times are before the year 2100."""

AHEAD_MS: Final = 86_400_000
"""How far an event may lie after its receipt: clocks of computers are wrong by hours where a time zone is."""

AMOUNT_BELOW: Final = 1e15
"""Prices, quantities and what is made of them stay below."""

COUNT_BELOW: Final = 10**15
"""Level updates and trades of a book stay below."""

LARGEST_ID: Final = 2**63 - 1

NAME_LENGTH: Final = 100
"""Characters of a symbol's or a venue's name."""

REASON_LENGTH: Final = 10_000
"""Characters of a reason."""

NUMBER_LENGTH: Final = 1000
FIELD_NAME_LENGTH: Final = 50_000
NESTING: Final = 1000
"""What the job's JSON parser takes: digits of a number, characters of a field's name, levels of nesting."""
