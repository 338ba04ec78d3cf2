"""The fitted tables: against a second fit of the recordings, and on markets whose answer is known."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import msgspec
import polars as pl
import pytest

from connectors.recordings.fitting import fit
from orderbook.errors import SettingsError
from orderbook.fitted import FittedSymbol, FittedTables, encode_fitted
from orderbook.fitting import SymbolFit
from orderbook.messages import Book, Heartbeat
from orderbook.settings import Settings
from runtime.fitted_tables import fitted_in_force
from tests import fitting_oracle, oracle
from tests.recordings import BTC, ETH, USDM_BTC, lines, recording
from tests.records import new_book, new_heartbeat

TICK = 0.5


@pytest.mark.parametrize(
    ("names", "venue", "symbol", "tick_size"),
    [
        (BTC, "binance", "BTCUSDT", 0.01),
        (ETH, "recording", "ETHUSDT", 0.01),
        (USDM_BTC, "binance_usdm", "BTCUSDT", 0.1),
    ],
)
def test_the_tables_that_come_along_are_those_of_the_recordings(
    names: tuple[str, ...], venue: str, symbol: str, tick_size: float
) -> None:
    recording(names)
    books = list(oracle.books_of_recording(message for _, message in lines(names)))
    expected = fitting_oracle.fitted(books, oracle.metrics(pl.DataFrame(books)), tick_size)

    (shipped,) = (
        table
        for table in fitted_in_force(Settings(_env_file=None)).symbols
        if table.symbol == symbol and venue in table.venues
    )

    assert (shipped.tick_size, shipped.books) == (tick_size, len(books))
    assert (shipped.first_event_time_ms, shipped.last_event_time_ms) == (
        books[0]["event_time_ms"],
        books[-1]["event_time_ms"],
    )
    assert by_state(shipped) == pytest.approx(expected.adjustments, rel=1e-6, abs=1e-6)
    assert shipped.flow_weights == pytest.approx(expected.flow_weights, rel=1e-6, abs=1e-6)
    assert len(expected.adjustments) >= 10


def test_fitting_a_recording_gives_the_tables_that_come_along() -> None:
    tables = fit(recording(ETH), ["binance", "recording"], depth=10)

    assert tables == [table for table in fitted_in_force(Settings(_env_file=None)).symbols if table.symbol == "ETHUSDT"]


def by_state(table: FittedSymbol) -> dict[tuple[int, int], float]:
    return {
        (spread, tenth): adjustment
        for spread, of_spread in enumerate(table.adjustments, start=1)
        for tenth, adjustment in enumerate(of_spread)
        if adjustment is not None
    }


def book(number: int, bid_ticks: int, bid_qty: float, ask_qty: float, *, spread: int = 1, levels: int = 3) -> Book:
    bids = [((bid_ticks - level) * TICK, bid_qty if level == 0 else 5.0) for level in range(levels)]
    asks = [((bid_ticks + spread + level) * TICK, ask_qty if level == 0 else 5.0) for level in range(levels)]
    return new_book("XYZUSDT", 1_000_000 + 100 * number, number, bids, asks)


def taken(books: list[Book], depth: int = 3) -> SymbolFit:
    symbol_fit = SymbolFit("XYZUSDT", depth)
    for one in books:
        symbol_fit.take(one)
    return symbol_fit


def test_a_price_that_always_follows_the_imbalance_by_a_tick_is_a_tick_away() -> None:
    """Balanced books keep the mid; one that leans moves it one tick its way and is balanced again."""
    ways = [-1, 1] * 150
    random.Random(3).shuffle(ways)  # noqa: S311 - a market, not a secret
    bid = 100
    books = [book(0, bid, 1.0, 1.0)]
    for way in ways:
        books.append(book(len(books), bid, 9.5 if way > 0 else 0.5, 0.5 if way > 0 else 9.5))
        bid += way
        books.append(book(len(books), bid, 1.0, 1.0))

    table = taken(books).fitted(["simulator"])

    assert table.tick_size == TICK
    assert by_state(table) == pytest.approx({(1, 0): -1.0, (1, 9): 1.0, (1, 4): 0.0, (1, 5): 0.0}, abs=1e-9)


def test_a_price_that_only_runs_away_has_no_microprice() -> None:
    """Every balanced book was a tick above the one before: what is expected of the mid has no end."""
    running = taken([book(number, 100 + number, 2.0, 1.0) for number in range(100)]).fitted(["simulator"])
    assert by_state(running) == {}


def test_where_the_mid_never_moves_there_is_no_table() -> None:
    still = taken([book(number, 100, 1.0 + number % 7, 3.0) for number in range(200)]).fitted(["simulator"])
    assert by_state(still) == {}


def test_a_spread_of_three_ticks_stands_for_all_wider_ones() -> None:
    dice = random.Random(4)  # noqa: S311 - a market, not a secret
    bid = 100
    books = []
    for number in range(2000):
        bid += dice.choice([-1, 0, 0, 1])
        spread = dice.choice([3, 4, 9])
        books.append(book(number, bid, dice.uniform(1, 9), dice.uniform(1, 9), spread=spread))

    assert {spread for spread, _ in by_state(taken(books).fitted(["simulator"]))} == {3}


def test_what_parts_two_books_is_no_step() -> None:
    """A leap of the price across a heartbeat that is not live, and across an unverified book, moves nothing."""

    def leaping(parted_by: Book | Heartbeat) -> Iterator[Book | Heartbeat]:
        dice = random.Random(6)  # noqa: S311 - a market, not a secret
        for number in range(0, 1600, 4):
            price = 100 + (1000 if number % 8 else 0)
            for place in range(3):
                price += dice.choice([-1, 0, 1])
                yield book(number + place, price, dice.uniform(1, 9), dice.uniform(1, 9))
            yield parted_by

    doubtful = new_heartbeat("XYZUSDT", 1_000_000, state="resyncing", cause="gap", reason="sequence gap")
    for parted_by in (doubtful, msgspec.structs.replace(book(3, 1, 1.0, 1.0), state="unverified")):
        symbol_fit = SymbolFit("XYZUSDT", 3)
        for record in leaping(parted_by):
            symbol_fit.take(record)
        values = by_state(symbol_fit.fitted(["simulator"])).values()
        assert values
        assert max(map(abs, values)) < 10


def test_the_weights_are_the_direction_in_which_the_levels_move_together() -> None:
    """Level 1 moves twice as much as the others, all with one sign; the sign of the sum is positive."""
    dice = random.Random(5)  # noqa: S311 - a market, not a secret
    books = []
    resting = 1000.0
    for number in range(40 * 100):
        step = dice.uniform(-1, 1)
        resting += step
        bids = [(100 - level, 1000 + (2 if level == 0 else 1) * (resting - 1000)) for level in range(3)]
        books.append(
            new_book("XYZUSDT", 1_000_000 + 100 * number, number, bids, [(101 + level, 1000.0) for level in range(3)])
        )

    weights = taken(books).fitted(["simulator"]).flow_weights

    assert weights == pytest.approx([0.5, 0.25, 0.25], rel=1e-3)


def test_too_short_a_stretch_is_refused_or_leaves_the_weights_out() -> None:
    with pytest.raises(SettingsError, match="XYZUSDT has 5 live books, too few to fit anything on"):
        taken([book(number, 100, 1.0, 1.0) for number in range(5)]).fitted(["simulator"])
    short = [book(number, 100 + number % 2, 1.0 + number % 3, 2.0) for number in range(100)]
    assert taken(short).fitted(["simulator"]).flow_weights == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"schema_version": 2}, "schema_version is 2: this program reads 1"),
        ({"tick_size": 0.0}, "tick_size of ETHUSDT is 0.0: it must be above 0"),
        ({"adjustments": [[0.0]]}, "adjustments of ETHUSDT are not 3 lists of 10: fit them anew"),
        ({"flow_weights": [0.5, 0.6]}, "the absolute flow_weights of ETHUSDT do not sum to 1: fit them anew"),
        ({"symbol": "ETH'USDT"}, "is no symbol and no venue: use letters, digits and underscores"),
        ({"venues": ["binance", "binance"]}, "ETHUSDT of binance has two tables: keep one of them"),
        ({"books": "many"}, "Expected `int`, got `str`"),
    ],
)
def test_a_file_that_holds_no_tables_is_refused(tmp_path: Path, change: dict[str, object], sentence: str) -> None:
    (table,) = (t for t in fitted_in_force(Settings(_env_file=None)).symbols if t.symbol == "ETHUSDT")
    written = json.loads(encode_fitted(FittedTables(symbols=[table])))
    for name, value in change.items():
        (written if name == "schema_version" else written["symbols"][0])[name] = value
    file = tmp_path / "fitted.json"
    file.write_text(json.dumps(written), encoding="utf-8")

    with pytest.raises(SettingsError) as refused:
        fitted_in_force(Settings(_env_file=None, fitted_file=file))

    assert str(refused.value).startswith(f"{file} holds no fitted tables: ")
    assert sentence in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    absent = tmp_path / "absent.json"
    with pytest.raises(SettingsError, match=r"absent\.json cannot be read: No such file or directory; see FITTED_FILE"):
        fitted_in_force(Settings(_env_file=None, fitted_file=absent))
