"""Wiring: the one consumer of the process, a page for each session, and the server."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Final

import panel as pn

from orderbook.errors import StackError
from panel_app.live import Live
from panel_app.page import Page
from runtime.logs import get_logger
from runtime.readiness import announce_ready

if TYPE_CHECKING:
    from collections.abc import Callable

    from panel.io.server import Server

    from orderbook.settings import Settings

TITLE: Final = "Order Book Imbalance"
ANY_ADDRESS: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - recognised here, not bound

log = get_logger("dashboard")


def websocket_origins(host: str, port: int) -> list[str]:
    """The addresses a browser on this machine, or one that was given the host, may have the page from."""
    hosts = ["localhost", "127.0.0.1"]
    if host not in ANY_ADDRESS and host not in hosts:
        hosts.append(host)
    return [f"{name}:{port}" for name in hosts]


async def serve(settings: Settings) -> int:
    """Serve the dashboard until SIGTERM or SIGINT; return the exit status.

    0 after a signal, 1 after a failure that was not foreseen; raises StackError where the port is taken. Refreshing
    reads memory only and takes milliseconds, so it runs on the event loop: threads would buy nothing and share
    the models.
    """
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    status = 0

    def fail() -> None:
        nonlocal status
        status = 1
        loop.call_soon_threadsafe(ending.set)

    def consumer() -> Live:
        return pn.state.as_cached("live", lambda: Live(settings, fail))

    def page() -> pn.template.Template:
        shown = Page(settings, consumer())
        shown.start()
        return shown.template()

    pn.extension()
    server = _listen(settings, page)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    live = consumer()
    live.start()
    server.start()
    log.info("dashboard_serves", address=f"http://{settings.dashboard_host}:{settings.dashboard_port}")
    announce_ready()
    try:
        await ending.wait()
    finally:
        server.stop()
        live.stop()
    log.info("dashboard_ended", status=status)
    return status


def _listen(settings: Settings, page: Callable[[], pn.template.Template]) -> Server:
    host, port = settings.dashboard_host, settings.dashboard_port
    try:
        return pn.io.server.get_server(
            {"/": page},
            port=port,
            address=host,
            websocket_origin=websocket_origins(host, port),
            title={"/": TITLE},
            liveness=True,
        )
    except OSError as refused:
        raise StackError(
            f"The dashboard cannot listen on {host}:{port} ({refused.strerror}): "
            "end what uses that port, or set DASHBOARD_PORT"
        ) from None
