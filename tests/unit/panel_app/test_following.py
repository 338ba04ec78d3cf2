"""When the roster is looked at, when it is read, and what is followed then."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orderbook.settings import Settings
from panel_app.following import LOOK_EVERY_MS, Following, Mark, following
from panel_app.markets import Markets
from panel_app.session import Session
from runtime.roster import Roster, write_roster
from tests.unit.panel_app.records import NOW, THRESHOLDS, heartbeat, metrics


class Shelf:
    """A roster that counts how often it is looked at and read."""

    def __init__(self) -> None:
        self.version: Mark | None = None
        self.symbols: tuple[str, ...] = ()
        self.looks = self.reads = 0

    def mark(self) -> Mark | None:
        self.looks += 1
        return self.version

    def read(self) -> tuple[str, ...]:
        self.reads += 1
        return self.symbols


def test_the_roster_is_looked_at_once_a_second_and_read_only_when_it_is_another() -> None:
    shelf = Shelf()
    followed = Following(shelf.mark, shelf.read)
    assert followed.symbols(NOW) == ()
    shelf.version, shelf.symbols = (1, 1, 1), ("AUSDT",)
    assert followed.symbols(NOW + LOOK_EVERY_MS - 1) == ()
    assert (shelf.looks, shelf.reads) == (1, 1)
    assert followed.symbols(NOW + LOOK_EVERY_MS) == ("AUSDT",)
    shelf.symbols = ("BUSDT",)
    assert followed.symbols(NOW + 2 * LOOK_EVERY_MS) == ("AUSDT",)
    assert (shelf.looks, shelf.reads) == (3, 2)


def test_a_roster_replaced_while_it_is_read_is_read_again() -> None:
    shelf = Shelf()
    shelf.version = (1, 1, 1)

    def read() -> tuple[str, ...]:
        stood, shelf.version = shelf.version, (2, 2, 2)
        return (f"V{stood[0]}USDT",) if stood is not None else ()

    followed = Following(shelf.mark, read)
    assert followed.symbols(NOW) == ("V1USDT",)
    assert followed.symbols(NOW + LOOK_EVERY_MS) == ("V2USDT",)


def test_a_clock_that_was_set_back_does_not_stop_the_looks() -> None:
    shelf = Shelf()
    followed = Following(shelf.mark, shelf.read)
    followed.symbols(NOW)
    followed.symbols(NOW - 3_600_000)
    assert shelf.looks == 2


def test_the_roster_of_the_ingest_is_followed_as_it_changes(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, symbols=("ALL:USDT", "BTCUSDC"), state_dir=tmp_path)
    followed = following(settings)
    assert followed.symbols(NOW) == ("BTCUSDC",)
    write_roster(settings, Roster(tokens=settings.symbols, symbols=("BTCUSDT", "ETHUSDT")))
    assert followed.symbols(NOW + 1_000) == ("BTCUSDT", "ETHUSDT")
    written = (tmp_path / "symbols.json").stat()
    write_roster(settings, Roster(tokens=settings.symbols, symbols=("ETHUSDT", "BTCUSDT")))
    os.utime(tmp_path / "symbols.json", ns=(written.st_atime_ns, written.st_mtime_ns))
    assert followed.symbols(NOW + 2_000) == ("ETHUSDT", "BTCUSDT")
    (tmp_path / "symbols.json").unlink()
    assert followed.symbols(NOW + 3_000) == ("BTCUSDC",)


def test_a_market_that_stays_keeps_what_is_known_of_it() -> None:
    markets = Markets(THRESHOLDS)
    markets.follow(("AUSDT", "BUSDT"))
    rows = {symbol: metrics(symbol=symbol, imbalance=0.8) for symbol in ("AUSDT", "BUSDT", "CUSDT")}
    beats = {symbol: heartbeat(symbol=symbol) for symbol in rows}
    markets.observe(rows, beats, NOW)
    markets.follow(("CUSDT", "AUSDT"))
    assert "BUSDT" not in markets
    later = {symbol: metrics(symbol=symbol, imbalance=0.8, at_ms=NOW + 100) for symbol in rows}
    observed = markets.observe(later, beats, NOW + 100)
    assert [market.symbol for market in observed] == ["CUSDT", "AUSDT"]
    assert [market.pressing.since_ms - NOW for market in observed if market.pressing] == [100, 0]


@pytest.mark.parametrize(
    ("symbols", "selected"),
    [
        (("AUSDT", "BUSDT", "CUSDT"), "BUSDT"),
        (("CUSDT", "BUSDT"), "BUSDT"),
        (("CUSDT", "AUSDT"), "CUSDT"),
        ((), ""),
    ],
)
def test_a_selected_symbol_gives_way_only_when_it_is_gone(symbols: tuple[str, ...], selected: str) -> None:
    session = Session(("AUSDT", "BUSDT"))
    session.choose("BUSDT")
    session.follow(symbols)
    assert session.symbol == selected


def test_a_session_that_began_without_a_symbol_takes_the_first_that_comes() -> None:
    session = Session(())
    session.choose("AUSDT")
    assert session.symbol == ""
    session.follow(("BUSDT", "AUSDT"))
    assert session.symbol == "BUSDT"
