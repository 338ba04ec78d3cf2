"""`orderbook run`: start the stack on this machine and keep it running."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.console import Console


def run(
    *,
    only: Annotated[
        str, typer.Option(help="Start these embedded servers only, comma-separated: valkey, postgres, kafka.")
    ] = "",
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show every process's log lines.")] = False,
) -> None:
    """Start everything, in order and with health checks, and keep it running until Ctrl-C or `orderbook stop`."""
    from local_stack import preconditions, stack  # noqa: PLC0415 - a command imports its room when it is called
    from local_stack.guarding import continue_guarded  # noqa: PLC0415 - the same
    from local_stack.state import StackLock  # noqa: PLC0415 - the same
    from orderbook.settings import load_settings  # noqa: PLC0415 - the same

    names = tuple(name.strip() for name in only.split(",") if name.strip())
    unknown = [name for name in names if name not in stack.SERVERS]
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}: choose from {', '.join(stack.SERVERS)}", param_hint="--only")
    in_force = load_settings()
    preconditions.check_platform()
    preconditions.check_state_dir(in_force.state_dir)
    lock = StackLock(in_force.state_dir)
    lock.take()
    preconditions.check_space(in_force.state_dir)
    preconditions.check_ports(stack.wanted_ports(in_force, names))
    guardian = continue_guarded(lock)
    lock.sign(guardian)
    raise typer.Exit(asyncio.run(stack.StackRun(in_force, Console(), only=names, verbose=verbose).run()))
