"""The proxy does to a connection what it is told to, and else nothing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import pytest

from tests.services.faultproxy import HOST, FaultProxy, Faults

DATA = os.urandom(300_000)


@pytest.fixture
async def proxy() -> AsyncIterator[FaultProxy]:
    """In front of a service that sends back the first byte, then ``DATA``, then ends."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(await reader.readexactly(1))
            writer.write(DATA)
            await writer.drain()
            await reader.read()
        except (OSError, EOFError):
            pass
        writer.close()

    server = await asyncio.start_server(serve, HOST, 0)
    async with server:
        with FaultProxy(server.sockets[0].getsockname()[1]) as proxy:
            yield proxy


async def ask(proxy: FaultProxy, sent: bytes = b"x") -> bytes:
    """Everything that comes back; what came before a reset is in its arguments."""
    got, writer = b"", None
    try:
        # It may be reset before it is known to be there.
        reader, writer = await asyncio.open_connection(HOST, proxy.port)
        writer.write(sent)
        writer.write_eof()
        while piece := await reader.read(1 << 16):
            got += piece
    except OSError as error:
        raise ConnectionResetError(got) from error
    finally:
        if writer is not None:
            writer.transport.abort()
    return got


async def test_without_faults_it_is_not_there(proxy: FaultProxy) -> None:
    assert await ask(proxy) == b"x" + DATA
    assert (proxy.traffic.connections, proxy.traffic.up) == (1, 1)
    assert proxy.traffic.down == 1 + len(DATA)


@pytest.mark.parametrize("count", [0, 1, 200_000])
async def test_cut_on_the_way_back(proxy: FaultProxy, count: int) -> None:
    proxy.faults = Faults(cut_after=count)
    with pytest.raises(ConnectionResetError) as caught:
        await ask(proxy)
    assert caught.value.args[0] == (b"x" + DATA)[:count]
    proxy.faults = Faults()
    assert await ask(proxy) == b"x" + DATA


async def test_cut_on_the_way_there(proxy: FaultProxy) -> None:
    proxy.faults = Faults(cut_upload_after=1000)
    with pytest.raises(ConnectionResetError):
        await ask(proxy, bytes(5000))


async def test_a_turned_byte(proxy: FaultProxy) -> None:
    proxy.faults = Faults(corrupt_at=150_000)
    got, right = await ask(proxy), b"x" + DATA
    assert [at for at in range(len(right)) if got[at] != right[at]] == [150_000]
    assert got[150_000] == right[150_000] ^ 0xFF


async def test_refused(proxy: FaultProxy) -> None:
    proxy.faults = Faults(refuse=True)
    with pytest.raises(ConnectionResetError) as caught:
        await ask(proxy)
    assert caught.value.args[0] == b""


async def test_a_black_hole_and_its_end(proxy: FaultProxy) -> None:
    proxy.faults = Faults(black_hole=True)
    asking = asyncio.create_task(ask(proxy))
    await asyncio.wait([asking], timeout=0.3)
    assert not asking.done()
    assert proxy.traffic.down == 0
    proxy.faults = Faults()
    assert await asking == b"x" + DATA


async def test_late_and_slow(proxy: FaultProxy) -> None:
    loop = asyncio.get_running_loop()
    proxy.faults = Faults(latency=0.2)
    begin = loop.time()
    assert await ask(proxy) == b"x" + DATA
    assert loop.time() - begin >= 0.4
    proxy.faults = Faults(rate=1_000_000)
    begin = loop.time()
    assert await ask(proxy) == b"x" + DATA
    assert loop.time() - begin >= 0.3


async def test_drop_all(proxy: FaultProxy) -> None:
    proxy.faults = Faults(black_hole=True)
    asking = asyncio.create_task(ask(proxy))
    while not proxy.traffic.connections:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    proxy.drop_all()
    with pytest.raises(ConnectionResetError):
        await asking
