"""`orderbook status`: the processes of the stack as they are now."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table


def status(*, json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False) -> None:
    """Show each process's state, restarts and memory; exit status 1 when no stack is running."""
    import msgspec  # noqa: PLC0415 - needed by this command alone

    from local_stack.survey import survey  # noqa: PLC0415 - a command imports its room when it is called
    from orderbook.settings import load_settings  # noqa: PLC0415 - the same

    state_dir = load_settings().state_dir
    seen = survey(state_dir)
    if seen is None:
        typer.echo("null" if json else f"no stack is running in {state_dir}")
        raise typer.Exit(1)
    if json:
        typer.echo(msgspec.json.format(msgspec.json.encode(seen)).decode())
        return
    table = Table(
        "name", "state", "process", "restarts", "for", "memory", box=None, header_style="bold", pad_edge=False
    )
    for row in seen.processes:
        table.add_row(
            row.name,
            row.phase,
            "" if row.pid is None else str(row.pid),
            str(row.restarts or ""),
            f"{row.for_s:.0f} s",
            "" if row.memory_bytes is None else f"{row.memory_bytes / (1 << 20):.0f} MiB",
        )
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    if seen.feed is not None:
        console.print(f"feed {seen.feed}: {seen.why}", markup=False)
    if seen.dashboard:
        console.print(f"dashboard {seen.dashboard}", markup=False)
    console.print(f"memory of all processes {seen.memory_bytes / (1 << 20):.0f} MiB")
