"""The whole stack: which processes it has, what each needs, and one run of it from start to stop."""

from __future__ import annotations

import asyncio
import importlib.util
import signal
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console

from local_stack.kafka import EmbeddedKafka, jars_program
from local_stack.own import OwnProcess, WebProcess
from local_stack.postgres import EmbeddedPostgres
from local_stack.preconditions import WantedPort, check_loopback, check_ports
from local_stack.process import python_program
from local_stack.reports import StackReporter
from local_stack.service import Service
from local_stack.state import StackStatus, run_folder, write_status
from local_stack.supervisor import Phase, Step, Supervisor
from local_stack.valkey import EmbeddedValkey
from orderbook.errors import StackError
from orderbook.settings import Settings, Venue

SERVERS: Final = ("valkey", "postgres", "kafka")
JARS_TIMEOUT_S: Final = 900.0
FEED_TIMEOUT_S: Final = 60.0
REMINDER_S: Final = 10.0
LOOPBACK: Final = "127.0.0.1"


class FeedChoice(msgspec.Struct, frozen=True):
    """Where the market data come from, and why from there."""

    feed: Venue
    why: str


def wanted_ports(settings: Settings, only: Collection[str]) -> list[WantedPort]:
    """The ports that a run with these settings listens on; the simulator's only where it is certain to be started.

    Raises StackError where a server is wanted at an address that is not this machine's.
    """
    wanted: list[WantedPort] = []
    if _is_wanted("valkey", only):
        check_loopback("REDIS_HOST", settings.redis_host)
        wanted.append(WantedPort("REDIS_PORT", LOOPBACK, settings.redis_port))
    if _is_wanted("postgres", only):
        check_loopback("DATABASE_HOST", settings.database_host)
        wanted.append(WantedPort("DATABASE_PORT", LOOPBACK, settings.database_port))
    if _is_wanted("kafka", only):
        host, port = _kafka_address(settings)
        check_loopback("KAFKA_BOOTSTRAP_SERVERS", host)
        wanted.append(WantedPort("KAFKA_BOOTSTRAP_SERVERS", LOOPBACK, port))
        wanted.append(WantedPort("KAFKA_CONTROLLER_PORT", LOOPBACK, settings.kafka_controller_port))
    if not only:
        wanted.append(WantedPort("DASHBOARD_PORT", settings.dashboard_host, settings.dashboard_port))
        if settings.feed == "simulator":
            wanted.append(_simulator_port(settings))
    return wanted


def embedded_servers(settings: Settings) -> dict[str, Service]:
    """Valkey, PostgreSQL and Kafka as the settings describe them, by name."""
    state_dir = settings.state_dir
    _, kafka_port = _kafka_address(settings)
    return {
        "valkey": EmbeddedValkey(
            host=LOOPBACK,
            port=settings.redis_port,
            folder=state_dir / "valkey",
            password=settings.redis_password.get_secret_value(),
        ),
        "postgres": EmbeddedPostgres(
            host=LOOPBACK,
            port=settings.database_port,
            folder=state_dir / "postgres",
            dbname=settings.database_name,
            user=settings.database_user,
            password=settings.database_password.get_secret_value(),
        ),
        "kafka": EmbeddedKafka(
            host=LOOPBACK,
            port=kafka_port,
            controller_port=settings.kafka_controller_port,
            folder=state_dir / "kafka",
            jars=state_dir / "jars" / "broker",
        ),
    }


