from __future__ import annotations

from pathlib import Path

import pytest

from connectors.binance.roster import RosterKeeper, decided, planned, starting
from connectors.binance.selection import Listed, Listing
from orderbook.errors import ServiceUnavailable
from orderbook.settings import Settings
from runtime.roster import (
    Roster,
    WantedSymbols,
    followed_symbols,
    read_roster,
    read_wanted,
    write_roster,
    write_wanted,
)


def listing(*names: str) -> Listing:
    return Listing("binance", {name: Listed(name, "TRADING", "USDT") for name in names})


ABC = listing("AUSDT", "BUSDT", "CUSDT", "DUSDT")


def wanted(*, added: tuple[str, ...] = (), removed: tuple[str, ...] = ()) -> WantedSymbols:
    return WantedSymbols(tokens=("AUSDT", "BUSDT"), added=added, removed=removed)


def test_symbols_are_spread_evenly_over_as_few_connections_as_they_need() -> None:
    symbols = [f"S{number}" for number in range(450)]
    parts = planned(symbols)
    assert list(parts) == ["connection-000", "connection-001", "connection-002"]
    assert [len(part) for part in parts.values()] == [150, 150, 150]
    assert [symbol for part in parts.values() for symbol in part] == symbols
    assert [len(part) for part in planned(symbols[:401]).values()] == [134, 134, 133]
    assert planned(["A", "B"]) == {"connection-000": ("A", "B")}


def test_new_symbols_go_to_the_emptiest_connection_and_the_others_stay() -> None:
    now = {"one": ("AUSDT", "BUSDT"), "two": ("CUSDT",)}
    decision = decided(now, ("AUSDT", "BUSDT", "CUSDT", "DUSDT"), ABC)
    assert decision.assignment == {"one": ("AUSDT", "BUSDT"), "two": ("CUSDT", "DUSDT")}
    assert decision.refused == {}
    assert decided(decision.assignment, ("BUSDT", "DUSDT"), ABC).assignment == {"one": ("BUSDT",), "two": ("DUSDT",)}


def test_what_cannot_be_followed_is_refused_and_changes_nothing_else() -> None:
    decision = decided({"one": ("AUSDT",)}, ("AUSDT", "BUSD", "BUSDT"), ABC)
    assert decision.assignment == {"one": ("AUSDT", "BUSDT")}
    [(symbol, reason)] = decision.refused.items()
    assert symbol == "BUSD"
    assert reason.startswith("binance does not trade BUSD (did you mean BUSDT")
    full = decided({"one": ("AUSDT", "BUSDT")}, ("AUSDT", "BUSDT", "CUSDT"), ABC, most=2)
    assert full.assignment == {"one": ("AUSDT", "BUSDT")}
    assert full.refused["CUSDT"].startswith("every connection has 2 symbols")


def test_the_last_symbol_stays() -> None:
    decision = decided({"one": ("AUSDT",), "two": ()}, (), ABC)
    assert decision.assignment == {"one": ("AUSDT",), "two": ()}
    assert set(decision.refused) == {"AUSDT"}


def test_a_start_takes_what_was_asked_for_before() -> None:
    decision = starting(("AUSDT", "BUSDT"), wanted(added=("CUSDT", "XUSDT"), removed=("AUSDT",)), ABC)
    assert decision.symbols == ("BUSDT", "CUSDT")
    assert set(decision.refused) == {"XUSDT"}


def test_adding_and_removing_undo_each_other() -> None:
    asked = wanted().adding(("CUSDT", "DUSDT")).removing(("CUSDT", "AUSDT")).adding(("AUSDT",))
    assert asked.applied_to(("AUSDT", "BUSDT")) == ("AUSDT", "BUSDT", "DUSDT")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(symbols=("AUSDT", "BUSDT"), state_dir=tmp_path / "state")


def test_files_of_another_symbols_setting_count_as_absent(settings: Settings) -> None:
    assert followed_symbols(settings) == ("AUSDT", "BUSDT")
    write_roster(settings, Roster(tokens=settings.symbols, symbols=("AUSDT", "CUSDT")))
    write_wanted(settings, wanted(added=("CUSDT",), removed=("BUSDT",)))
    assert followed_symbols(settings) == ("AUSDT", "CUSDT")
    assert read_wanted(settings).added == ("CUSDT",)
    other = settings.model_copy(update={"symbols": ("DUSDT", "TOP5:USDT")})
    assert followed_symbols(other) == ("DUSDT",)
    assert read_wanted(other) == WantedSymbols(tokens=("DUSDT", "TOP5:USDT"))
    for unreadable in (b"{", b'{"tokens":["\xff"]}'):
        (settings.state_dir / "symbols.json").write_bytes(unreadable)
        assert read_roster(settings) is None
    assert {path.name for path in settings.state_dir.iterdir()} == {"symbols.json", "symbols_wanted.json"}


def test_the_keeper_lets_the_connections_follow_what_is_asked_for(settings: Settings) -> None:
    followed: dict[str, tuple[str, ...]] = {}
    unreachable = [True]

    def listed() -> Listing:
        if unreachable.pop():
            unreachable.append(False)
            raise ServiceUnavailable("the exchange does not answer")
        unreachable.append(False)
        return ABC

    decision = starting(settings.symbols, read_wanted(settings), ABC)
    [name] = decision.assignment

    def follow(symbols: tuple[str, ...]) -> None:
        followed[name] = symbols

    keeper = RosterKeeper(settings, settings.symbols, decision, {name: follow}, listed)
    keeper.look()
    assert followed == {}
    write_wanted(settings, wanted(added=("CUSDT", "QUSDT"), removed=("AUSDT",)))
    with pytest.raises(ServiceUnavailable):
        keeper.look()
    assert followed == {}
    keeper.look()
    assert followed == {"connection-000": ("BUSDT", "CUSDT")}
    roster = read_roster(settings)
    assert roster is not None
    assert roster.symbols == ("BUSDT", "CUSDT")
    assert set(roster.refused) == {"QUSDT"}
