"""The recordings of BTC and ETH through the real stack: Kafka, Flink, PostgreSQL and Valkey as processes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest
import redis

from connectors.kafka.topics import create_topics
from local_stack.kafka import EmbeddedKafka
from local_stack.postgres import EmbeddedPostgres
from local_stack.valkey import EmbeddedValkey
from orderbook.settings import Settings
from orderbook.topics import Topics
from tests import fitting_oracle, oracle, reference, window_oracle
from tests.processes import eventually, running
from tests.recordings import BTC, ETH, lines, recording
from tests.topics import TopicReader

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(900)]


@dataclass(frozen=True, slots=True)
class Run:
    """What the stack made of the recordings, and what the oracle says it should have."""

    settings: Settings
    raw: list[dict[str, Any]]
    metrics: list[dict[str, Any]]
    windows: list[dict[str, Any]]
    alerts: list[dict[str, Any]]
    dead_letters: int
    replay_said: str
    expected_metrics: pl.DataFrame
    expected_windows: pl.DataFrame


@pytest.fixture(scope="module")
def run(
    kafka_server: EmbeddedKafka,
    postgres_server: EmbeddedPostgres,
    valkey_server: EmbeddedValkey,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Run]:
    files = recording(BTC) + recording(ETH)
    trades = _trades()
    folder = tmp_path_factory.mktemp("pipeline")
    with psycopg.connect(postgres_server.conninfo, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS orderbook_metrics, orderbook_alerts CASCADE")
        connection.execute("DROP TABLE IF EXISTS schema_migrations CASCADE")
    settings = Settings(
        feed="recording",
        symbols=("BTCUSDT", "ETHUSDT"),
        kafka_bootstrap_servers=kafka_server.bootstrap_servers,
        topic_prefix=f"t{uuid.uuid4().hex[:12]}",
        database_host=postgres_server.host,
        database_port=postgres_server.port,
        database_name=postgres_server.dbname,
        database_user=postgres_server.user,
        database_password=postgres_server.password,
        redis_host=valkey_server.host,
        redis_port=valkey_server.port,
        redis_latest_ttl_s=3600,
        vpin_bucket_sizes=_bucket_sizes(trades),
        state_dir=folder / "state",
    )
    create_topics(settings)
    topics = Topics(settings.topic_prefix)
    with running(settings, ["migrations", "up"], folder, ready=False) as migrated:
        assert eventually(migrated.process.poll, 60.0) == 0, migrated.output()
    readers = {
        name: TopicReader(settings.kafka_bootstrap_servers, name)
        for name in (topics.raw, topics.metrics, topics.processed, topics.alerts, topics.dead_letter)
    }
    with running(settings, ["flink"], folder), running(settings, ["dataflows", "bridge"], folder):
        replay = ["dataflows.replay", *map(str, files), "--speed", "max"]
        with running(settings, replay, folder, ready=False) as replayed:
            assert eventually(replayed.process.poll, 300.0) == 0, replayed.output()
        expected_books = pl.concat(
            pl.DataFrame(list(oracle.books_of_recording(message for _, message in lines(names))))
            for names in (BTC, ETH)
        )
        readers[topics.metrics].read_until(lambda rows: len(rows) >= expected_books.height)
        readers[topics.raw].read_all()
        fitted = {}
        for symbol in settings.symbols:
            own = expected_books.filter(symbol=symbol)
            fitted[symbol] = fitting_oracle.fitted(own.to_dicts(), oracle.metrics(own), 0.01)
        expected_metrics = oracle.metrics(oracle.published(expected_books, readers[topics.raw].rows), fitted)
        expected_windows = window_oracle.windows(expected_metrics)
        with psycopg.connect(postgres_server.conninfo, autocommit=True) as connection:
            eventually(lambda: _stored(connection) >= expected_windows.height or None, 60.0)
        for reader in readers.values():
            reader.read_all()
        yield Run(
            settings=settings,
            raw=readers[topics.raw].rows,
            metrics=readers[topics.metrics].rows,
            windows=readers[topics.processed].rows,
            alerts=readers[topics.alerts].rows,
            dead_letters=len(readers[topics.dead_letter].rows),
            replay_said=replayed.output(),
            expected_metrics=expected_metrics,
            expected_windows=expected_windows,
        )
    for reader in readers.values():
        reader.close()


def _trades() -> pl.DataFrame:
    return pl.concat(oracle.trades_of_recording(message for _, message in lines(names)) for names in (BTC, ETH))


def _bucket_sizes(trades: pl.DataFrame) -> dict[str, float]:
    """VPIN's buckets: a fiftieth of what the recording holds of a symbol."""
    return {
        str(symbol): float(of_symbol["quantity"].abs().sum()) / 50 for (symbol,), of_symbol in trades.group_by("symbol")
    }


