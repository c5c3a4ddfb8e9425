"""``/healthcheck`` as load balancers of the peer know it, and readiness beside it."""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web

from imagestore.api import keys
from imagestore.api.reply import json_reply

log = logging.getLogger(__name__)

_READY_WITHIN = 5.0
"""Seconds that the database and the default store are given to answer."""


def is_health(path: str) -> bool:
    """Whether the path is one of this module's: outside all versions, for anyone."""
    return path in ("/healthcheck", "/readiness") or path.startswith("/healthcheck/")


async def healthcheck(request: web.Request) -> web.Response:
    """Whether this process takes requests: 200 ``OK``, or 503 where an operator says so."""
    if await _is_switched_off(request):
        return _answer(request, 503, "DISABLED BY FILE")
    return _answer(request, 200, "OK")


async def readiness(request: web.Request) -> web.Response:
    """Whether requests should come here: 200, or 503 with the reasons.

    They should if the database and the default store answer, and no operator says no.
    """
    catalog = request.app[keys.catalog]
    reasons = ["disabled by file"] if await _is_switched_off(request) else []
    for name, probe in (
        ("database", catalog.health.database),
        ("default store", catalog.health.default_store),
    ):
        try:
            async with asyncio.timeout(_READY_WITHIN):
                await probe()
        except Exception as error:
            log.error("not ready: %s: %r", name, error)
            reasons.append(f"{name} does not answer")
    body = {"ready": not reasons, "reasons": reasons}
    return json_reply(body, 503 if reasons else 200)


async def _is_switched_off(request: web.Request) -> bool:
    switch = request.app[keys.settings].server.healthcheck_disable_file
    return switch is not None and await asyncio.to_thread(switch.exists)


def _answer(request: web.Request, status: int, word: str) -> web.Response:
    if request.method == "HEAD":
        return web.Response(status=204 if status == 200 else status)
    accept = request.headers.get("Accept", "")
    if "application/json" in accept:
        return json_reply({"detailed": False, "reasons": [word]}, status)
    if "text/html" in accept:
        page = (
            "<!doctype html><html><head><title>Healthcheck Status</title></head>"
            f"<body><h1>{word}</h1></body></html>"
        )
        return web.Response(text=page, status=status, content_type="text/html")
    return web.Response(text=word, status=status)
