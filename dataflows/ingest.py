"""The ingest: exchange, simulator or recording -> books, trades, heartbeats, dead letters -> Kafka.

`python -m bytewax.run dataflows.ingest` runs it by itself; `python -m dataflows ingest` also ends it tidily on
SIGTERM. Promise: at least once, in order within a symbol; a batch counts as sent when the broker has acknowledged it.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source

from connectors.binance.endpoints import endpoints_of
from connectors.binance.line import LineRules
from connectors.binance.rest import RestClient
from connectors.binance.roster import starting
from connectors.binance.selection import needs_volumes, select
from connectors.binance.source import BinanceSource
from connectors.binance.venues import choose_feed
from connectors.kafka.newest import newest_event_time_ms
from connectors.kafka.sink import KafkaRecordSink
from connectors.recordings.files import RecordingSummary, summarise
from connectors.recordings.live import RecordedBinanceSource
from connectors.recordings.recorder import recorder_of
from connectors.recordings.source import RecordingSource
from dataflows.ending import EndingSource
from dataflows.routing import router
from orderbook.errors import SettingsError
from orderbook.messages import IngestMessage
from orderbook.settings import Settings, load_settings
from orderbook.topics import Topics
from runtime.logs import get_logger
from runtime.roster import read_wanted

log = get_logger("ingest")


def flow() -> Dataflow:
    """The ingest as the settings say, until it is interrupted."""
    return flow_until(threading.Event())


def flow_until(ending: threading.Event) -> Dataflow:
    """The ingest as the settings say, until `ending` is set.

    FEED=auto is resolved here unless whoever started us has done so.
    """
    settings = load_settings()
    choice = choose_feed(settings.feed)
    log.info("feed_chosen", feed=choice.feed, why=choice.why)
    settings = settings.model_copy(update={"feed": choice.feed})
    if settings.feed == "recording":
        recorded, symbols = recording_source(settings)
        return build(settings, EndingSource(recorded, ending), symbols)
    live, symbols = live_source(settings)
    return build(settings, EndingSource(live, ending), symbols)


def build(settings: Settings, source: Source[IngestMessage], symbols: tuple[str, ...]) -> Dataflow:
    """Wire a source of messages to Kafka. The step ids are state keys: they never change."""
    ingest = Dataflow("ingest")
    messages = op.input("exchange", ingest, source)
    records = op.flat_map("route", messages, router(settings, symbols))
    op.output("kafka", records, KafkaRecordSink(settings.kafka_bootstrap_servers))
    return ingest


def live_source(settings: Settings, rules: LineRules | None = None) -> tuple[BinanceSource, tuple[str, ...]]:
    """The exchange of the settings and the symbols that are followed from the start.

    Raises SettingsError where SYMBOLS names or picks what the exchange does not trade. What was asked for at run time
    (`orderbook symbols`) and is not traded is left out, and told. With RECORD=1 it also raises SettingsError where the
    folder cannot be recorded into. `rules` are the times of the connections, by default those of Binance.
    """
    endpoints = endpoints_of(settings)
    rest = RestClient(endpoints)
    listing = rest.listing()
    volumes = rest.quote_volumes() if needs_volumes(settings.symbols) else {}
    chosen = select(settings.symbols, listing, volumes)
    decision = starting(chosen, read_wanted(settings), listing)
    for symbol, reason in decision.refused.items():
        log.warning("symbol_refused", symbol=symbol, reason=reason)
    log.info("symbols_chosen", symbols=len(decision.symbols), connections=len(decision.assignment))
    if settings.record:
        recording = recorder_of(settings)
        return RecordedBinanceSource(
            endpoints, settings, listing, chosen, decision, recording=recording, rules=rules
        ), decision.symbols
    return BinanceSource(endpoints, settings, listing, chosen, decision, rules=rules), decision.symbols


def recording_source(settings: Settings) -> tuple[RecordingSource, tuple[str, ...]]:
    """The recording of the settings and its symbols; raises SettingsError as `refuse_newer_events` does."""
    summary = summarise(settings.recording)
    refuse_newer_events(settings, summary)
    source = RecordingSource(
        settings.recording,
        summary,
        speed=settings.recording_speed,
        depth_levels=settings.depth_levels,
        watermark_delay_ms=settings.watermark_delay_ms,
    )
    return source, summary.symbols


def refuse_newer_events(settings: Settings, summary: RecordingSummary) -> None:
    """Raise SettingsError when topic raw holds events that are newer than the recording's first.

    Event time would go back, and the job would drop the recording's windows as late.
    """
    raw = Topics(settings.topic_prefix).raw
    newest = newest_event_time_ms(settings.kafka_bootstrap_servers, raw)
    if newest is not None and newest >= summary.first_event_time_ms:
        raise SettingsError(
            f"{raw} already holds events up to {_utc(newest)}, and the recording begins at "
            f"{_utc(summary.first_event_time_ms)}: its windows would be late. Stop the stack, run `orderbook clean` "
            "and start it with FEED=recording, or give the recording a pipeline of its own with TOPIC_PREFIX"
        )


def _utc(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(sep=" ", timespec="milliseconds")
