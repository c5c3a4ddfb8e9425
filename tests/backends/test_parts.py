from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from imagestore.backends.base import Buffer
from imagestore.backends.parts import Part, in_parts, send_parts


async def blocks(*sizes: int) -> AsyncGenerator[Buffer, None]:
    at = 0
    for size in sizes:
        yield bytes((at + index) % 251 for index in range(size))
        at += size


def joined(part: Part) -> bytes:
    return b"".join(bytes(buffer) for buffer in part)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((), []),
        ((3,), [3]),
        ((4,), [4]),
        ((5,), [4, 1]),
        ((1, 1, 1, 1, 1), [4, 1]),
        ((9, 2, 1), [4, 4, 4]),
        ((13,), [4, 4, 4, 1]),
    ],
)
async def test_parts_have_the_size(sizes: tuple[int, ...], expected: list[int]) -> None:
    parts = [joined(part) async for part in in_parts(blocks(*sizes), 4)]
    assert [len(part) for part in parts] == expected
    assert b"".join(parts) == b"".join([bytes(block) async for block in blocks(*sizes)])


async def test_parts_are_sent_in_parallel_and_answered_in_order() -> None:
    running = most = 0

    async def send(number: int, part: Part) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01 / number)
        running -= 1
        return number

    assert await send_parts(in_parts(blocks(*[4] * 7), 4), send, parallel=3) == [
        1,
        2,
        3,
        4,
        5,
        6,
        7,
    ]
    assert most == 3


async def test_the_first_error_ends_what_is_under_way() -> None:
    ended: list[int] = []
    third = asyncio.Event()

    async def send(number: int, part: Part) -> None:
        try:
            if number == 3:
                third.set()
            if number == 2:
                await third.wait()
                raise ConnectionError("second")
            await asyncio.sleep(60)
        finally:
            ended.append(number)

    with pytest.raises(ConnectionError, match="second"):
        await send_parts(in_parts(blocks(*[4] * 9), 4), send, parallel=3)
    assert sorted(ended) == [1, 2, 3]


async def test_an_error_is_noticed_while_the_source_waits() -> None:
    """A client that sends slowly, or not at all, learns at once that its upload has failed."""
    ended: list[str] = []

    async def source() -> AsyncGenerator[Part, None]:
        try:
            yield [b"one"]
            yield [b"two"]
            await asyncio.Event().wait()
        finally:
            ended.append("source")

    async def send(number: int, part: Part) -> None:
        try:
            if number == 1:
                await asyncio.sleep(0.01)
                raise ConnectionError("first")
            await asyncio.Event().wait()
        finally:
            ended.append(f"part {number}")

    with pytest.raises(ConnectionError, match="first"):
        async with asyncio.timeout(30):
            await send_parts(source(), send, parallel=3)
    assert sorted(ended) == ["part 1", "part 2", "source"]


async def test_an_error_of_the_source_passes_through() -> None:
    cancelled: list[int] = []

    async def source() -> AsyncGenerator[Part, None]:
        yield [b"one"]
        await asyncio.sleep(0)  # the first call begins
        raise KeyError("source")

    async def send(number: int, part: Part) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(number)
            raise

    with pytest.raises(KeyError):
        await send_parts(source(), send, parallel=3)
    assert cancelled == [1]


async def test_parts_may_grow() -> None:
    sizes = iter([2, 4, 8])
    parts = [joined(part) async for part in in_parts(blocks(5, 5), sizes)]
    assert [len(part) for part in parts] == [2, 4, 4]
    assert b"".join(parts) == b"".join([bytes(block) async for block in blocks(5, 5)])


async def test_of_larger_parts_fewer_are_under_way() -> None:
    running = 0

    async def send(number: int, part: Part) -> None:
        nonlocal running
        running += len(joined(part))
        assert running <= 12
        await asyncio.sleep(0.001)
        running -= len(joined(part))

    sizes = iter([2, 2, 2, 4, 4, 6, 6, 12, 12])
    await send_parts(
        in_parts(blocks(38), sizes), send, parallel=lambda part: max(1, 12 // len(joined(part)))
    )
