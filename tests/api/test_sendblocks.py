"""Blocks over a real connection, to readers of every kind."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from imagestore.api.outlet import outlet
from imagestore.api.sendblocks import BlockSender

MIB = 1 << 20


@asynccontextmanager
async def connection() -> AsyncIterator[tuple[asyncio.Transport, socket.socket]]:
    """The transport of a server, and the socket of its peer."""
    loop = asyncio.get_running_loop()
    accepted: asyncio.Future[asyncio.Transport] = loop.create_future()

    class Server(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            accepted.set_result(transport)

    server = await loop.create_server(Server, "127.0.0.1", 0)
    peer = socket.socket()
    peer.setblocking(False)
    await loop.sock_connect(peer, server.sockets[0].getsockname())
    transport = await accepted
    try:
        yield transport, peer
    finally:
        transport.abort()
        peer.close()
        server.close()


async def receive(peer: socket.socket, count: int, pause: Callable[[], float]) -> bytes:
    loop, data = asyncio.get_running_loop(), b""
    while len(data) < count:
        await asyncio.sleep(pause())
        data += await loop.sock_recv(peer, MIB)
    return data


@pytest.mark.parametrize("sizes", [[1], [5, 0, 7], [MIB], [3 * MIB + 1, 17, 8 * MIB]])
async def test_what_is_sent_arrives(sizes: list[int]) -> None:
    blocks = [os.urandom(size) for size in sizes]
    whole = b"head" + b"".join(blocks)
    async with connection() as (transport, peer):
        reading = asyncio.create_task(receive(peer, len(whole), lambda: 0))
        transport.write(b"head")
        async with outlet(transport) as out:
            sender = BlockSender(out, patience=10)
            for block in blocks:
                await sender.send(memoryview(block))
        assert await asyncio.wait_for(reading, 10) == whole


async def test_the_end_is_not_held_back_by_the_kernel() -> None:
    async with connection() as (transport, peer):
        async with outlet(transport) as out:
            await BlockSender(out, patience=10).send(b"short")
        assert await asyncio.wait_for(receive(peer, 5, lambda: 0), 0.15) == b"short"


async def test_a_slow_reader_is_waited_for() -> None:
    data = os.urandom(3 * MIB)
    async with connection() as (transport, peer):
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
        reading = asyncio.create_task(receive(peer, len(data), lambda: 0.01))
        async with outlet(transport) as out:
            await BlockSender(out, patience=0.3).send(data)
        assert await asyncio.wait_for(reading, 30) == data


async def test_a_reader_that_takes_nothing_is_given_up() -> None:
    async with connection() as (transport, _):
        with pytest.raises(TimeoutError):
            async with outlet(transport) as out:
                await BlockSender(out, patience=0.2).send(bytes(64 * MIB))


async def test_a_reader_that_goes_away() -> None:
    async with connection() as (transport, peer):
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        asyncio.get_running_loop().call_later(0.1, peer.close)
        with pytest.raises(ConnectionError):
            async with outlet(transport) as out:
                await BlockSender(out, patience=10).send(bytes(64 * MIB))


async def test_cancelling_leaves_nothing_behind() -> None:
    async with connection() as (transport, peer):
        async with outlet(transport) as out:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await BlockSender(out, patience=10).send(bytes(64 * MIB))
            queued = out.queued()
            await asyncio.sleep(0.05)  # nobody writes on
            assert out.queued() <= queued
        assert peer.fileno() >= 0