class StackRun:
    """One run of the stack, or of the embedded servers named in `only`."""

    def __init__(
        self, settings: Settings, console: Console, *, only: Collection[str] = (), verbose: bool = False
    ) -> None:
        self._settings = settings
        self._console = console
        self._only = only
        self._began = time.monotonic()
        self._started = time.time()
        self._choice: FeedChoice | None = None
        self._reporter = StackReporter(console, settings.state_dir / "logs", verbose=verbose)
        self._supervisor = Supervisor(self._reporter, on_change=self._write_status)

    async def run(self) -> int:
        """Start everything, keep it running until SIGINT or SIGTERM, stop it; returns the exit status.

        0 when it was asked to stop and nothing had been given up, else 1. A second signal kills instead of waiting.
        """
        asked = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._asked_to_stop, asked)
        stop_asked = asyncio.create_task(asked.wait())
        up = asyncio.create_task(self._bring_up())
        reminder = asyncio.create_task(self._remind())
        status = 0
        try:
            await asyncio.wait({stop_asked, up}, return_when=asyncio.FIRST_COMPLETED)
            reminder.cancel()
            if up.done() and (failed := up.exception()) is not None:
                status = 1
                if not isinstance(failed, StackError):
                    raise failed
                self._reporter.state("stack", f"cannot start: {failed}", "bad")
            elif up.done():
                self._announce()
                await stop_asked
        finally:
            up.cancel()
            stop_asked.cancel()
            given_up = [unit.name for unit in self._supervisor.states() if unit.phase is Phase.FAILED]
            await self._stop()
        return 1 if given_up else status

    async def _bring_up(self) -> None:
        settings, supervisor = self._settings, self._supervisor
        state_dir = settings.state_dir.resolve()
        environment = {"STATE_DIR": str(state_dir)}
        for name, server in embedded_servers(settings).items():
            if not _is_wanted(name, self._only):
                continue
            if name == "kafka":
                supervisor.add(Step("kafka-jars", jars_program(state_dir / "jars" / "broker"), JARS_TIMEOUT_S))
            supervisor.add(server, after=("kafka-jars",) if name == "kafka" else ())
        if not self._only:
            feed = python_program("-m", "connectors.binance", environment=environment)
            supervisor.add(Step("feed", feed, FEED_TIMEOUT_S))
            self._add_job(environment)
            self._choice = _read_choice(await supervisor.outcome("feed"))
            self._write_status()
            self._reporter.state("feed", f"{self._choice.feed}: {self._choice.why}")
            self._add_feed(self._choice.feed, {**environment, "FEED": self._choice.feed})
        await supervisor.until_up()

    def _add_job(self, environment: Mapping[str, str]) -> None:
        """What does not depend on the feed: topics, tables, the Flink job, the bridge."""
        supervisor = self._supervisor
        state_dir = self._settings.state_dir.resolve()
        flink_jars = python_program("-m", "flink.jars", str(_flink_lock()), str(state_dir / "jars"))
        supervisor.add(Step("flink-jars", flink_jars, JARS_TIMEOUT_S))
        topics = python_program("-m", "connectors.kafka", environment=environment)
        supervisor.add(Step("topics", topics), after=("kafka",))
        tables = python_program("-m", "migrations", "up", environment=environment)
        supervisor.add(Step("migrations", tables), after=("postgres",))
        flink = self._own("flink", "-m", "flink", environment=environment)
        flink.ready_timeout_s = 180.0
        supervisor.add(flink, after=("flink-jars",))  # it waits for the topics itself, while its JVM starts
        bridge = self._own("bridge", "-m", "dataflows", "bridge", environment=environment)
        supervisor.add(bridge, after=("topics", "migrations", "valkey"))

    def _add_feed(self, feed: Venue, environment: Mapping[str, str]) -> None:
        """What is told which feed it is on: simulator, ingest, dashboard."""
        settings, supervisor = self._settings, self._supervisor
        if feed == "simulator":
            check_ports([_simulator_port(settings)])
            supervisor.add(self._own("simulator", "-m", "connectors.simulator", environment=environment))
        if feed == "recording" and not settings.recording:
            text = "is not started, because RECORDING names no file: send one with `python -m dataflows.replay FILE`"
            self._reporter.state("ingest", text)
        else:
            ingest = self._own("ingest", "-m", "dataflows", "ingest", environment=environment)
            ingest.ends_by_itself = feed == "recording"
            supervisor.add(ingest, after=("topics", "simulator") if feed == "simulator" else ("topics",))
        dashboard = WebProcess(
            name="dashboard",
            arguments=("-m", "panel_app"),
            run_folder=run_folder(settings.state_dir),
            environment=environment,
            host=settings.dashboard_host,
            port=settings.dashboard_port,
            path="/liveness",
        )
        supervisor.add(dashboard, after=("migrations", "valkey"))

    def _own(self, name: str, *arguments: str, environment: Mapping[str, str]) -> OwnProcess:
        return OwnProcess(
            name=name, arguments=arguments, run_folder=run_folder(self._settings.state_dir), environment=environment
        )

    def _asked_to_stop(self, asked: asyncio.Event) -> None:
        if asked.is_set():
            self._reporter.state("stack", "asked again: killing what is left", "bad")
            self._supervisor.kill()
            return
        self._reporter.state("stack", "stopping")
        asked.set()

    async def _stop(self) -> None:
        began = time.monotonic()
        await self._supervisor.stop()
        self._reporter.state("stack", f"stopped in {time.monotonic() - began:.1f} s")
        self._reporter.close()

    async def _remind(self) -> None:
        while True:
            await asyncio.sleep(REMINDER_S)
            late = [unit.name for unit in self._supervisor.states() if unit.phase in {Phase.STARTING, Phase.PAUSED}]
            self._reporter.state("stack", f"{time.monotonic() - self._began:.0f} s: waiting for {', '.join(late)}")

    def _announce(self) -> None:
        settings, choice = self._settings, self._choice
        lines = [("Up", f"in {time.monotonic() - self._began:.1f} s")]
        if choice is None:
            lines += [(want.setting, f"{want.host}:{want.port}") for want in wanted_ports(settings, self._only)]
        else:
            lines += [("Dashboard", self._dashboard), ("Feed", f"{choice.feed}: {choice.why}")]
        lines += [("Logs", str(settings.state_dir / "logs")), ("Stop", "Ctrl-C here, or `orderbook stop`")]
        width = max(len(name) for name, _ in lines)
        for name, text in lines:
            self._reporter.state("stack", f"{name:<{width}}  {text}", "good")

    @property
    def _dashboard(self) -> str:
        return f"http://{self._settings.dashboard_host}:{self._settings.dashboard_port}"

    def _write_status(self) -> None:
        choice = self._choice
        write_status(
            self._settings.state_dir,
            StackStatus(
                started=self._started,
                dashboard="" if self._only else self._dashboard,
                feed=choice.feed if choice else None,
                why=choice.why if choice else None,
                units=self._supervisor.states(),
            ),
        )