def _stored(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT count(*) FROM orderbook_metrics WHERE window_ms = 1000").fetchone()
    assert row is not None
    return int(row[0])


def test_there_is_a_book_for_every_diff_after_the_snapshot(run: Run) -> None:
    """The handbook's counts: 6493 for spot BTC, 6468 for spot ETH."""
    books = [row for row in run.raw if row["type"] == "book"]
    assert {symbol: sum(book["symbol"] == symbol for book in books) for symbol in ("BTCUSDT", "ETHUSDT")} == {
        "BTCUSDT": 6493,
        "ETHUSDT": 6468,
    }
    assert {row["venue"] for row in run.raw} == {"recording"}
    assert run.dead_letters == 0


def test_every_best_quote_of_the_same_update_is_ours(run: Run) -> None:
    quotes = {
        (data["s"], data["u"]): tuple(float(data[name]) for name in ("b", "B", "a", "A"))
        for names in (BTC, ETH)
        for _, message in lines(names)
        if "B" in (data := message.get("data", {}))
    }
    compared = {
        (row["symbol"], row["update_id"]): tuple(
            row[name] for name in ("best_bid", "best_bid_qty", "best_ask", "best_ask_qty")
        )
        for row in run.metrics
        if (row["symbol"], row["update_id"]) in quotes
    }
    assert len(compared) == 1072 + 1056
    assert compared == {key: quotes[key] for key in compared}
    assert "0 gaps, 0 mismatches in 2128 comparisons" in run.replay_said


def test_every_metric_of_every_update_equals_an_independent_computation(run: Run) -> None:
    ours = pl.DataFrame(run.metrics, infer_schema_length=None).sort("symbol", "update_id")
    theirs = run.expected_metrics.sort("symbol", "update_id")
    assert_columns = [
        *oracle.METRICS,
        "best_bid",
        "best_ask",
        "best_bid_qty",
        "best_ask_qty",
        "bid_depth",
        "ask_depth",
        "bid_weighted_depth",
        "ask_weighted_depth",
        "spread_baseline",
    ]
    oracle.assert_equal(ours, theirs, exact=["symbol", "update_id", "event_time_ms"], close=assert_columns)
    oracle.assert_measured(ours, [*oracle.SUPPLIES, *oracle.COSTS])
    assert ours["state"].unique().to_list() == ["live"]


def test_every_window_equals_an_independent_computation(run: Run) -> None:
    ours = pl.DataFrame(run.windows, infer_schema_length=None).filter(window_ms=1000).sort("symbol", "window_start_ms")
    oracle.assert_equal(
        ours,
        run.expected_windows,
        exact=["symbol", "window_start_ms", "updates", "first_update_id", "last_update_id"],
        close=window_oracle.WINDOW_NUMBERS,
    )
    oracle.assert_measured(ours, window_oracle.WINDOW_DEPTHS)
    assert (ours["window_end_ms"] - ours["window_start_ms"]).unique().to_list() == [1000]


@pytest.mark.parametrize("window_ms", [10_000, 60_000])
def test_the_longer_windows_equal_an_independent_computation(run: Run, window_ms: int) -> None:
    """All but the last of each symbol, which no record closes."""
    ours = pl.DataFrame(run.windows, infer_schema_length=None).filter(window_ms=window_ms)
    theirs = window_oracle.windows(run.expected_metrics, window_ms)
    last = pl.col("window_start_ms") == pl.col("window_start_ms").max().over("symbol")
    closed = theirs.filter(~last | pl.struct("symbol", "window_start_ms").is_in(_keys(ours)))
    oracle.assert_equal(
        ours.sort("symbol", "window_start_ms"),
        closed,
        exact=["symbol", "window_start_ms", "updates", "first_update_id", "last_update_id"],
        close=window_oracle.WINDOW_NUMBERS,
    )
    oracle.assert_measured(ours, window_oracle.WINDOW_DEPTHS)
    assert closed.height >= theirs.height - 2


def _keys(windows: pl.DataFrame) -> list[dict[str, Any]]:
    return windows.select("symbol", "window_start_ms").to_dicts()


@pytest.mark.parametrize("window_ms", [1000, 10_000, 60_000])
def test_trades_returns_and_impact_equal_an_independent_computation(run: Run, window_ms: int) -> None:
    ours = pl.DataFrame(run.windows, infer_schema_length=None).filter(window_ms=window_ms)
    trades = _trades()
    theirs = window_oracle.window_values(run.expected_metrics, trades, window_ms, _bucket_sizes(trades))
    closed = theirs.filter(pl.struct("symbol", "window_start_ms").is_in(_keys(ours)))
    oracle.assert_equal(
        ours.sort("symbol", "window_start_ms"),
        closed.sort("symbol", "window_start_ms"),
        exact=["symbol", "window_start_ms", *window_oracle.WINDOW_COUNTS],
        close=window_oracle.WINDOW_VALUES,
    )


def test_vpin_is_what_the_handbook_says(run: Run) -> None:
    """Of the whole recording in 50 buckets."""
    newest = {row["symbol"]: row for row in sorted(run.windows, key=lambda row: row["window_end_ms"])}
    assert {symbol: round(row["vpin"], 3) for symbol, row in newest.items()} == {"BTCUSDT": 0.402, "ETHUSDT": 0.457}


def test_the_share_of_the_touch_is_what_the_handbook_says(run: Run) -> None:
    """vtob_ratio: the 5th, 50th and 95th percentile of all updates."""
    rows = pl.DataFrame(run.metrics, infer_schema_length=None)
    percentiles = {
        symbol: [round(rows.filter(symbol=symbol)["vtob_ratio"].quantile(share) or 0, 2) for share in (0.05, 0.5, 0.95)]
        for symbol in ("BTCUSDT", "ETHUSDT")
    }
    assert percentiles == {"BTCUSDT": [0.37, 0.66, 0.83], "ETHUSDT": [0.18, 0.37, 0.59]}


def test_order_flow_says_little_about_what_comes_next(run: Run) -> None:
    """docs/reference.md: R² of the next window's price change."""
    assert reference.explained_next(run.windows, run.metrics, "BTCUSDT") == 0.008
    assert reference.explained_next(run.windows, run.metrics, "ETHUSDT") == 0.034


def test_the_microprice_is_a_worse_forecast_than_the_mid(run: Run) -> None:
    """docs/reference.md: mean error a second later."""
    assert reference.forecast_errors(run.metrics, "BTCUSDT") == pytest.approx((3.63, 5.34), abs=5e-3)
    assert reference.forecast_errors(run.metrics, "ETHUSDT") == pytest.approx((0.206, 0.245), abs=5e-4)


def test_a_spread_of_one_tick_has_no_z_score(run: Run) -> None:
    assert {row["spread_zscore"] for row in run.windows} == {None}


def test_signed_volume_explains_what_the_handbook_says(run: Run) -> None:
    """R² of the price change over 10 s on the signed volume of the trades."""
    assert reference.explained_by_volume(run.windows, run.metrics, "BTCUSDT") == 0.242
    assert reference.explained_by_volume(run.windows, run.metrics, "ETHUSDT") == 0.132


def test_order_flow_explains_what_the_handbook_says(run: Run) -> None:
    """R² of the price change over 10 s: order flow imbalance at the touch, and of ten levels."""
    assert reference.explained(run.windows, run.metrics, "BTCUSDT") == (0.615, 0.715)
    assert reference.explained(run.windows, run.metrics, "ETHUSDT") == (0.684, 0.835)


def test_integrated_order_flow_explains_what_the_page_says(run: Run) -> None:
    """docs/reference.md: R² of the price change over 10 s."""
    assert reference.explained_by_integrated(run.windows, run.metrics, "BTCUSDT") == 0.628
    assert reference.explained_by_integrated(run.windows, run.metrics, "ETHUSDT") == 0.755


@pytest.mark.parametrize("window_ms", [1000, 10_000, 60_000])
def test_a_window_says_how_long_its_symbol_was_trusted(run: Run, window_ms: int) -> None:
    for symbol in ("BTCUSDT", "ETHUSDT"):
        states = [
            (row["event_time_ms"], row["state"] == "live" if "state" in row else row["end_event_time_ms"] is not None)
            for row in run.raw
            if row["symbol"] == symbol
        ]
        expected = window_oracle.trusted_ms(states, window_ms)
        got = {
            row["window_start_ms"]: row["trusted_ms"]
            for row in run.windows
            if row["symbol"] == symbol and row["window_ms"] == window_ms
        }
        assert got == {start: expected[start] for start in got}
        assert got[min(got)] < window_ms, "the recording begins within a window, without a snapshot"


def test_the_database_holds_every_window_exactly_once(run: Run) -> None:
    columns = ["symbol", "updates", "first_update_id", "last_update_id", *window_oracle.WINDOW_NUMBERS]
    with psycopg.connect(run.settings.database_conninfo) as connection:
        cursor = connection.execute(
            "SELECT (extract(epoch FROM window_start) * 1000)::bigint AS window_start_ms, "  # noqa: S608 - our own names
            f"{', '.join(columns)} FROM orderbook_metrics WHERE window_ms = 1000 ORDER BY symbol, window_start"
        )
        rows, names = cursor.fetchall(), ["window_start_ms", *columns]
        stored = pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None)
    oracle.assert_equal(
        stored,
        run.expected_windows,
        exact=["symbol", "window_start_ms", "updates", "first_update_id", "last_update_id"],
        close=window_oracle.WINDOW_NUMBERS,
    )
    oracle.assert_measured(stored, window_oracle.WINDOW_DEPTHS)


