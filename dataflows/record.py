"""The recorder by itself: the live feed to segments on disk, without Kafka.

`python -m bytewax.run dataflows.record` runs it; `python -m dataflows.record` also ends it tidily on SIGTERM, with its
last segments closed. Either way a crash costs at most the last second.
"""

from __future__ import annotations

import sys
import threading

import bytewax.operators as op
import typer
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition

from connectors.binance.endpoints import endpoints_of
from connectors.binance.rest import RestClient
from connectors.binance.roster import starting
from connectors.binance.selection import needs_volumes, select
from connectors.binance.venues import choose_feed
from connectors.recordings.live import RecordedBinanceSource
from connectors.recordings.recorder import recorder_of
from dataflows.ending import EndingSource
from dataflows.running import run_apart
from orderbook.errors import OrderbookError, SettingsError
from orderbook.messages import IngestMessage
from orderbook.settings import Settings, load_settings
from runtime.ending import end_on_sigterm
from runtime.logs import configure_logs, get_logger
from runtime.roster import read_wanted

log = get_logger("record")


def flow() -> Dataflow:
    """The recorder as the settings say, until it is interrupted."""
    return flow_until(threading.Event())


def flow_until(ending: threading.Event) -> Dataflow:
    """The recorder as the settings say, until `ending` is set; raises SettingsError as `recorded_source` does."""
    settings = load_settings()
    choice = choose_feed(settings.feed)
    log.info("feed_chosen", feed=choice.feed, why=choice.why)
    source, symbols = recorded_source(settings.model_copy(update={"feed": choice.feed}))
    log.info("recording", symbols=len(symbols), folder=str(settings.record_dir))
    record = Dataflow("record")
    op.output("nowhere", op.input("exchange", record, EndingSource(source, ending)), _Nowhere())
    return record


def recorded_source(settings: Settings) -> tuple[RecordedBinanceSource, tuple[str, ...]]:
    """The exchange of the settings with a recorder beside it, and the symbols followed from the start.

    Raises SettingsError where SYMBOLS names or picks what the exchange does not trade, where the feed is a recording
    itself, or where the folder cannot be recorded into.
    """
    if settings.feed == "recording":
        raise SettingsError("FEED=recording has nothing to record: choose an exchange or the simulator")
    endpoints = endpoints_of(settings)
    rest = RestClient(endpoints)
    listing = rest.listing()
    volumes = rest.quote_volumes() if needs_volumes(settings.symbols) else {}
    chosen = select(settings.symbols, listing, volumes)
    decision = starting(chosen, read_wanted(settings), listing)
    for symbol, reason in decision.refused.items():
        log.warning("symbol_refused", symbol=symbol, reason=reason)
    source = RecordedBinanceSource(endpoints, settings, listing, chosen, decision, recording=recorder_of(settings))
    return source, decision.symbols


class _Nowhere(DynamicSink[IngestMessage]):
    """Bytewax wants an output; what the books make is not needed here."""

    def build(self, step_id: str, worker_index: int, worker_count: int) -> _NowherePartition:  # noqa: ARG002 - Bytewax's signature
        return _NowherePartition()


class _NowherePartition(StatelessSinkPartition[IngestMessage]):
    def write_batch(self, items: list[IngestMessage]) -> None:
        """Let them go."""


def main() -> None:
    """Record until SIGTERM or SIGINT."""
    end_on_sigterm()
    ending = threading.Event()
    try:
        settings = load_settings()
        configure_logs(level=settings.log_level, form=settings.log_format)
        status = run_apart({"record": lambda: flow_until(ending)}, ending)
    except OrderbookError as refused:
        sys.stderr.write(f"{refused}\n")
        status = 1
    except KeyboardInterrupt:
        status = 0
    raise typer.Exit(status)


if __name__ == "__main__":
    typer.run(main)
