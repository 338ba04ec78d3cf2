"""`python -m panel_app`: serve the dashboard at DASHBOARD_HOST:DASHBOARD_PORT until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import sys

from orderbook.errors import OrderbookError
from orderbook.settings import load_settings
from runtime.ending import end_on_sigterm
from runtime.logs import configure_logs


def main() -> int:
    """Return the exit status: 0 when asked to end, 1 after one line that says why it could not serve."""
    end_on_sigterm()
    try:
        settings = load_settings()
        configure_logs(level=settings.log_level, form=settings.log_format)
        # Panel takes a second to import: a setting that is refused says so before.
        from panel_app.app import serve  # noqa: PLC0415

        return asyncio.run(serve(settings))
    except OrderbookError as refused:
        sys.stderr.write(f"{refused}\n")
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
