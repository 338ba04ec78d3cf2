"""The recording of USD-M futures through Kafka and the job."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

from connectors.kafka.topics import create_topics
from local_stack.kafka import EmbeddedKafka
from orderbook.fitted import FittedTables, encode_fitted
from orderbook.settings import Settings
from orderbook.topics import Topics
from runtime.fitted_tables import fitted_in_force
from tests import fitting_oracle, oracle, reference, window_oracle
from tests.processes import eventually, running
from tests.recordings import USDM_BTC, lines, recording
from tests.topics import TopicReader

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(900)]

UPDATES = 6547
"""Diffs after the snapshot; the handbook's count."""


def trades() -> pl.DataFrame:
    return oracle.trades_of_recording(message for _, message in lines(USDM_BTC))


def bucket_sizes() -> dict[str, float]:
    """VPIN's buckets: the whole volume of the recording in 50."""
    return {"BTCUSDT": sum(abs(quantity) for quantity in trades()["quantity"]) / 50}


def fitted_for_recordings(folder: Path) -> Path:
    """The tables that come along, with those of futures for recordings."""
    of_futures = [
        msgspec.structs.replace(table, venues=["recording"])
        for table in fitted_in_force(Settings(_env_file=None)).symbols
        if table.venues == ["binance_usdm"]
    ]
    file = folder / "fitted.json"
    file.write_bytes(encode_fitted(FittedTables(symbols=of_futures)))
    return file


@pytest.fixture(scope="module")
def expected(written: dict[str, list[dict[str, Any]]]) -> pl.DataFrame:
    """The metrics by polars, from the frames as recorded; depth and sweeps from what the ingest published."""
    books = list(oracle.books_of_recording(message for _, message in lines(USDM_BTC)))
    fitted = fitting_oracle.fitted(books, oracle.metrics(pl.DataFrame(books)), 0.1)
    return oracle.metrics(oracle.published(pl.DataFrame(books), written["raw"]), {"BTCUSDT": fitted})


@pytest.fixture(scope="module")
def written(kafka_server: EmbeddedKafka, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """What the job wrote about the recording, by topic."""
    files = recording(USDM_BTC)
    folder = tmp_path_factory.mktemp("futures")
    settings = Settings(
        feed="recording",
        symbols=("BTCUSDT",),
        kafka_bootstrap_servers=kafka_server.bootstrap_servers,
        topic_prefix=f"t{uuid.uuid4().hex[:12]}",
        vpin_bucket_sizes=bucket_sizes(),
        fitted_file=fitted_for_recordings(folder),
        state_dir=folder / "state",
    )
    create_topics(settings)
    topics = Topics(settings.topic_prefix)
    read = (topics.raw, topics.metrics, topics.processed)
    readers = {name: TopicReader(settings.kafka_bootstrap_servers, name) for name in read}
    with running(settings, ["flink"], folder):
        replay = ["dataflows.replay", *map(str, files), "--speed", "max"]
        with running(settings, replay, folder, ready=False) as replayed:
            assert eventually(replayed.process.poll, 300.0) == 0, replayed.output()
        readers[topics.metrics].read_until(lambda rows: len(rows) >= UPDATES)
        rows = {name.rpartition(".")[2]: reader.read_all() for name, reader in readers.items()}
    for reader in readers.values():
        reader.close()
    return rows


def test_each_update_has_its_metrics(written: dict[str, list[dict[str, Any]]]) -> None:
    assert len(written["metrics"]) == UPDATES
    assert [row["update_id"] for row in written["metrics"] if row["ofi"] is None] == [
        written["metrics"][0]["update_id"]
    ], "only the first update has no flow"


def test_every_metric_of_every_update_equals_an_independent_computation(
    written: dict[str, list[dict[str, Any]]], expected: pl.DataFrame
) -> None:
    ours = pl.DataFrame(written["metrics"], infer_schema_length=None).sort("update_id")
    oracle.assert_equal(ours, expected, exact=["symbol", "update_id", "event_time_ms"], close=list(oracle.METRICS))
    # The widest bands are beyond what the recording's snapshot verifies.
    oracle.assert_measured(ours, [name for name in oracle.METRICS if not name.endswith("_50bps")])


@pytest.mark.parametrize("window_ms", [1000, 10_000, 60_000])
def test_every_window_equals_an_independent_computation(
    written: dict[str, list[dict[str, Any]]], expected: pl.DataFrame, window_ms: int
) -> None:
    ours = pl.DataFrame(written["processed"], infer_schema_length=None).filter(window_ms=window_ms)
    key = ["symbol", "window_ms", "window_start_ms"]
    theirs = window_oracle.windows(expected, window_ms).join(
        window_oracle.window_values(expected, trades(), window_ms, bucket_sizes()), on=key, validate="1:1"
    )
    # The last of the longer windows is closed by no record.
    closed = theirs.filter(pl.col("window_start_ms") <= ours["window_start_ms"].max())
    assert closed.height >= theirs.height - (window_ms > 1000)
    oracle.assert_equal(
        ours.sort("window_start_ms"),
        closed.sort("window_start_ms"),
        exact=[
            "symbol",
            "window_start_ms",
            "updates",
            "first_update_id",
            "last_update_id",
            *window_oracle.WINDOW_COUNTS,
        ],
        close=[*window_oracle.WINDOW_NUMBERS, *window_oracle.WINDOW_VALUES],
    )


def test_vpin_is_what_the_handbook_says(written: dict[str, list[dict[str, Any]]]) -> None:
    """Of the whole recording in 50 buckets."""
    last = max(written["processed"], key=lambda row: (row["window_end_ms"], -row["window_ms"]))
    assert round(last["vpin"], 3) == 0.571


def test_order_flow_says_little_about_what_comes_next(written: dict[str, list[dict[str, Any]]]) -> None:
    """docs/reference.md: R² of the next window's price change."""
    assert reference.explained_next(written["processed"], written["metrics"], "BTCUSDT") == 0.012


def test_the_microprice_is_a_worse_forecast_than_the_mid(written: dict[str, list[dict[str, Any]]]) -> None:
    """docs/reference.md: mean error a second later."""
    assert reference.forecast_errors(written["metrics"], "BTCUSDT") == pytest.approx((3.82, 4.15), abs=5e-3)


def test_a_spread_of_one_tick_has_no_z_score(written: dict[str, list[dict[str, Any]]]) -> None:
    assert {row["spread_zscore"] for row in written["processed"]} == {None}


def test_order_flow_explains_what_the_handbook_says(written: dict[str, list[dict[str, Any]]]) -> None:
    """R² of the price change over 10 s: order flow imbalance at the touch, and of ten levels."""
    assert reference.explained(written["processed"], written["metrics"], "BTCUSDT") == (0.58, 0.825)
    assert reference.explained_by_volume(written["processed"], written["metrics"], "BTCUSDT") == 0.246


def test_integrated_order_flow_explains_what_the_page_says(written: dict[str, list[dict[str, Any]]]) -> None:
    """docs/reference.md: R² of the price change over 10 s."""
    assert reference.explained_by_integrated(written["processed"], written["metrics"], "BTCUSDT") == 0.604


def test_order_flow_explains_more_than_trades(written: dict[str, list[dict[str, Any]]]) -> None:
    """R² over 1 s: the handbook's .532 against .366."""
    of_orders, _ = reference.explained(written["processed"], written["metrics"], "BTCUSDT", 1000)
    of_trades = reference.explained_by_volume(written["processed"], written["metrics"], "BTCUSDT", 1000)
    assert (of_orders, of_trades) == (0.532, 0.366)
