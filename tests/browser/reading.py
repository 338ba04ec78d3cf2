"""Reading the dashboard as a visitor sees it: values, banners, charts, and what the browser complained about."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Locator, Page, Request, WebSocket

SCREENSHOTS: Final = "ORDERBOOK_SCREENSHOTS"
"""Name of the variable with a folder to keep pictures of the page in, to be looked at."""

WITHIN_MS: Final = 60_000
HERE: Final = frozenset({"127.0.0.1", "localhost"})
WITHOUT_HOST: Final = frozenset({"data", "blob"})

CHART_SOURCE: Final = """
() => {
  for (const page of Bokeh.documents)
    for (const model of page._all_models.values())
      if (model.type === "ColumnDataSource" && model.data.imbalance !== undefined)
        return Object.fromEntries(Object.entries(model.data).map(([name, column]) => [name, Array.from(column)]))
  return null
}
"""


@dataclass
class Complaints:
    """What went wrong in the browser, and which hosts it asked."""

    console: list[str] = field(default_factory=list)
    page: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def listen(self, page: Page) -> None:
        """Note down everything from now on."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.page.append(str(error)))
        page.on("request", lambda request: self._asked(request.url))
        page.on("requestfailed", self._failed)
        page.on("websocket", self._socket)

    def forget(self) -> None:
        """Drop what was noted, except for the hosts."""
        for noted in (self.console, self.page, self.failed):
            noted.clear()

    def strangers(self) -> set[str]:
        """Hosts that are not this machine."""
        return self.hosts - HERE

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.console.append(message.text)

    def _failed(self, request: Request) -> None:
        self.failed.append(f"{request.url}: {request.failure}")

    def _socket(self, socket: WebSocket) -> None:
        self._asked(socket.url)

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in WITHOUT_HOST:
            self.hosts.add(parts.hostname or "")


class Dashboard:
    """The page at `address` in a browser's tab."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.complaints = Complaints()
        self._address = address
        self.complaints.listen(page)

    def open(self) -> None:
        """Go there and wait until the first row of the overview stands."""
        self.page.goto(self._address, timeout=WITHIN_MS)
        self.page.locator(".row[data-symbol]").first.wait_for(timeout=WITHIN_MS)

    def close(self) -> None:
        """Leave it, so that nothing is on its way when the server ends; fails if anything went wrong."""
        self.page.goto("about:blank")
        complaints = self.complaints
        assert (complaints.console, complaints.page, complaints.strangers()) == ([], [], set())

    def row(self, symbol: str) -> Locator:
        """The overview's row of a symbol."""
        return self.page.locator(f'.row[data-symbol="{symbol}"]')

    def value(self, symbol: str, name: str) -> str:
        """A field of the symbol's row: mid, spread, imbalance_text, words, since, state, reason, age, alert."""
        return self.row(symbol).locator(f'[data-field="{name}"]').inner_text(timeout=WITHIN_MS)

    def mid(self, symbol: str) -> float:
        """The mid that is shown; raises ValueError while there is none."""
        return float(self.value(symbol, "mid").replace(",", ""))

    def is_old(self, symbol: str) -> bool:
        """Whether the row is greyed, so that nobody takes its numbers for current."""
        return "old" in (self.row(symbol).get_attribute("class") or "").split()

    def headline(self, name: str) -> str:
        """A field of the selected symbol: symbol, pressure, since, mid, age, state, verdict, ground, alert, ..."""
        return self.page.locator(f'.lead [data-field="{name}"]').inner_text(timeout=WITHIN_MS)

    def select(self, symbol: str) -> None:
        """Choose a symbol and wait until the headline shows it."""
        self.row(symbol).click()
        self.wait(lambda: self.headline("symbol") == symbol)

    def notice(self, part: str) -> Locator:
        """The banner about a part: simulator, recording, redis, ingest, metrics, database, dashboard."""
        return self.page.locator(f'.notice[data-part="{part}"]')

    def series(self) -> dict[str, list[float | None]]:
        """The charts' columns as the browser holds them: time, mid, imbalance, spread, ...; undefined is None."""
        read: dict[str, list[float | None]] | None = self.page.evaluate(CHART_SOURCE)
        return read or {}

    def listed(self) -> list[str]:
        """The symbols of the overview, from the top."""
        # In one look: rows may go between two.
        rows = self.page.locator(".row[data-symbol]")
        return list(rows.evaluate_all("rows => rows.map(row => row.getAttribute('data-symbol'))"))

    def evidence(self, name: str) -> str:
        """One line of the selected book's proof: Verified to, Snapshot, Best quotes, Gaps, Latency p50 / p99, ..."""
        return self.page.locator(f'.proof [data-evidence="{name}"] dd').inner_text(timeout=WITHIN_MS)

    def keep_pictures(self, name: str) -> None:
        """Keep pictures of the page in the folder that SCREENSHOTS names, if it does, at 1440 and 390 px."""
        folder = os.environ.get(SCREENSHOTS)
        if folder:
            for width in (1440, 390):
                self.page.set_viewport_size({"width": width, "height": 1000})
                self.page.wait_for_timeout(5000)
                self.page.screenshot(path=Path(folder) / f"{name}_{width}.png", full_page=True)

    def alert(self, alert_id: str) -> Locator:
        """An episode in the alert feed."""
        return self.page.locator(f'.feed li[data-alert="{alert_id}"]')

    def wait(self, holds: Callable[[], Any], within_ms: int = WITHIN_MS) -> None:
        """Wait until a condition on the page holds; the browser goes on meanwhile."""
        waited_ms = 0
        while not holds():
            if waited_ms >= within_ms:
                raise AssertionError(f"did not happen within {within_ms} ms; the page says:\n{self.text()}")
            self.page.wait_for_timeout(100)
            waited_ms += 100

    def text(self) -> str:
        """What the page says, in short."""
        parts = self.page.locator(".notice, .row, .lead").all_inner_texts()
        return "\n".join(" ".join(part.split()) for part in parts)[:3000]
