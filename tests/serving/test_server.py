"""How a worker stops accepting: no connection may be lost, at whatever moment it came."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest
from aiohttp import web

from imagestore.serving import server


@pytest.mark.parametrize("turns", range(12))
async def test_no_connection_is_dropped_whenever_accepting_ends(turns: int) -> None:
    """Turn by turn of the event loop around the moment at which a connection is accepted."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text="whole")

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    with socket.socket() as listener, socket.socket() as client:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        # As in a worker: its descriptor is a copy, the parent keeps the socket open.
        mine = listener.dup()
        site = web.SockSite(runner, mine)
        await site.start()
        client.connect(listener.getsockname())
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        client.setblocking(False)
        for _ in range(turns):
            await asyncio.sleep(0)

        await server.stop_accepting([mine], [site])

        with contextlib.suppress(BlockingIOError):
            waiting, _ = listener.accept()
            waiting.close()
            await runner.cleanup()
            return  # not accepted: it waits for the next worker
        loop = asyncio.get_running_loop()
        received = b""
        while block := await asyncio.wait_for(loop.sock_recv(client, 4096), 10):
            received += block
        assert received.endswith(b"whole")
    await runner.cleanup()
