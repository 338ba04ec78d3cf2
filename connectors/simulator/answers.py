"""HTTP answers: JSON bodies, and errors in Binance's form."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from aiohttp import web


def json_answer(body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON body as an HTTP answer."""
    return web.Response(body=body, status=status, headers=headers, content_type="application/json", charset="utf-8")


def error_body(code: int, message: str) -> bytes:
    """The body of an error: Binance's {"code", "msg"}."""
    return orjson.dumps({"code": code, "msg": message})
