"""`orderbook verify`: rebuild a recording and say whether its books are what the exchange says they were."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console

if TYPE_CHECKING:
    from orderbook.verification import Verification

MISMATCH: Final = 1
UNUSABLE: Final = 2
WIDTH: Final = 110
"""Columns that the tables need."""


def verify(
    recording: Annotated[list[Path], typer.Argument(help="Files or folders of segments; together, one recording.")],
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    symbol: Annotated[list[str] | None, typer.Option(help="Only this symbol; may be given again.")] = None,
    depth_levels: Annotated[
        int | None, typer.Option(min=1, max=100, help="Levels a side of each book; DEPTH_LEVELS by default.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Also fail on gaps and on what cannot be read.")] = False,
) -> None:
    """Rebuild the books of a recording and compare them with the exchange's best quotes.

    Exit status: 0 when all is well, 1 on a mismatch (with --strict also when something is missing), 2 when the
    recording cannot be used.
    """
    from orderbook.errors import OrderbookError  # noqa: PLC0415 - a command imports its room when it is called

    try:
        report = _verified(recording, symbol or [], depth_levels)
    except OrderbookError as unusable:
        Console(stderr=True).print(str(unusable), style="red", soft_wrap=True, highlight=False, markup=False)
        raise typer.Exit(UNUSABLE) from None
    if json:
        from orderbook.verification import encode_verification  # noqa: PLC0415 - the same

        typer.echo(encode_verification(report))
    else:
        from cli.verification_text import show  # noqa: PLC0415 - the same

        show(report, Console(highlight=False, soft_wrap=True, width=max(WIDTH, Console().width)))
    if report.mismatches or (strict and report.incomplete):
        raise typer.Exit(MISMATCH)


def _verified(recording: list[Path], symbols: list[str], depth_levels: int | None) -> Verification:
    """Verify with a progress bar on standard error, which shows only on a terminal."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415 - the same

    from connectors.recordings.files import size_bytes  # noqa: PLC0415 - the same
    from connectors.recordings.verifying import verify as rebuild  # noqa: PLC0415 - the same
    from orderbook.settings import load_settings  # noqa: PLC0415 - the same

    console = Console(stderr=True)
    levels = load_settings().depth_levels if depth_levels is None else depth_levels
    columns = (TextColumn("verifying"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("verifying", total=size_bytes(recording))
        return rebuild(
            recording,
            depth_levels=levels,
            symbols=symbols,
            bytes_read=lambda count: progress.advance(task, count),
        )
