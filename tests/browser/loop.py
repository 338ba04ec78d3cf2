"""Keeping Playwright's event loop out of the way of everybody else's.

Playwright's synchronous interface suspends a loop in a greenlet of the main thread while the test goes on, and leaves
it marked as running; from then on `asyncio.run` is refused in every test of the session. Here the mark is taken away
for the length of what is not Playwright's: other fixtures, and tests without a browser.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest


@contextmanager
def set_aside() -> Iterator[None]:
    """Let the block run loops of its own; nothing in it may ask Playwright for anything."""
    suspended = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio._set_running_loop(suspended)


class SetAside:
    """Hooks for a session in which Playwright has been started."""

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
        of_playwright = "page" in fixturedef.argnames or fixturedef.func.__module__.startswith("pytest_playwright")
        with nullcontext() if of_playwright else set_aside():
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        with nullcontext() if _has_browser(item) else set_aside():
            yield

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, None, None]:
        ends_playwright = nextitem is None
        with nullcontext() if ends_playwright or _has_browser(item) else set_aside():
            yield


def _has_browser(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and "playwright" in item.fixturenames
