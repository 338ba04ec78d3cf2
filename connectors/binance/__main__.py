"""`python -m connectors.binance`: resolve FEED, and print one JSON line, {"feed": …, "why": …}."""

from __future__ import annotations

import sys

import msgspec

from connectors.binance.venues import choose_feed
from orderbook.errors import OrderbookError
from orderbook.settings import load_settings


def main() -> int:
    """Return the exit status: 0, or 1 after one line that says why."""
    try:
        choice = choose_feed(load_settings().feed)
    except OrderbookError as refused:
        sys.stderr.write(f"{refused}\n")
        return 1
    sys.stdout.write(msgspec.json.encode(choice).decode() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
