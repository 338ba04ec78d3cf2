"""`orderbook symbols`: which symbols are followed, and following others without a restart."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

symbols = typer.Typer(no_args_is_help=True, help="Show and change the symbols that are followed, without a restart.")

Names = Annotated[list[str], typer.Argument(help="Symbols, such as BTCUSDT.", metavar="SYMBOL...")]


@symbols.command("list")
def list_symbols(*, json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False) -> None:
    """Show the symbols in force, those that are asked for and not yet in force, and those that were refused."""
    import msgspec  # noqa: PLC0415 - needed by this command alone

    from orderbook.settings import load_settings  # noqa: PLC0415 - a command imports its room when it is called
    from runtime.roster import followed_symbols, read_roster, read_wanted  # noqa: PLC0415 - the same

    settings = load_settings()
    roster, wanted, followed = read_roster(settings), read_wanted(settings), followed_symbols(settings)
    refused = {} if roster is None else roster.refused
    awaited = [symbol for symbol in wanted.added if symbol not in followed and symbol not in refused]
    leaving = [symbol for symbol in wanted.removed if symbol in followed and symbol not in refused]
    if json:
        shown = {"symbols": followed, "adding": awaited, "removing": leaving, "refused": refused}
        typer.echo(msgspec.json.format(msgspec.json.encode(shown)).decode())
        return
    console = Console(highlight=False, soft_wrap=True, markup=False)
    for symbol in followed:
        console.print(f"{symbol} (is being removed)" if symbol in leaving else symbol)
    for symbol in awaited:
        console.print(f"{symbol} (is being added)")
    for symbol, reason in refused.items():
        console.print(f"{symbol} refused: {reason}")
    if roster is None:
        console.print(f"no ingest has followed SYMBOLS={','.join(settings.symbols)} yet")


@symbols.command("add")
def add(names: Names) -> None:
    """Follow more symbols."""
    _change(names, removing=False)


@symbols.command("remove")
def remove(names: Names) -> None:
    """Follow symbols no more."""
    _change(names, removing=True)


def _change(names: list[str], *, removing: bool) -> None:
    from orderbook.errors import SettingsError  # noqa: PLC0415 - a command imports its room when it is called
    from orderbook.settings import SYMBOL_PATTERN, load_settings  # noqa: PLC0415 - the same
    from runtime.roster import followed_symbols, read_wanted, write_wanted  # noqa: PLC0415 - the same

    settings = load_settings()
    asked = tuple(names)
    for name in asked:
        if not SYMBOL_PATTERN.fullmatch(name):
            raise SettingsError(f"{name!r} is not a symbol: use upper-case letters and digits, for example BTCUSDT")
    wanted, followed = read_wanted(settings), followed_symbols(settings)
    if removing:
        unknown = [name for name in asked if name not in followed and name not in wanted.added]
        if unknown:
            raise SettingsError(f"{', '.join(unknown)} is not followed: `orderbook symbols list` shows what is")
        if followed and not (set(followed) | set(wanted.added)) - set(asked) - set(wanted.removed):
            raise SettingsError("no symbol would be left: add another one first, or use `orderbook stop`")
    write_wanted(settings, wanted.removing(asked) if removing else wanted.adding(asked))
    done = "removed" if removing else "added"
    Console(highlight=False, soft_wrap=True, markup=False).print(
        f"{', '.join(asked)}: {done} within seconds, or when the ingest starts; `orderbook symbols list` shows it"
    )
