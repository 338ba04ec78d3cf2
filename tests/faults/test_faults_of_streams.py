"""One symbol's stream goes wrong: what the consumer says of it, and that the others never leave live."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.exchange import Exchange

pytestmark = pytest.mark.recovery

VICTIM = "ETHUSDT"
PAUSES = {"delay": "BNBUSDT", "quiet_symbol": "SOLUSDT", "stall_symbol": "BTCUSDT"}
"""A pause that loses nothing lengthens what the symbol may pause: each such fault has a symbol to itself."""

LEAVES_LIVE: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"kind": "drop_diff"}, ("gap",)),
    ({"kind": "drop_diff", "count": 5}, ("gap",)),
    ({"kind": "reorder_diff"}, ("gap",)),
    ({"kind": "delay"}, ("stale",)),
    ({"kind": "stall_symbol"}, ("stale", "gap")),
    ({"kind": "quiet_symbol"}, ("stale",)),
    ({"kind": "corrupt", "how": "bad_json"}, ("unreadable",)),
    ({"kind": "corrupt", "how": "truncated"}, ("unreadable",)),
    ({"kind": "corrupt", "how": "wrong_types"}, ("unreadable",)),
    ({"kind": "corrupt", "how": "unknown_event"}, ("unreadable",)),
    ({"kind": "corrupt", "how": "nan"}, ("impossible",)),
    ({"kind": "corrupt", "how": "negative_qty"}, ("impossible",)),
    ({"kind": "crossed_book"}, ("crossed",)),
    ({"kind": "wrong_quote"}, ("oracle",)),
    ({"kind": "clock_jump", "shift_ms": -7_200_000, "duration_s": 2.0}, ("backwards",)),
    # A jump ahead shows at its end, which is a step back.
    ({"kind": "clock_jump", "shift_ms": 7_200_000, "duration_s": 1.0}, ("backwards",)),
]


def name_of(fault: dict[str, Any]) -> str:
    return " ".join(str(value) for value in fault.values())


@pytest.mark.parametrize(("fault", "causes"), LEAVES_LIVE, ids=[name_of(fault) for fault, _ in LEAVES_LIVE])
def test_it_is_noticed_and_healed(exchange: Exchange, fault: dict[str, Any], causes: tuple[str, ...]) -> None:
    victim = PAUSES.get(fault["kind"], VICTIM)
    lasts = {"duration_s": exchange.too_long_s(victim)} if fault["kind"] in PAUSES else {}
    injected = exchange.inject(symbol=victim, **fault, **lasts)
    away = exchange.away(victim, injected)
    assert away.causes == causes
    exchange.books_follow(exchange.symbols, injected)
    exchange.stays_live([symbol for symbol in exchange.symbols if symbol != victim], injected)
    letters = exchange.dead_letters(injected)
    assert bool(letters) is (causes == ("unreadable",))
    assert all(letter.reason for letter in letters)
    exchange.tell(injected, away)


def test_a_diff_that_comes_twice_changes_nothing(exchange: Exchange) -> None:
    injected = exchange.inject(kind="duplicate_diff", symbol=VICTIM)
    exchange.books_follow(exchange.symbols, injected)
    exchange.stays_live(exchange.symbols, injected)
    exchange.tell(injected, None)


def test_a_huge_frame_is_read_like_any_other(exchange: Exchange) -> None:
    """Its book is right, and what waits behind it on the same connection is not late for so long that it shows."""
    injected = exchange.inject(kind="corrupt", how="huge_frame", symbol=VICTIM)
    exchange.books_follow(exchange.symbols, injected)
    assert exchange.dead_letters(injected) == []
    exchange.stays_live(exchange.symbols, injected)
    exchange.tell(injected, None)
