"""`orderbook settings`: what is in force, and where each value came from."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table


def settings(*, json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False) -> None:
    """Show every setting with its value and origin; secrets are masked."""
    import msgspec  # noqa: PLC0415 - needed by this command alone

    from orderbook.settings import load_settings, settings_in_force  # noqa: PLC0415 - imported when called

    rows = settings_in_force(load_settings())
    if json:
        typer.echo(msgspec.json.format(msgspec.json.encode(rows)).decode())
        return
    table = Table("setting", "value", "origin", "meaning", box=None, header_style="bold", pad_edge=False)
    for row in rows:
        changed = row.origin != "default"
        table.add_row(row.name, row.value, row.origin, row.description, style="bold" if changed else None)
    Console().print(table, markup=False)
