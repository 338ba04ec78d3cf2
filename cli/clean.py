"""`orderbook clean`: remove the local state."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console


def clean(*, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Remove all local state: jars, logs, and everything stored by Kafka, PostgreSQL, Valkey and Flink."""
    from local_stack import ending  # noqa: PLC0415 - a command imports its room when it is called
    from orderbook.settings import load_settings  # noqa: PLC0415 - the same

    state_dir = load_settings().state_dir
    console = Console(highlight=False, soft_wrap=True)
    if not state_dir.exists():
        console.print(f"{state_dir} does not exist: nothing to remove")
        return
    if not yes:
        typer.confirm(f"Remove everything in {state_dir}?", abort=True)
    for removed in ending.clean(state_dir):
        console.print(f"removed {removed.path} ({removed.size_bytes / 1e6:.1f} MB)")
