from __future__ import annotations

import asyncio
import contextlib

import pytest

from imagestore.backends.read_ahead import read_ahead

DATA = bytes(range(256)) * 4


@pytest.mark.parametrize(("offset", "end"), [(0, 0), (0, 1), (0, 1024), (5, 1000), (7, 7), (9, 3)])
async def test_pieces_come_in_order(offset: int, end: int) -> None:
    running = most = 0

    async def fetch(at: int, length: int) -> bytes:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001 if at % 200 else 0.003)
        running -= 1
        return DATA[at : at + length]

    pieces = [piece async for piece in read_ahead(fetch, offset, end, step=100, depth=3)]
    assert b"".join(pieces) == DATA[offset:end]
    assert most <= 3


async def test_closing_early_ends_what_is_under_way() -> None:
    running = 0

    async def fetch(at: int, length: int) -> bytes:
        nonlocal running
        running += 1
        try:
            await asyncio.sleep(0 if at == 0 else 60)
            return DATA[at : at + length]
        finally:
            running -= 1

    async with contextlib.aclosing(read_ahead(fetch, 0, 1024, step=100, depth=4)) as pieces:
        assert await anext(pieces) == DATA[:100]
    assert running == 0


async def test_an_error_is_raised_in_its_place() -> None:
    async def fetch(at: int, length: int) -> bytes:
        if at == 200:
            raise ConnectionError("third")
        return DATA[at : at + length]

    got = b""
    with pytest.raises(ConnectionError):
        async for piece in read_ahead(fetch, 0, 1024, step=100, depth=4):
            got += piece
    assert got == DATA[:200]


async def test_the_first_pieces_may_be_small() -> None:
    asked: list[int] = []

    async def fetch(at: int, length: int) -> bytes:
        asked.append(length)
        return DATA[at : at + length]

    pieces = [piece async for piece in read_ahead(fetch, 0, 1024, step=300, depth=2, first=50)]
    assert b"".join(pieces) == DATA
    assert asked == [50, 100, 200, 300, 300, 74]
