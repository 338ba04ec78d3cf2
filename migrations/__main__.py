"""`python -m migrations up|status|verify|new NAME`: see docs/storage.md."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from migrations.runner import Limits, apply_pending, connected, discrepancies, standings
from migrations.script import read_scripts, write_new
from orderbook.errors import OrderbookError
from orderbook.settings import load_settings
from runtime.ending import end_on_sigterm
from runtime.logs import configure_logs

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="The database's schema.", pretty_exceptions_enable=False
)
out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True, highlight=False)

Patience = Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for the database to let us in.")]


@app.command()
def up(
    wait: Patience = 30,
    lock_timeout: Annotated[float, typer.Option(min=0.001, help="Seconds a statement may wait for a lock.")] = 10,
    statement_timeout: Annotated[float, typer.Option(min=0.001, help="Seconds a statement may take.")] = 600,
) -> None:
    """Apply every pending migration; harmless when repeated."""
    with _one_sentence():
        scripts = read_scripts()
        limits = Limits(lock=timedelta(seconds=lock_timeout), statement=timedelta(seconds=statement_timeout))
        with connected(_conninfo(), patience_s=wait) as connection:
            done = apply_pending(connection, scripts, limits)
        applied = sum(standing.state == "applied" for standing in done)
        skipped = [standing for standing in done if standing.state == "skipped"]
        out.print(f"{applied} applied, {len(skipped)} skipped, {len(scripts)} in all")
        for standing in skipped:
            out.print(f"skipped {standing.script.file_name}: {standing.entry.reason if standing.entry else ''}")


@app.command()
def status(wait: Patience = 30) -> None:
    """Show how each migration stands."""
    with _one_sentence():
        table = Table("migration", "state", "applied at", "took", "sha256", "reason")
        with connected(_conninfo(), patience_s=wait) as connection:
            for standing in standings(connection, read_scripts()):
                entry = standing.entry
                table.add_row(
                    standing.script.file_name,
                    standing.state,
                    f"{entry.applied_at:%Y-%m-%d %H:%M:%S%z}" if entry else "",
                    f"{entry.duration.total_seconds() * 1000:.0f} ms" if entry else "",
                    standing.script.sha256[:12],
                    (entry.reason or "") if entry else "",
                )
        out.print(table)


@app.command()
def verify(wait: Patience = 30) -> None:
    """Exit with status 1 and a sentence for each file that was changed after it was applied, or is still pending."""
    with _one_sentence():
        scripts = read_scripts()
        with connected(_conninfo(), patience_s=wait) as connection:
            wrong = discrepancies(connection, scripts)
            wrong += [
                f"{standing.script.file_name} is pending: run `python -m migrations up`"
                for standing in standings(connection, scripts)
                if standing.state == "pending"
            ]
    for sentence in wrong:
        err.print(sentence, markup=False)
    if wrong:
        raise typer.Exit(1)
    out.print(f"{len(scripts)} migrations, none changed, none pending")


@app.command()
def new(name: Annotated[str, typer.Argument(help="Lower-case words joined by underscores.")]) -> None:
    """Create the next numbered SQL file."""
    with _one_sentence():
        out.print(str(write_new(name)), markup=False)


@contextmanager
def _one_sentence() -> Iterator[None]:
    """Turn an error of ours into its sentence on standard error and exit status 1."""
    try:
        yield
    except OrderbookError as refused:
        err.print(str(refused), markup=False)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _conninfo() -> str:
    settings = load_settings()
    configure_logs(level=settings.log_level, form=settings.log_format)
    return settings.database_conninfo


if __name__ == "__main__":
    end_on_sigterm()
    app(prog_name="python -m migrations")
