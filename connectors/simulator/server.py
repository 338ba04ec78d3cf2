"""The exchange on a port: REST and WebSocket side by side, and the clock that drives the markets."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import orjson
from aiohttp import WSCloseCode, web

from connectors.simulator.answers import error_body, json_answer
from connectors.simulator.connection import Connection, ConnectionRules
from connectors.simulator.control import FaultPaths
from connectors.simulator.feed import Feed
from connectors.simulator.injection import Injector
from connectors.simulator.instruments import instrument
from connectors.simulator.ledger import Ledger
from connectors.simulator.limits import ConnectionAttempts, RequestWeight, Verdict
from connectors.simulator.market import Market
from connectors.simulator.outages import REASONS, Outages
from connectors.simulator.rest import BadRequest, Listing, RestApi
from connectors.simulator.streams import MOST_STREAMS, Subscriptions, streams_in_path
from connectors.simulator.wire import Wire
from orderbook.errors import ServiceUnavailable
from runtime.logs import get_logger

STEP_S: Final = 0.01
"""How often the markets are moved on."""

SLICE_MS: Final = 20.0
"""The markets take turns in slices of this much of their time, so that their events come in order."""

LEDGER_FLUSH_S: Final = 0.5
"""How often the ledger reaches its file."""

MOST_LAG_S: Final = 2.0
"""Lag, in seconds of the machine's clock, that is made up for."""

LONGEST_ADDRESS: Final = 64 * 1024
"""Bytes of a request's first line: 1024 stream names fit in."""

WAY_TOO_MUCH: Final = 418
SERVED: Final = 200


@dataclass(frozen=True, slots=True)
class ExchangeRules:
    """What the exchange is: its symbols, the seed of its markets, market seconds a second, and its limits.

    `light_after`: symbols beyond the first so many have the cheap order flow; None: no symbol has.
    `attempts_per_window`: connection attempts of one address within `attempts_window_s` seconds.
    `ledger`: the file that the digests of the exchange's own books go to; None: nowhere.
    """

    symbols: tuple[str, ...]
    seed: int = 7
    speed: float = 1.0
    light_after: int | None = None
    weight_per_minute: int = 6000
    attempts_per_window: int = 300
    attempts_window_s: float = 300.0
    ledger: Path | None = None
    connections: ConnectionRules = field(default_factory=ConnectionRules)


