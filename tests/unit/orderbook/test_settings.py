from __future__ import annotations

from pathlib import Path

import pytest

from orderbook.errors import SettingsError
from orderbook.settings import Settings, load_settings, settings_in_force

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _no_settings_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither this machine's environment nor its .env decides a test."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def test_the_defaults_are_the_documented_ones() -> None:
    settings = load_settings()
    assert settings.symbols == ("BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT", "ADAUSDT")
    assert (settings.alert_threshold_high, settings.alert_threshold_medium) == (0.70, 0.50)
    assert (settings.spread_alert_multiplier, settings.calculate_depth, settings.depth_levels) == (2.0, 10, 20)


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"SYMBOLS": ""}, "SYMBOLS is empty: list at least one symbol, for example SYMBOLS=BTCUSDT,ETHUSDT"),
        (
            {"SYMBOLS": "BTCUSDT,eth-usdt"},
            "SYMBOLS holds 'eth-usdt', which is not a symbol: use upper-case letters and digits, for example BTCUSDT",
        ),
        ({"SYMBOLS": "BTCUSDT,BTCUSDT"}, "SYMBOLS names BTCUSDT twice: list each symbol once"),
        (
            {"SYMBOLS": "ALL:usdt"},
            "SYMBOLS holds 'ALL:usdt', which picks nothing: write ALL:USDT for every market",
        ),
        ({"SYMBOLS": "TOP0:USDT"}, "SYMBOLS holds 'TOP0:USDT', which picks nothing"),
        (
            {"VPIN_BUCKET_SIZES": "BTCUSDT=25,ETHUSDT"},
            "VPIN_BUCKET_SIZES holds 'ETHUSDT': write SYMBOL=quantity once for each, for example BTCUSDT=25",
        ),
        ({"VPIN_BUCKET_SIZES": "BTCUSDT=25,BTCUSDT=26"}, "VPIN_BUCKET_SIZES holds 'BTCUSDT=26': write SYMBOL=quantity"),
        ({"VPIN_BUCKET_SIZES": "BTCUSDT=0"}, "VPIN_BUCKET_SIZES="),
        ({"REQUEST_WEIGHT_SHARE": "0"}, "REQUEST_WEIGHT_SHARE=0 is refused: input should be greater than 0"),
        (
            {"ALERT_THRESHOLD_MEDIUM": "0.8"},
            "ALERT_THRESHOLD_MEDIUM and ALERT_THRESHOLD_HIGH are out of order: 0.3 < 0.8 < 0.7 does not hold",
        ),
        (
            {"ALERT_THRESHOLD_HIGH": "1.2"},
            "ALERT_THRESHOLD_HIGH=1.2 is refused: input should be less than or equal to 1",
        ),
        (
            {"CALCULATE_DEPTH": "30"},
            "CALCULATE_DEPTH=30 is above DEPTH_LEVELS=20: metrics cannot use more levels than are published",
        ),
        (
            {"SPREAD_ALERT_MULTIPLIER": "1"},
            "SPREAD_ALERT_MULTIPLIER=1 is refused: input should be greater than 1",
        ),
        ({"DASHBOARD_PORT": "0"}, "DASHBOARD_PORT=0 is refused: input should be greater than or equal to 1"),
        ({"DASHBOARD_PORT": "x"}, "DASHBOARD_PORT=x is refused: input should be a valid integer"),
        (
            {"KAFKA_BOOTSTRAP_SERVERS": "broker"},
            "KAFKA_BOOTSTRAP_SERVERS holds 'broker': write host:port with a port from 1 to 65535",
        ),
        ({"RECORDING_SPEED": "-1"}, "RECORDING_SPEED is -1.0: use a number above 0, or max"),
        (
            {"TOPIC_PREFIX": "Order Book"},
            "TOPIC_PREFIX is 'Order Book': use lower-case letters, digits, dots, dashes and underscores",
        ),
    ],
)
def test_nonsense_is_refused_with_a_sentence(
    variables: dict[str, str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert sentence in str(refused.value)


def test_symbols_may_be_named_and_picked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMBOLS", "BTCUSDT, TOP20:USDT,ALL:BTC")
    assert load_settings().symbols == ("BTCUSDT", "TOP20:USDT", "ALL:BTC")


def test_every_refused_setting_has_its_own_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_PORT", "70000")
    monkeypatch.setenv("FEED", "kraken")
    with pytest.raises(SettingsError, match=r"FEED=kraken is refused: .*; REDIS_PORT=70000 is refused: "):
        load_settings()


def test_the_environment_wins_over_the_file_and_the_origin_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("SYMBOLS=ADAUSDT\nDEPTH_LEVELS=50\nDATABASE_PASSWORD=very-secret\n")
    monkeypatch.setenv("SYMBOLS", "SOLUSDT")
    rows = {row.name: row for row in settings_in_force(load_settings())}
    assert (rows["SYMBOLS"].value, rows["SYMBOLS"].origin) == ("SOLUSDT", "environment")
    assert (rows["DEPTH_LEVELS"].value, rows["DEPTH_LEVELS"].origin) == ("50", ".env")
    assert (rows["REDIS_PORT"].value, rows["REDIS_PORT"].origin) == ("16379", "default")
    assert "very-secret" not in repr(rows)


def test_the_example_file_names_every_setting_with_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    example = (REPOSITORY / ".env.example").read_text()
    values = dict(line.split("=", 1) for line in example.splitlines() if line and not line.startswith("#"))
    assert set(values) == {name.upper() for name in Settings.model_fields}
    defaults = Settings()
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    assert load_settings() == defaults