def _is_wanted(name: str, only: Collection[str]) -> bool:
    return not only or name in only


def _kafka_address(settings: Settings) -> tuple[str, int]:
    """Host and port of the one broker; raises StackError where the setting names several."""
    if "," in settings.kafka_bootstrap_servers:
        raise StackError(
            f"KAFKA_BOOTSTRAP_SERVERS={settings.kafka_bootstrap_servers} names several brokers: "
            "the local stack has one; set it to 127.0.0.1 and a port"
        )
    host, _, port = settings.kafka_bootstrap_servers.strip().rpartition(":")
    return host, int(port)


def _simulator_port(settings: Settings) -> WantedPort:
    return WantedPort("SIMULATOR_PORT", settings.simulator_host, settings.simulator_port)


def _flink_lock() -> Path:
    found = importlib.util.find_spec("flink")
    if found is None or found.origin is None:
        raise StackError("the package flink is missing: install the project again with `make run`")
    return Path(found.origin).with_name("jars.lock.toml")


def _read_choice(lines: list[str]) -> FeedChoice:
    for line in reversed(lines):
        if line.startswith("{"):
            try:
                return msgspec.json.decode(line, type=FeedChoice)
            except msgspec.DecodeError:
                continue
    raise StackError(
        f"`python -m connectors.binance` did not say which feed to use: {' / '.join(lines) or 'no output'}"
    )
