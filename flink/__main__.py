"""`python -m flink` runs the job on the local mini-cluster; `python -m flink render` prints its SQL."""

from __future__ import annotations

import argparse
import sys

from flink.rendering import render
from orderbook.errors import OrderbookError
from orderbook.settings import load_settings
from runtime.ending import end_on_sigterm
from runtime.logs import configure_logs, get_logger


def main() -> int:
    """Run the command line; returns the exit status: 0 ended as asked, 1 with one line that says what failed."""
    parser = argparse.ArgumentParser(prog="python -m flink", description="The Flink job: metrics, windows and alerts.")
    parser.add_argument(
        "command",
        nargs="?",
        default="run",
        choices=("run", "render"),
        help="run (the default) on the local mini-cluster; render prints the SQL under the settings in force",
    )
    command = parser.parse_args().command
    try:
        settings = load_settings()
        configure_logs(level=settings.log_level, form=settings.log_format)
        if command == "render":
            sys.stdout.write(render(settings).script())
            return 0
        end_on_sigterm()
        from flink.mini_cluster import run  # noqa: PLC0415 - PyFlink takes a second to import, and render needs none

        run(settings)
    except OrderbookError as failed:
        get_logger("flink").error("failed", error=str(failed))
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
