"""Chromium for the tests of the page, and a dashboard with a small market behind it."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Page, Playwright
from psycopg import sql

from local_stack.postgres import EmbeddedPostgres
from local_stack.valkey import EmbeddedValkey
from migrations.runner import apply_pending
from migrations.script import read_scripts
from orderbook.settings import Settings, load_settings
from tests.browser import loop
from tests.browser.feeder import START_PRICES, Feeder
from tests.browser.reading import Dashboard
from tests.processes import running
from tests.servers import free_port
from tests.servers import running as serving

REQUIRED = "ORDERBOOK_REQUIRE_BROWSER"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
SLOW_MACHINE_MS = 60_000


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path; skips where there is none, unless the environment says that there must be one."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None and os.environ.get(REQUIRED):
        pytest.fail(f"{REQUIRED} is set and none of {', '.join(PROGRAMS)} is on PATH", pytrace=False)
    if found is None:
        pytest.skip(f"none of {', '.join(PROGRAMS)} is on PATH: apt-get install chromium")
    return found


@pytest.fixture(scope="session")
def base_url() -> None:
    """No address is shared; the plug-in's own fixture is declared in a way that pytest 9 warns about."""


@pytest.fixture(scope="session")
def playwright(playwright: Playwright, pytestconfig: pytest.Config) -> Iterator[Playwright]:
    """The plug-in's own, with its event loop kept out of every other test's way."""
    hooks = loop.SetAside()
    pytestconfig.pluginmanager.register(hooks)
    yield playwright
    pytestconfig.pluginmanager.unregister(hooks)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any], chromium: str) -> dict[str, Any]:
    return {
        **browser_type_launch_args,
        "executable_path": chromium,
        "args": ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
    }


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_context_args, "viewport": {"width": 1440, "height": 1000}}


@pytest.fixture
def page(page: Page) -> Page:
    page.set_default_timeout(SLOW_MACHINE_MS)
    return page


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    """A Valkey of the test's own, empty."""
    server = EmbeddedValkey(host="127.0.0.1", port=free_port(), folder=tmp_path / "valkey")
    with serving(server, tmp_path / "valkey.log"):
        yield server


@pytest.fixture
def database(postgres_server: EmbeddedPostgres) -> Iterator[EmbeddedPostgres]:
    """A database of the test's own, with the product's schema."""
    own = dataclasses.replace(postgres_server, dbname=f"browser_{uuid.uuid4().hex[:12]}")
    asyncio.run(own.furnish())
    with psycopg.connect(own.conninfo, autocommit=True) as connection:
        apply_pending(connection, read_scripts())
    yield own
    with psycopg.connect(postgres_server.conninfo, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(own.dbname)))


@pytest.fixture
def settings(valkey: EmbeddedValkey, database: EmbeddedPostgres, tmp_path: Path) -> Settings:
    return load_settings(
        symbols=",".join(START_PRICES),
        redis_host=valkey.host,
        redis_port=valkey.port,
        database_host=database.host,
        database_port=database.port,
        database_name=database.dbname,
        database_user=database.user,
        database_password=database.password,
        dashboard_port=free_port(),
        state_dir=str(tmp_path),
    )


@pytest.fixture
def feeder(settings: Settings) -> Iterator[Feeder]:
    with Feeder(settings.redis_host, settings.redis_port, settings.symbols) as market:
        yield market


@pytest.fixture
def dashboard(page: Page, settings: Settings, feeder: Feeder, tmp_path: Path) -> Iterator[Dashboard]:
    """The page, open, with the simulated market of `feeder` moving behind it; nothing may go wrong on it unnoticed."""
    with running(settings, ["panel_app"], tmp_path):
        opened = Dashboard(page, f"http://127.0.0.1:{settings.dashboard_port}/")
        opened.open()
        yield opened
        opened.close()
    assert feeder is not None
