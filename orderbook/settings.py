"""Every setting of the product, read once from the environment and `.env`, checked, and immutable.

A setting that makes no sense is refused before anything starts, with one sentence a setting.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    NoDecode,
    SettingsConfigDict,
)

from orderbook.errors import SettingsError

Feed = Literal["auto", "binance", "binance_us", "binance_usdm", "binance_coinm", "simulator", "recording"]
FlinkPython = Literal["auto", "thread", "process"]
RecordWhenFull = Literal["delete_oldest", "stop"]
DepthStream = Literal["depth", "depth5", "depth10", "depth20"]
Venue = Literal["binance", "binance_us", "binance_usdm", "binance_coinm", "simulator", "recording"]

SYMBOL_PATTERN = re.compile(r"[A-Z0-9]{2,20}(?:_[A-Z0-9]{2,10})?")
ALL_PATTERN = re.compile(r"ALL:(?P<quote>[A-Z0-9]{2,10})")
TOP_PATTERN = re.compile(r"TOP(?P<count>[1-9][0-9]{0,3}):(?P<quote>[A-Z0-9]{2,10})")
TOPIC_PATTERN = re.compile(r"[a-z0-9][a-z0-9._-]{0,100}")


def _split(value: object) -> object:
    """Take a comma-separated string apart; leave anything else as it is."""
    return _parts(value) if isinstance(value, str) else value


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _known_symbols(symbols: tuple[str, ...]) -> tuple[str, ...]:
    if not symbols:
        raise ValueError("is empty: list at least one symbol, for example SYMBOLS=BTCUSDT,ETHUSDT")
    for symbol in symbols:
        if ":" in symbol and not (ALL_PATTERN.fullmatch(symbol) or TOP_PATTERN.fullmatch(symbol)):
            raise ValueError(
                f"holds {symbol!r}, which picks nothing: write ALL:USDT for every market of a quote asset, or "
                "TOP20:USDT for the most traded of them"
            )
        if ":" not in symbol and not SYMBOL_PATTERN.fullmatch(symbol):
            raise ValueError(
                f"holds {symbol!r}, which is not a symbol: use upper-case letters and digits, for example BTCUSDT"
            )
    doubled = sorted({symbol for symbol in symbols if symbols.count(symbol) > 1})
    if doubled:
        raise ValueError(f"names {', '.join(doubled)} twice: list each symbol once")
    return symbols


def _quantities(value: object) -> object:
    """`BTCUSDT=25,ETHUSDT=400` as a mapping; leave anything but a string as it is."""
    if not isinstance(value, str):
        return value
    quantities: dict[str, str] = {}
    for part in _parts(value):
        symbol, _, quantity = part.partition("=")
        if not (SYMBOL_PATTERN.fullmatch(symbol) and quantity) or symbol in quantities:
            raise ValueError(f"holds {part!r}: write SYMBOL=quantity once for each, for example BTCUSDT=25")
        quantities[symbol] = quantity
    return quantities


def _integer(value: object) -> object:
    """A Literal of numbers takes no string, and the environment holds nothing else."""
    return int(value) if isinstance(value, str) and value.isdigit() else value


Port = Annotated[int, Field(ge=1, le=65535)]
Quantity = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Threshold = Annotated[float, Field(gt=0, le=1)]
Symbols = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_known_symbols)]
SnapshotLimit = Annotated[Literal[100, 500, 1000, 5000], BeforeValidator(_integer)]
Quantities = Annotated[dict[str, Quantity], NoDecode, BeforeValidator(_quantities)]
OptionalPath = Annotated[Path | None, BeforeValidator(lambda value: value or None)]
Paths = Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_split)]


class Settings(BaseSettings):
    """The product's settings. Field names, upper-cased, are the names in the environment and in `.env`.

    Raises `pydantic.ValidationError` where a value is refused; `load_settings` turns that into a `SettingsError`.
    """

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True, env_ignore_empty=False
    )

    symbols: Symbols = Field(
        default=("BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT", "ADAUSDT"),
        description="Markets to follow: names, ALL:USDT, TOP20:USDT.",
    )
    depth_stream: DepthStream = Field(
        default="depth", description="depth: every change, checked; depth5, depth10, depth20: unverified books."
    )
    depth_levels: int = Field(default=20, ge=1, le=100, description="Levels a side published with each book.")
    calculate_depth: int = Field(default=10, ge=1, description="Levels a side that the metrics are computed from.")

    fitted_file: OptionalPath = Field(
        default=None, description="Tables of `orderbook fit`, in the place of those that come along; empty for these."
    )
    vpin_buckets_a_day: int = Field(
        default=50, ge=1, le=100_000, description="Buckets of VPIN that a day's volume is cut into."
    )
    vpin_bucket_sizes: Quantities = Field(
        default={}, description="Fixed sizes of VPIN's buckets, base currency: BTCUSDT=25,ETHUSDT=400; empty for none."
    )

    alert_threshold_high: Threshold = Field(default=0.70, description="|imbalance_ratio| of a high alert, 0..1.")
    alert_threshold_medium: Threshold = Field(default=0.50, description="|imbalance_ratio| of a medium alert, 0..1.")
    alert_threshold_release: Threshold = Field(default=0.30, description="|imbalance_ratio| below which an alert ends.")
    alert_hold_ms: int = Field(default=3000, ge=0, le=600_000, description="How long a condition must hold to fire.")
    alert_hold_off_ms: int = Field(default=5000, ge=0, le=600_000, description="How long it must be gone to resolve.")
    alert_rules_file: OptionalPath = Field(
        default=None, description="YAML file that changes and adds alert rules; empty for none."
    )
    spread_alert_multiplier: float = Field(default=2.0, gt=1, description="Spread over its rolling mean that alerts.")
    spread_baseline_updates: int = Field(
        default=600,
        ge=10,
        le=100_000,
        description="Records of a symbol, books and heartbeats, that the rolling means look back on at most.",
    )

    feed: Feed = Field(
        default="auto", description="auto, simulator, recording, binance, binance_us, binance_usdm or _coinm."
    )
    recording: Paths = Field(default=(), description="Files of FEED=recording, comma-separated, in order.")
    recording_speed: float | Literal["max"] = Field(default=1.0, description="1 is as recorded; `max` is flat out.")
    snapshot_limit: SnapshotLimit = Field(default=1000, description="Most levels a REST snapshot asks for.")
    request_weight_share: float = Field(
        default=0.5, gt=0, le=1, description="Our share of the request weight the exchange allows an address."
    )

    kafka_bootstrap_servers: str = Field(default="127.0.0.1:19092", description="Kafka or Redpanda, host:port,…")
    kafka_controller_port: Port = Field(default=19093, description="KRaft controller of the embedded broker.")
    topic_prefix: str = Field(default="orderbook", description="First part of every topic's name.")
    topic_partitions: int = Field(default=1, ge=1, le=1024, description="Partitions of each topic.")

    watermark_delay_ms: int = Field(default=500, ge=0, le=60_000, description="Event-time disorder windows wait for.")
    checkpoint_interval_ms: int = Field(default=30_000, ge=100, description="Time between two Flink checkpoints.")
    flink_parallelism: int = Field(default=1, ge=1, le=1024, description="Parallelism of the Flink job.")
    flink_python: FlinkPython = Field(
        default="auto",
        description="Where the alerts' Python runs: a `thread` of Flink's JVM, a `process` of its own, or, `auto`, "
        "a thread where this Python has a shared library to load.",
    )

    database_host: str = Field(default="127.0.0.1", description="PostgreSQL or TimescaleDB host.")
    database_port: Port = Field(default=15432, description="PostgreSQL or TimescaleDB port.")
    database_name: str = Field(default="orderbook", description="Database.")
    database_user: str = Field(default="orderbook_user", description="Database role of the services.")
    database_password: SecretStr = Field(default=SecretStr("orderbook"), description="Its password.")

    redis_host: str = Field(default="127.0.0.1", description="Redis or Valkey host.")
    redis_port: Port = Field(default=16379, description="Redis or Valkey port.")
    redis_password: SecretStr = Field(default=SecretStr(""), description="Its password; empty for none.")
    redis_recent_rows: int = Field(default=3000, ge=10, le=1_000_000, description="Rows kept a symbol for live charts.")
    redis_latest_ttl_s: int = Field(default=60, ge=1, description="Seconds after which a latest value disappears.")

    dashboard_host: str = Field(default="127.0.0.1", description="Address the dashboard listens on.")
    dashboard_port: Port = Field(default=8501, description="Port of the dashboard.")

    simulator_host: str = Field(default="127.0.0.1", description="Address of the exchange simulator.")
    simulator_port: Port = Field(default=19443, description="Port of the exchange simulator.")
    simulator_seed: int = Field(default=7, ge=0, description="Seed of the simulated market.")
    simulator_speed: float = Field(default=1.0, gt=0, le=1000, description="Market seconds a second.")
    simulator_light_after: int = Field(
        default=20, ge=0, description="Simulated symbols beyond the first so many have a cheap order flow."
    )
    simulator_ledger: OptionalPath = Field(
        default=None, description="File for the digests of the simulated books, for checks; empty for none."
    )

    record: bool = Field(default=False, description="1 records all that the live feed delivers.")
    record_dir: Path = Field(default=Path("recordings"), description="Folder of the recorded segments.")
    record_segment_mb: float = Field(default=64.0, gt=0, le=4096, description="Size at which a segment is closed.")
    record_max_gb: float = Field(default=10.0, gt=0, description="Most that all segments may take.")
    record_keep_free_gb: float = Field(default=2.0, ge=0, description="Least that stays free on their disk.")
    record_when_full: RecordWhenFull = Field(
        default="delete_oldest", description="At either limit: delete_oldest segments, or stop recording."
    )

    state_dir: Path = Field(default=Path(".orderbook"), description="Folder of all local state.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Least level logged.")
    log_format: Literal["console", "json"] = Field(default="console", description="How log lines are written.")

    @field_validator("topic_prefix")
    @classmethod
    def _topic_prefix(cls, value: str) -> str:
        if not TOPIC_PATTERN.fullmatch(value):
            raise ValueError(f"is {value!r}: use lower-case letters, digits, dots, dashes and underscores")
        return value

    @field_validator("kafka_bootstrap_servers")
    @classmethod
    def _bootstrap(cls, value: str) -> str:
        for address in value.split(","):
            host, colon, port = address.strip().rpartition(":")
            if not (host and colon and port.isdigit() and 1 <= int(port) <= 65535):  # noqa: PLR2004 - the port range
                raise ValueError(f"holds {address!r}: write host:port with a port from 1 to 65535")
        return value

    @field_validator("recording_speed")
    @classmethod
    def _speed(cls, value: float | str) -> float | str:
        if isinstance(value, float) and not value > 0:
            raise ValueError(f"is {value}: use a number above 0, or max")
        return value

    @model_validator(mode="after")
    def _together(self) -> Self:
        low, middle, high = (
            self.alert_threshold_release,
            self.alert_threshold_medium,
            self.alert_threshold_high,
        )
        if not low < middle < high:
            raise ValueError(
                "ALERT_THRESHOLD_RELEASE, ALERT_THRESHOLD_MEDIUM and ALERT_THRESHOLD_HIGH are out of order: "
                f"{low} < {middle} < {high} does not hold"
            )
        if self.calculate_depth > self.depth_levels:
            raise ValueError(
                f"CALCULATE_DEPTH={self.calculate_depth} is above DEPTH_LEVELS={self.depth_levels}: "
                "metrics cannot use more levels than are published"
            )
        return self

    @property
    def database_conninfo(self) -> str:
        """The libpq connection string of the service role; holds the password, so it is never logged."""
        parts = {
            "host": self.database_host,
            "port": str(self.database_port),
            "dbname": self.database_name,
            "user": self.database_user,
            "password": self.database_password.get_secret_value(),
        }
        return " ".join(f"{name}={_conninfo_value(value)}" for name, value in parts.items())

    @property
    def simulator_address(self) -> str:
        """host:port of the exchange simulator."""
        return f"{self.simulator_host}:{self.simulator_port}"


@dataclass(frozen=True, slots=True)
class SettingInForce:
    """One setting as it is in force: its name in the environment, its value (secrets masked), where it came from."""

    name: str
    value: str
    origin: Literal["default", ".env", "environment"]
    description: str


def load_settings(**overrides: Any) -> Settings:  # noqa: ANN401 - whatever type the overridden field has
    """Read the settings; keyword arguments win over the environment, the environment over `.env`.

    Raises SettingsError with one sentence for each setting that is refused.
    """
    try:
        return Settings(**overrides)
    except ValidationError as refused:
        raise SettingsError("; ".join(_sentence(error) for error in refused.errors())) from None


def settings_in_force(settings: Settings) -> list[SettingInForce]:
    """Every setting with its value and origin, in the order of their declaration; secrets are masked."""
    from_environment = EnvSettingsSource(type(settings))()
    from_dotenv = DotEnvSettingsSource(type(settings))()
    rows: list[SettingInForce] = []
    for name, field in type(settings).model_fields.items():
        origin: Literal["default", ".env", "environment"] = "default"
        if name in from_environment:
            origin = "environment"
        elif name in from_dotenv:
            origin = ".env"
        rows.append(SettingInForce(name.upper(), _shown(getattr(settings, name)), origin, field.description or ""))
    return rows


def _conninfo_value(value: str) -> str:
    """Quote a value as libpq reads it, so that a password may hold spaces, quotes and backslashes."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return "********" if value.get_secret_value() else ""
    if isinstance(value, dict):
        return ",".join(f"{name}={part}" for name, part in value.items())
    if isinstance(value, tuple):
        return ",".join(str(part) for part in value)
    return str(value)


def _sentence(error: Any) -> str:  # noqa: ANN401 - pydantic's own error details
    """One refused setting as a sentence that names the setting, the value seen and the remedy."""
    message = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        return message
    name = str(error["loc"][0]).upper()
    if error["type"] == "value_error":
        return f"{name} {message}"
    return f"{name}={error['input']!s} is refused: {message[0].lower()}{message[1:]}"
