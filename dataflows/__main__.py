"""`python -m dataflows ingest|bridge`: run a flow until SIGTERM or SIGINT, and end it tidily with status 0."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable

import typer

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help="The flows.")


@app.command()
def ingest() -> None:
    """Exchange, simulator or recording to Kafka."""
    from dataflows.ingest import flow_until  # noqa: PLC0415 - each command loads its own libraries only
    from dataflows.running import run_apart  # noqa: PLC0415

    ending = threading.Event()
    _end_with(lambda: run_apart({"ingest": lambda: flow_until(ending)}, ending))


@app.command()
def bridge() -> None:
    """Kafka to the database and to Redis."""
    from dataflows.bridge import Bridge  # noqa: PLC0415 - each command loads its own libraries only
    from dataflows.running import run_apart  # noqa: PLC0415
    from orderbook.settings import load_settings  # noqa: PLC0415

    ending = threading.Event()
    _end_with(lambda: run_apart(Bridge(load_settings(), ending).ways(), ending))


def _end_with(run: Callable[[], int]) -> None:
    from orderbook.errors import OrderbookError  # noqa: PLC0415 - see above
    from orderbook.settings import load_settings  # noqa: PLC0415
    from runtime.ending import end_on_sigterm  # noqa: PLC0415
    from runtime.logs import configure_logs  # noqa: PLC0415

    end_on_sigterm()
    try:
        settings = load_settings()
        configure_logs(level=settings.log_level, form=settings.log_format)
        status = run()
    except OrderbookError as refused:
        sys.stderr.write(f"{refused}\n")
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        status = 0
    raise typer.Exit(status)


if __name__ == "__main__":
    os.environ.setdefault("RUST_BACKTRACE", "0")  # Bytewax's own frames say nothing about a failure of ours
    app(prog_name="python -m dataflows")
