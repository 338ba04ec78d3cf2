"""The simulator's own paths, from this machine only: faults one by one, by script and at random, and scenes."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Collection
from typing import Any

import msgspec
import orjson
from aiohttp import web

from connectors.simulator.answers import error_body, json_answer
from connectors.simulator.faults import BadFault, catalogue, described, parse_fault
from connectors.simulator.injection import Injector
from connectors.simulator.scenes import described_scene, parse_scene
from connectors.simulator.schedule import parse_random, parse_script, random_schedule

ACCEPTED = 202


class FaultPaths:
    """Routes `/simulator/fault`, `/simulator/faults` and `/simulator/scene`."""

    def __init__(self, injector: Injector, symbols: Collection[str]) -> None:
        self._injector = injector
        self._symbols = symbols

    @property
    def routes(self) -> list[web.RouteDef]:
        """What the application serves."""
        return [
            web.get("/simulator/fault", _local(self._kinds)),
            web.post("/simulator/fault", _local(self._one)),
            web.get("/simulator/faults", _local(self._injected)),
            web.post("/simulator/faults/random", _local(self._random)),
            web.post("/simulator/faults/script", _local(self._script)),
            web.post("/simulator/scene", _local(self._scene)),
        ]

    async def _kinds(self, _request: web.Request) -> web.Response:
        return json_answer(orjson.dumps(catalogue()))

    async def _one(self, request: web.Request) -> web.Response:
        fault = parse_fault(await _asked(request), self._symbols)
        self._injector.inject(fault, "request")
        return json_answer(orjson.dumps({"accepted": described(fault)}), status=ACCEPTED)

    async def _random(self, request: web.Request) -> web.Response:
        schedule = list(random_schedule(parse_random(await _asked(request), self._symbols)))
        self._injector.run(schedule, "random")
        return json_answer(orjson.dumps({"scheduled": len(schedule)}), status=ACCEPTED)

    async def _script(self, request: web.Request) -> web.Response:
        schedule = parse_script(await _asked(request), self._symbols)
        self._injector.run(schedule, "script")
        return json_answer(orjson.dumps({"scheduled": len(schedule)}), status=ACCEPTED)

    async def _scene(self, request: web.Request) -> web.Response:
        scene = parse_scene(await _asked(request), self._symbols)
        self._injector.stage(scene)
        return json_answer(orjson.dumps({"accepted": described_scene(scene)}), status=ACCEPTED)

    async def _injected(self, _request: web.Request) -> web.Response:
        injector = self._injector
        body = {"schedules_running": injector.schedules, "injected": injector.injected}
        return json_answer(msgspec.json.encode(body))


async def _asked(request: web.Request) -> Any:  # noqa: ANN401 - a JSON value
    try:
        return orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise BadFault(f"The body is not JSON: {error}.") from None


def _local(
    handle: Callable[[web.Request], Awaitable[web.Response]],
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """The handler for requests from this machine, with 400 for what makes no sense."""

    async def guarded(request: web.Request) -> web.Response:
        if not ipaddress.ip_address(request.remote or "0.0.0.0").is_loopback:  # noqa: S104 - compared, not bound
            return json_answer(error_body(-1002, "Faults are accepted from this machine only."), status=403)
        try:
            return await handle(request)
        except BadFault as refusal:
            return json_answer(error_body(-1102, str(refusal)), status=400)

    return guarded
