"""`python -m connectors.simulator`: the simulated exchange at the address of the settings, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
import sys

from connectors.simulator.server import Exchange, ExchangeRules
from connectors.simulator.universe import listed_symbols
from orderbook.errors import OrderbookError
from orderbook.settings import Settings, load_settings
from runtime.ending import end_on_sigterm
from runtime.logs import configure_logs
from runtime.readiness import announce_ready


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; raises ServiceUnavailable where the port cannot be had."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    exchange = Exchange(
        ExchangeRules(
            symbols=listed_symbols(settings.symbols),
            seed=settings.simulator_seed,
            speed=settings.simulator_speed,
            light_after=settings.simulator_light_after,
            ledger=settings.simulator_ledger,
        )
    )
    await exchange.serve(settings.simulator_host, settings.simulator_port)
    announce_ready()
    pacing = asyncio.create_task(exchange.pace())
    ending = asyncio.create_task(ended.wait())
    try:
        await asyncio.wait((pacing, ending), return_when=asyncio.FIRST_COMPLETED)
        if pacing.done():
            pacing.result()
    finally:
        pacing.cancel()
        ending.cancel()
        await exchange.end()


def main() -> int:
    """Return the exit status: 0, or 1 after one line that says why."""
    end_on_sigterm()
    try:
        settings = load_settings()
        configure_logs(level=settings.log_level, form=settings.log_format)
        asyncio.run(serve(settings))
    except OrderbookError as refused:
        sys.stderr.write(f"{refused}\n")
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
