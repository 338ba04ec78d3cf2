"""`orderbook fit`: the tables of the microprice and of the integrated flow, from a recording."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from orderbook.fitted import FittedSymbol


def fit(
    recording: Annotated[list[Path], typer.Argument(help="Files or folders of segments; together, one recording.")],
    *,
    venue: Annotated[
        list[str], typer.Option(help="Venue the tables are for: binance, binance_usdm, …; once for each.")
    ],
    out: Annotated[Path, typer.Option(help="File to write, for FITTED_FILE; tables it has of others are kept.")],
) -> None:
    """Fit the microprice and the integrated order flow imbalance on a recording."""
    from orderbook.fitted import FittedTables, decode_fitted, encode_fitted  # noqa: PLC0415 - imported when called

    kept = decode_fitted(out.read_bytes(), str(out)).symbols if out.is_file() else []
    fitted = _fitted(recording, venue)
    again = {(name, one.symbol) for one in fitted for name in one.venues}
    others = []
    for one in kept:
        venues = [name for name in one.venues if (name, one.symbol) not in again]
        others += [msgspec.structs.replace(one, venues=venues)] if venues else []
    out.write_bytes(encode_fitted(FittedTables(symbols=others + fitted)))
    Console().print(_shown(fitted), markup=False)
    typer.echo(
        f"{out} written: {len(fitted)} fitted, {len(others)} kept. Set FITTED_FILE={out} and start the stack anew."
    )


def _fitted(recording: list[Path], venues: list[str]) -> list[FittedSymbol]:
    """Fit with a progress bar on standard error, which shows only on a terminal."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415 - the same

    from connectors.recordings.files import size_bytes  # noqa: PLC0415 - the same
    from connectors.recordings.fitting import fit as fit_recording  # noqa: PLC0415 - the same
    from orderbook.settings import load_settings  # noqa: PLC0415 - the same

    console = Console(stderr=True)
    columns = (TextColumn("fitting"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("fitting", total=size_bytes(recording))
        return fit_recording(
            recording,
            venues,
            depth=load_settings().calculate_depth,
            bytes_read=lambda count: progress.advance(task, count),
        )


def _shown(fitted: list[FittedSymbol]) -> Table:
    table = Table(
        *("symbol", "books", "from (UTC)", "to (UTC)", "tick", "states", "weight of level 1"),
        box=None,
        header_style="bold",
        pad_edge=False,
    )
    for one in fitted:
        known = sum(adjustment is not None for of_spread in one.adjustments for adjustment in of_spread)
        first = f"{one.flow_weights[0]:.3f}" if one.flow_weights else "too short"
        span = (_time(one.first_event_time_ms), _time(one.last_event_time_ms))
        table.add_row(one.symbol, f"{one.books:,}", *span, f"{one.tick_size:g}", str(known), first)
    return table


def _time(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}"
