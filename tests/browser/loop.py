"""Keeping Playwright's event loop out of the way of everybody else's.

Playwright's synchronous interface runs a loop in a greenlet of the main thread, suspends it while the test goes on,
and leaves it marked as running, so that `asyncio.run` is refused in every later test of the session. Here the mark is
taken away outside Playwright and put back whenever one of its greenlets goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import greenlet  # type: ignore[import-untyped]  # Playwright's own requirement; its stubs are not ours to install
import pytest


def leave() -> None:
    """Say that no loop runs in this thread: true of test code whenever Playwright is not asked for something."""
    asyncio._set_running_loop(None)


@contextmanager
def marked_only_while_it_runs() -> Iterator[None]:
    """Put the mark back when a greenlet of Playwright's goes on; to be entered right after Playwright was started."""
    loop = asyncio.get_running_loop()
    main = greenlet.getcurrent()

    def mark(_event: str, switch: tuple[greenlet.greenlet, greenlet.greenlet]) -> None:
        if switch[1] is not main:
            asyncio._set_running_loop(loop)

    greenlet.settrace(mark)
    leave()
    yield
    greenlet.settrace(None)
    asyncio._set_running_loop(loop)


class Leaving:
    """Hooks for the whole session: no fixture and no test begins, and no test ends, with the mark on."""

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self) -> Generator[None, object, object]:
        leave()
        made = yield
        leave()
        return made

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self) -> Generator[None, None, None]:
        leave()
        yield
        leave()
