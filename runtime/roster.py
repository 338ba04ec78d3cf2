"""The symbols that are followed, and those that somebody wants to be followed, as two files in STATE_DIR.

`symbols.json` is written by the ingest and read by whoever shows symbols; `symbols_wanted.json` is written by
`orderbook symbols` and read by the ingest. Both name the SYMBOLS they belong to: with another SYMBOLS they count as
absent. A file is replaced as a whole, so that no reader sees half of it.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from orderbook.settings import Settings

ROSTER_FILE: Final = "symbols.json"
WANTED_FILE: Final = "symbols_wanted.json"

F = TypeVar("F", "Roster", "WantedSymbols")


class Roster(msgspec.Struct, frozen=True, kw_only=True):
    """The symbols in force, the SYMBOLS they were chosen by, and what was asked for but refused, with the reason."""

    tokens: tuple[str, ...]
    symbols: tuple[str, ...]
    refused: dict[str, str] = {}


class WantedSymbols(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be followed beside and instead of what `tokens`, the SYMBOLS, stand for."""

    tokens: tuple[str, ...]
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def adding(self, symbols: tuple[str, ...]) -> WantedSymbols:
        """The same with these symbols followed."""
        return WantedSymbols(
            tokens=self.tokens,
            added=tuple(dict.fromkeys((*self.added, *symbols))),
            removed=tuple(symbol for symbol in self.removed if symbol not in symbols),
        )

    def removing(self, symbols: tuple[str, ...]) -> WantedSymbols:
        """The same with these symbols not followed."""
        return WantedSymbols(
            tokens=self.tokens,
            added=tuple(symbol for symbol in self.added if symbol not in symbols),
            removed=tuple(dict.fromkeys((*self.removed, *symbols))),
        )

    def applied_to(self, symbols: tuple[str, ...]) -> tuple[str, ...]:
        """What is wanted where the tokens stand for `symbols`, in their order, the added ones last."""
        return tuple(symbol for symbol in dict.fromkeys((*symbols, *self.added)) if symbol not in self.removed)


def read_roster(settings: Settings) -> Roster | None:
    """The symbols in force; None where no ingest with this SYMBOLS has written them."""
    return _read(settings, ROSTER_FILE, Roster)


def write_roster(settings: Settings, roster: Roster) -> None:
    """Replace the symbols in force; raises OSError."""
    _write(settings.state_dir / ROSTER_FILE, msgspec.json.encode(roster))


def read_wanted(settings: Settings) -> WantedSymbols:
    """What was asked for with this SYMBOLS; nothing where nothing was."""
    return _read(settings, WANTED_FILE, WantedSymbols) or WantedSymbols(tokens=settings.symbols)


def write_wanted(settings: Settings, wanted: WantedSymbols) -> None:
    """Replace what is asked for; raises OSError."""
    _write(settings.state_dir / WANTED_FILE, msgspec.json.encode(wanted))


def followed_symbols(settings: Settings) -> tuple[str, ...]:
    """The symbols in force, as far as this process can know: the ingest's where it has written them, else the names.

    Of a SYMBOLS that picks (ALL:USDT, TOP20:USDT) only the names in it are known before the ingest has run.
    """
    roster = read_roster(settings)
    return roster.symbols if roster is not None else named_symbols(settings)


def named_symbols(settings: Settings) -> tuple[str, ...]:
    """The symbols that SYMBOLS names, without those it picks."""
    return tuple(token for token in settings.symbols if ":" not in token)


def _read(settings: Settings, name: str, form: type[F]) -> F | None:
    try:
        read = msgspec.json.decode((settings.state_dir / name).read_bytes(), type=form)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return read if read.tokens == settings.symbols else None


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, written = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(written).chmod(0o644)
        Path(written).replace(path)
    except BaseException:
        Path(written).unlink(missing_ok=True)
        raise
