from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from imagestore.backends.base import Buffer
from imagestore.backends.errors import WrongSize
from imagestore.backends.parts import send_parts
from imagestore.backends.swift.streams import Budget, Stream, exactly, in_streams


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as threads:
        yield threads


async def blocks(count: int, size: int = 10) -> AsyncIterator[Buffer]:
    for number in range(count):
        yield bytes([number % 256]) * size


@pytest.mark.parametrize("announced", [35, 25])
async def test_the_last_block_is_held_until_the_size_is_right(announced: int) -> None:
    got = 0
    with pytest.raises(WrongSize):
        async for block in exactly(blocks(3), announced, "store"):
            got += len(block)
    assert got < min(announced, 30)


async def test_no_more_is_held_than_the_budget(executor: ThreadPoolExecutor) -> None:
    """A store that takes nothing stops the source."""
    taken = 0

    async def source() -> AsyncIterator[Buffer]:
        nonlocal taken
        async for block in blocks(100):
            taken += len(block)
            yield block

    async def send(number: int, stream: Stream) -> None:
        await asyncio.Event().wait()

    streams = in_streams(exactly(source(), None, "store"), 30, Budget(50), executor, pause=60)
    task = asyncio.create_task(send_parts(streams, send, parallel=4))
    await asyncio.sleep(0.1)
    assert 50 <= taken <= 70  # one is held until the next comes, and one waits for room
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_store_that_fails_does_not_leave_the_source_waiting(
    executor: ThreadPoolExecutor,
) -> None:
    async def send(number: int, stream: Stream) -> None:
        await asyncio.sleep(0.05)
        error = ConnectionError("gone")
        stream.fail(error)
        raise error

    streams = in_streams(exactly(blocks(100), None, "store"), 500, Budget(50), executor, pause=60)
    async with asyncio.timeout(10):
        with pytest.raises(ConnectionError, match="gone"):
            await send_parts(streams, send, parallel=4)


async def test_bytes_and_digests_come_through(executor: ThreadPoolExecutor) -> None:
    async def send(number: int, stream: Stream) -> tuple[bytes, str]:
        async with asyncio.timeout(10) as deadline:
            data = b"".join([bytes(block) async for block in stream.send(deadline, 10)])
        return data, await stream.md5()

    streams = in_streams(exactly(blocks(10), 100, "store"), 33, Budget(50), executor, pause=60)
    results = await send_parts(streams, send, parallel=2)
    whole = b"".join([bytes(block) async for block in blocks(10)])
    assert [len(data) for data, _ in results] == [33, 33, 33, 1]
    assert b"".join(data for data, _ in results) == whole
    assert [digest for _, digest in results] == [
        hashlib.md5(data).hexdigest() for data, _ in results
    ]
