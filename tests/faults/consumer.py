"""The live source over real sockets, driven in a thread of the test, and what it made with the moment of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NamedTuple

from connectors.binance.line import LineRules
from dataflows.ingest import live_source
from orderbook.messages import Heartbeat, IngestMessage
from orderbook.settings import Settings

LONGEST_REST_S = 0.02


class Made(NamedTuple):
    """A message and the moment of the machine's steady clock at which it was made, seconds."""

    at_s: float
    message: IngestMessage


class Consumer:
    """What `dataflows.ingest` would publish. An error of the source is kept in `failed`."""

    def __init__(
        self,
        settings: Settings,
        each: Callable[[IngestMessage], None] | None = None,
        rules: LineRules | None = None,
    ) -> None:
        self.made: list[Made] = []
        self.failed: BaseException | None = None
        self.symbols: tuple[str, ...] = ()
        self._settings = settings
        self._each = each
        self._rules = rules
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="consumer", daemon=True)

    @contextmanager
    def running(self) -> Iterator[Consumer]:
        self._thread.start()
        try:
            yield self
        finally:
            self._ending.set()
            self._thread.join(30.0)

    def since(self, position: int) -> list[Made]:
        """What was made from a position of `made` on."""
        return self.made[position:]

    def beats(self, symbol: str, position: int = 0) -> list[Heartbeat]:
        """The symbol's heartbeats from a position on."""
        return [m for _, m in self.made[position:] if isinstance(m, Heartbeat) and m.symbol == symbol]

    def newest(self, symbol: str) -> Heartbeat | None:
        """The symbol's last heartbeat."""
        for _, message in reversed(self.made):
            if isinstance(message, Heartbeat) and message.symbol == symbol:
                return message
        return None

    def _run(self) -> None:
        try:
            source, self.symbols = live_source(self._settings, self._rules)
            parts = [source.build_part("faults", part, None) for part in source.list_parts()]
            try:
                while not self._ending.is_set():
                    for part in parts:
                        self._take(part.next_batch())
                    self._rest(min((part.next_awake() or datetime.now(UTC)) for part in parts))
            finally:
                for part in parts:
                    part.close()
        except BaseException as failed:  # noqa: BLE001 - the test looks at it
            self.failed = failed

    def _take(self, messages: list[IngestMessage]) -> None:
        if self._each is not None:
            for message in messages:
                self._each(message)
            return
        now = time.monotonic()
        self.made += [Made(now, message) for message in messages]

    def _rest(self, until: datetime) -> None:
        rest_s = (until - datetime.now(UTC)).total_seconds()
        if rest_s > 0:
            self._ending.wait(min(LONGEST_REST_S, rest_s))
