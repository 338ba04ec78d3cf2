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

from connectors.binance.venues import choose_feed
from dataflows.ending import EndingSource
from dataflows.ingest import live_source
from dataflows.running import run_apart
from orderbook.errors import OrderbookError, SettingsError
from orderbook.messages import IngestMessage
from orderbook.settings import load_settings
from runtime.ending import end_on_sigterm
from runtime.logs import configure_logs, get_logger

log = get_logger("record")


def flow() -> Dataflow:
    """The recorder as the settings say, until it is interrupted."""
    return flow_until(threading.Event())


def flow_until(ending: threading.Event) -> Dataflow:
    """The recorder as the settings say, until `ending` is set.

    Raises SettingsError as `live_source` does, and where the feed is a recording itself.
    """
    settings = load_settings(record=True)
    choice = choose_feed(settings.feed)
    log.info("feed_chosen", feed=choice.feed, why=choice.why)
    if choice.feed == "recording":
        raise SettingsError("FEED=recording has nothing to record: choose an exchange or the simulator")
    source, symbols = live_source(settings.model_copy(update={"feed": choice.feed}))
    log.info("recording", symbols=len(symbols), folder=str(settings.record_dir))
    record = Dataflow("record")
    op.output("nowhere", op.input("exchange", record, EndingSource(source, ending)), _Nowhere())
    return record


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
