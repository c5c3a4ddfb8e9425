"""Readers that are slow, or do not read: how long they are waited for, how much waits for them."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from imagestore.observing.access_log import AccessLogger
from imagestore.serving import responses
from imagestore.serving.connections import Runner
from tests.services import certificate

MIB = 1 << 20
SIZE = 24 * MIB
"""More than the kernel holds for a reader that takes nothing."""
ROOM = 60 * MIB


@asynccontextmanager
async def serving(
    *, room: int = ROOM, patience: float = 60, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[str, int]]:
    """Where ``/whole`` and ``/pieces`` answer with ``SIZE`` bytes, of which ``room`` may wait."""

    async def whole(_: web.Request) -> web.Response:
        return web.Response(body=bytes(SIZE))

    async def pieces(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(SIZE // MIB):
            await response.write(bytes(MIB))
        return response

    app = web.Application(middlewares=[responses.middleware(60, unsent_bytes=room)])
    app.add_routes([web.get("/whole", whole), web.get("/pieces", pieces)])
    runner = Runner(app, max_line=8190, patience=patience, access_log_class=AccessLogger)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    yield runner.addresses[0]
    await runner.cleanup()


async def ask(address: tuple[str, int], path: str = "whole") -> socket.socket:
    """The socket of a client that has asked, and whose answer has begun."""
    loop, client = asyncio.get_running_loop(), socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    await loop.sock_connect(client, address)
    request = f"GET /{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    await loop.sock_sendall(client, request.encode())
    assert await loop.sock_recv(client, 1)
    return client


async def read(client: socket.socket) -> int:
    """Bytes until the connection ends."""
    loop, count = asyncio.get_running_loop(), 0
    with client:
        try:
            while block := await loop.sock_recv(client, MIB):
                count += len(block)
        except ConnectionError:
            pass
    return count


async def test_who_has_taken_nothing_for_the_longest_makes_room() -> None:
    async with asyncio.timeout(60), serving() as address:
        stalled = [await ask(address) for _ in range(2)]
        # There is room for two and a bit of the third, which reads.
        assert await read(await ask(address)) > SIZE
        assert await read(stalled[0]) < SIZE
        assert await read(stalled[1]) > SIZE


async def test_a_single_response_may_be_larger() -> None:
    async with asyncio.timeout(60), serving(room=1) as address:
        assert await read(await ask(address)) > SIZE


@pytest.mark.slow
@pytest.mark.parametrize("path", ["whole", "pieces"])
@pytest.mark.parametrize("encrypted", [False, True], ids=["", "tls"])
async def test_a_reader_that_takes_nothing_is_hung_up_on(
    path: str, encrypted: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tls = None
    if encrypted:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate.make(tmp_path / "server.pem"))
    caplog.set_level("INFO")
    async with asyncio.timeout(60), serving(patience=0.5, tls=tls) as address:
        trusting = ssl._create_unverified_context() if encrypted else None
        reader, writer = await asyncio.open_connection(*address, ssl=trusting, limit=1024)
        writer.write(f"GET /{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        while "has taken nothing for 0.5 seconds" not in caplog.text:
            await asyncio.sleep(0.05)
        while not (said := [one for one in caplog.records if one.name == "imagestore.access"]):
            await asyncio.sleep(0.05)
        assert " 499 " in said[0].getMessage()
        assert len(await reader.read(1)) == 1
        writer.transport.abort()
    assert not [one for one in caplog.records if one.levelname != "INFO"]


@pytest.mark.slow
@pytest.mark.parametrize("path", ["whole", "pieces"])
async def test_a_slow_reader_is_waited_for(path: str) -> None:
    async with asyncio.timeout(60), serving(patience=0.3) as address:
        client = await ask(address, path)
        for _ in range(6):
            await asyncio.sleep(0.2)
            await asyncio.get_running_loop().sock_recv(client, MIB)
        assert await read(client) > SIZE // 2