class Exchange:
    """The simulated exchange: `serve` opens its port, `pace` lets its time pass, `end` closes it."""

    def __init__(self, rules: ExchangeRules) -> None:
        self._rules = rules
        self._log = get_logger("simulator")
        opens_at_ms = time.time_ns() // 1_000_000
        self._opened_s = time.monotonic()
        self._listings = {
            symbol: _listing(
                symbol, rules.seed, opens_at_ms, light=rules.light_after is not None and number >= rules.light_after
            )
            for number, symbol in enumerate(rules.symbols)
        }
        self._ledger = Ledger(rules.ledger) if rules.ledger is not None else None
        self._feed = Feed(self._listings, self._ledger)
        self._rest = RestApi(self._listings, weight_limit=rules.weight_per_minute, now_ms=lambda: self.market_now_ms)
        self._weights = RequestWeight(limit=rules.weight_per_minute)
        self._attempts = ConnectionAttempts(limit=rules.attempts_per_window, window_s=rules.attempts_window_s)
        self._connections: dict[Connection, None] = {}
        self._outages = Outages()
        self._injector = Injector(self._feed, self._listings, self._connections, self._outages)
        self._runner: web.AppRunner | None = None

    @property
    def market_now_ms(self) -> int:
        """The market's clock, in epoch milliseconds."""
        return int(self._feed.now_ms)

    async def serve(self, host: str, port: int) -> int:
        """Listen on `host`:`port` (0: any free one) and return the port.

        Raises ServiceUnavailable where the port cannot be had.
        """
        runner = web.AppRunner(
            self._application(), access_log=None, shutdown_timeout=2.0, max_line_size=LONGEST_ADDRESS
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            await runner.cleanup()
            why = os.strerror(error.errno) if error.errno is not None and error.errno > 0 else str(error)
            raise ServiceUnavailable(
                f"the simulator cannot listen on {host}:{port} ({why}): free the port or set SIMULATOR_PORT to another"
            ) from None
        self._runner = runner
        bound: int = runner.addresses[0][1]
        self._log.info(
            "simulator_listening", host=host, port=bound, symbols=len(self._listings), seed=self._rules.seed,
            speed=self._rules.speed,
        )  # fmt: skip
        return bound

    async def pace(self) -> None:
        """Let the market's time pass at `speed` until cancelled.

        Where the machine cannot keep up, the market's time runs slower than asked; at speed 1, where it must agree with
        the wall clock, a stretch that was slept through is skipped instead.
        """
        reached_ms = started_ms = float(self.market_now_ms)
        speed, origin_s = self._rules.speed, self._opened_s
        flushed_s = time.monotonic()
        while True:
            due_ms = started_ms + (time.monotonic() - origin_s) * 1000.0 * speed
            lag_ms = due_ms - reached_ms
            if lag_ms > MOST_LAG_S * 1000.0 * speed:
                self._log.warning("market_fell_behind", lag_ms=round(lag_ms), speed=speed)
                if speed == 1.0:
                    self._feed.skip(int(lag_ms))
                    reached_ms += int(lag_ms)
                else:
                    origin_s += lag_ms / 1000.0 / speed
                    due_ms = reached_ms
            while reached_ms < due_ms:
                reached_ms = min(due_ms, reached_ms + SLICE_MS)
                self._feed.advance(reached_ms)
                await asyncio.sleep(0)
            if self._ledger is not None and time.monotonic() - flushed_s > LEDGER_FLUSH_S:
                self._ledger.flush()
                flushed_s = time.monotonic()
            await asyncio.sleep(STEP_S)

    async def end(self) -> None:
        """Announce the end to every client, close their connections and the port."""
        await self._injector.end()
        for connection in tuple(self._connections):
            connection.announce_shutdown()
        await asyncio.gather(
            *(connection.close(WSCloseCode.GOING_AWAY, "Server shutdown") for connection in tuple(self._connections))
        )
        if self._runner is not None:
            await self._runner.cleanup()
        if self._ledger is not None:
            self._ledger.close()

    def _application(self) -> web.Application:
        application = web.Application()
        routes = [web.get(f"/api/v3/{path}", self._rest_handler(path)) for path in self._rest.paths]
        application.add_routes(
            [
                *routes,
                web.get("/ws", self._raw),
                web.get("/ws/{streams:.*}", self._raw),
                web.get("/stream", self._combined),
                web.get("/simulator/market", self._describe),
                *FaultPaths(self._injector, self._listings).routes,
            ]
        )
        return application

    # REST.

    def _rest_handler(self, path: str) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            if (delay_s := self._outages.rest_delay_s(time.monotonic())) > 0:
                await asyncio.sleep(delay_s)
            outage = self._outages.rest_outage(path, time.monotonic())
            if outage is not None:
                waits = {} if outage.retry_after_s is None else {"Retry-After": str(outage.retry_after_s)}
                return json_answer(error_body(*REASONS[outage.status]), status=outage.status, headers=waits)
            verdict = self._weights.spend(request.remote or "", self._rest.weight(path, request.query), time.time())
            headers = {"X-MBX-USED-WEIGHT": str(verdict.used), "X-MBX-USED-WEIGHT-1M": str(verdict.used)}
            if verdict.status != SERVED:
                return self._over_weight(verdict, headers)
            try:
                return json_answer(self._rest.answer(path, request.query), headers=headers)
            except BadRequest as refusal:
                return json_answer(error_body(refusal.code, refusal.message), status=400, headers=headers)

        return handle

    def _over_weight(self, verdict: Verdict, headers: Mapping[str, str]) -> web.Response:
        if verdict.status == WAY_TOO_MUCH:
            message = (
                f"Way too much request weight used; IP banned until {int(verdict.until_s * 1000)}. "
                "Please use WebSocket Streams for live updates to avoid bans."
            )
        else:
            message = (
                f"Too much request weight used; current limit is {self._rules.weight_per_minute} request weight per "
                "1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API."
            )
        return json_answer(
            error_body(-1003, message),
            status=verdict.status,
            headers={**headers, "Retry-After": str(verdict.retry_after_s)},
        )

    # WebSocket.

    async def _raw(self, request: web.Request) -> web.StreamResponse:
        return await self._connect(request, streams_in_path(request.match_info.get("streams", "")), in_combined=False)

    async def _combined(self, request: web.Request) -> web.StreamResponse:
        return await self._connect(request, streams_in_path(request.query.get("streams", "")), in_combined=True)

    async def _connect(self, request: web.Request, streams: Sequence[str], *, in_combined: bool) -> web.StreamResponse:
        if not self._attempts.allows(request.remote or "", time.monotonic()):
            return json_answer(error_body(-1003, "Too many connection attempts."), status=429)
        if self._outages.refuses(time.monotonic()):
            return json_answer(error_body(*REASONS[503]), status=503)
        if len(streams) > MOST_STREAMS:
            return json_answer(error_body(-1101, f"Too many streams; at most {MOST_STREAMS} a connection."), status=400)
        connection = Connection(
            request,
            self._feed,
            Subscriptions(dict.fromkeys(streams), in_combined=in_combined),
            rules=self._rules.connections,
            market_now_ms=lambda: self.market_now_ms,
            keeps_pongs=lambda: self._outages.keeps_pongs(time.monotonic()),
        )
        self._connections[connection] = None
        try:
            return await connection.run()
        finally:
            del self._connections[connection]

    # The simulator's own paths.

    async def _describe(self, _request: web.Request) -> web.Response:
        rules = self._rules
        return json_answer(
            orjson.dumps(
                {
                    "simulated": True,
                    "seed": rules.seed,
                    "speed": rules.speed,
                    "symbols": list(rules.symbols),
                    "market_time_ms": self.market_now_ms,
                    "connections": len(self._connections),
                    "most_weight_a_minute": self._weights.most,
                }
            )
        )


def _listing(symbol: str, seed: int, opens_at_ms: int, *, light: bool) -> Listing:
    scale = instrument(symbol, seed=seed)
    return Listing(Market(scale, seed=seed, opens_at_ms=opens_at_ms, light=light), Wire(scale))