def test_redis_holds_the_newest_of_each_symbol(run: Run) -> None:
    client = redis.Redis(run.settings.redis_host, run.settings.redis_port)
    for symbol in ("BTCUSDT", "ETHUSDT"):
        last = run.expected_metrics.filter(pl.col("symbol") == symbol).row(-1, named=True)

        def newest(symbol: str = symbol, update_id: int = last["update_id"]) -> dict[str, Any] | None:
            value = client.get(f"orderbook:{symbol}:latest")
            assert isinstance(value, bytes)
            row: dict[str, Any] = json.loads(value)
            return row if row["update_id"] == update_id else None

        row = eventually(newest, 30.0)
        assert row["venue"] == "recording"
        assert row["mid"] == pytest.approx(last["mid"], rel=1e-12)
    client.close()


def test_few_episodes_of_extreme_imbalance_and_each_of_them_stored(run: Run) -> None:
    """The handbook's counts with the default thresholds: 17 episodes on spot BTC, 3 on spot ETH, each reaching high."""
    fired = [row for row in run.alerts if row["rule"] == "extreme_imbalance" and row["status"] == "FIRING"]
    first = {row["alert_id"]: row["symbol"] for row in fired}
    assert {symbol: list(first.values()).count(symbol) for symbol in ("BTCUSDT", "ETHUSDT")} == {
        "BTCUSDT": 17,
        "ETHUSDT": 3,
    }
    with psycopg.connect(run.settings.database_conninfo) as connection:
        stored = eventually(
            lambda: (
                {
                    row[0]: row[1]
                    for row in connection.execute("SELECT alert_id, severity FROM orderbook_alerts").fetchall()
                }
                or None
            )
        )
    assert {stored[alert_id] for alert_id in first} == {"high"}
    assert set(stored) == {row["alert_id"] for row in run.alerts}


def test_a_second_replay_over_newer_events_is_refused(run: Run, tmp_path: Path) -> None:
    again = ["dataflows.replay", *map(str, recording(BTC)), "--speed", "max"]
    with running(run.settings, again, tmp_path, ready=False) as refused:
        assert eventually(refused.process.poll, 60.0) == 1
    assert "its windows would be late" in refused.output().replace("\n", " ")
    assert "Traceback" not in refused.output()
