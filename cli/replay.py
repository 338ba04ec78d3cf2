"""`orderbook replay`: a recording through the running stack."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def replay(
    files: Annotated[list[Path], typer.Argument(help="Files, or folders of segments; together, one recording.")],
    speed: Annotated[str, typer.Option(help="1 is as recorded; max is flat out.")] = "1",
) -> None:
    """Send a recording through the running stack and wait until its last window is closed."""
    from dataflows.replay import send  # noqa: PLC0415 - a command imports its room when it is called

    send(files, speed)
