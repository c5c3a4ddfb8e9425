"""A deadline on the whole of a transfer, which no trickle of bytes can put off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from imagestore.backends.base import Buffer
from imagestore.backends.errors import Unavailable
from imagestore.backends.least_rate import LeastRate, in_time


async def trickle(pause: float, count: int, ended: list[str]) -> AsyncGenerator[Buffer, None]:
    try:
        for _ in range(count):
            await asyncio.sleep(pause)
            yield b"x"
    finally:
        ended.append("ended")


async def size(blocks: AsyncGenerator[Buffer, None]) -> int:
    return sum([len(block) async for block in blocks])


async def test_a_trickle_ends() -> None:
    ended: list[str] = []
    with pytest.raises(Unavailable, match="less than the 1000000 a second"):
        await size(in_time(trickle(0.01, 10**9, ended), LeastRate(10**6, 0.2)))
    assert ended == ["ended"]


async def test_whatever_comes_in_time_passes() -> None:
    assert await size(in_time(trickle(0.01, 30, []), LeastRate(10, 0.2))) == 30
    assert await size(in_time(trickle(0.0, 30, []), LeastRate(1, 5.0))) == 30
    assert await size(in_time(trickle(0.01, 30, []), LeastRate(0, 0.0))) == 30  # no limit


async def test_what_the_reader_takes_is_not_the_fault_of_the_source() -> None:
    count = 0
    async for _ in in_time(trickle(0.0, 5, []), LeastRate(10**6, 0.2)):
        count += 1
        await asyncio.sleep(0.1)
    assert count == 5


async def test_what_the_source_raises_passes() -> None:
    async def failing() -> AsyncGenerator[Buffer, None]:
        yield b"x"
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        await size(in_time(failing(), LeastRate(1, 60.0)))


async def test_a_reader_who_leaves_ends_the_source() -> None:
    ended: list[str] = []
    blocks = in_time(trickle(0.0, 10**9, ended), LeastRate())
    assert await anext(blocks) == b"x"
    await blocks.aclose()
    assert ended == ["ended"]
