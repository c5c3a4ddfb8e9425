"""A web server whose files an import fetches, and which can be made to misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.test_utils import TestServer


@dataclass
class Web:
    """``files`` by path. ``statuses`` are answered first, one a request. ``gate`` set: a body
    ends only when it is released; ``pause``: seconds before each block of a body."""

    url: str = ""
    port: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    gate: asyncio.Event | None = None
    pause: float = 0.0
    redirects: dict[str, str] = field(default_factory=dict)
    """Where paths lead to."""
    before: Callable[[], Awaitable[object]] | None = None
    """Awaited before each answer."""
    labels: dict[str, str] = field(default_factory=dict)
    """Headers of all answers with data."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        self.headers.append(dict(request.headers))
        if self.before is not None:
            await self.before()
        if self.statuses:
            return web.Response(status=self.statuses.pop(0))
        if request.path in self.redirects:
            return web.Response(status=302, headers={"Location": self.redirects[request.path]})
        data = self.files.get(request.path)
        if data is None:
            return web.Response(status=404)
        response = web.StreamResponse(headers={"Content-Length": str(len(data)), **self.labels})
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        half = len(data) // 2
        for start in range(0, len(data), 64 << 10):
            if self.gate is not None and start + (64 << 10) > half:
                await self.gate.wait()
            if self.pause:
                await asyncio.sleep(self.pause)
            await response.write(data[start : start + (64 << 10)])
        return response


@asynccontextmanager
async def served_files() -> AsyncIterator[Web]:
    site = Web()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", site.answer)
    async with TestServer(app) as server:
        site.port = server.port or 0
        site.url = f"http://127.0.0.1:{server.port}"
        yield site
