"""A small application for real worker processes: slow answers, big ones, and ways to fail."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from aiohttp import web

from imagestore.config.settings import Settings
from imagestore.model.errors import Unavailable
from imagestore.observing import metrics

PIECE = b"x" * 1000


def create(settings: Settings) -> web.Application:
    app = web.Application(client_max_size=1 << 30)

    async def pid(request: web.Request) -> web.Response:
        metrics.REQUESTS.labels("/", "GET", "200").inc()
        return web.json_response({"pid": os.getpid(), "page": settings.limits.limit_param_default})

    async def slow(request: web.Request) -> web.StreamResponse:
        """``pieces`` pieces, one every 50 ms."""
        pieces = int(request.query["pieces"])
        response = web.StreamResponse()
        response.content_length = pieces * len(PIECE)
        await response.prepare(request)
        for _ in range(pieces):
            await response.write(PIECE)
            await asyncio.sleep(0.05)
        return response

    async def upload(request: web.Request) -> web.Response:
        count = 0
        await _note(settings.data_dir / "begun")
        async for block in request.content.iter_any():
            count += len(block)
        return web.json_response({"pid": os.getpid(), "bytes": count})

    async def block(request: web.Request) -> web.Response:
        await _note(settings.data_dir / "begun")
        with metrics.TRANSFERS.labels("download").track_inprogress():
            await asyncio.sleep(3600)
        return web.Response()

    async def start(app: web.Application) -> None:
        switch = settings.data_dir / "fail"
        if switch.exists():
            raise Unavailable(switch.read_text())
        await _note(settings.data_dir / "starts")

    app.router.add_get("/", pid)
    app.router.add_get("/slow", slow)
    app.router.add_get("/block", block)
    app.router.add_put("/upload", upload)
    app.on_startup.append(start)
    return app


async def _note(file: Path) -> None:
    with file.open("a") as log:
        log.write(f"{os.getpid()}\n")
