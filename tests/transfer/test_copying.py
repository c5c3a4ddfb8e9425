"""Blocks that end only if they are the right ones, at a pace."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator

import pytest

from imagestore.backends.base import Buffer
from imagestore.transfer import copying
from imagestore.transfer.copying import Corrupt, Pace, Verified, drain

DATA = [b"a" * 1000, b"b" * 10]
SHA = hashlib.sha512(b"".join(DATA)).hexdigest()
MD5 = hashlib.md5(b"".join(DATA)).hexdigest()


async def source() -> AsyncGenerator[Buffer, None]:
    for block in DATA:
        yield block


async def test_right_ones() -> None:
    told: list[int] = []
    expected = {"md5": None, "sha512": SHA.upper()}
    verified = Verified(source(), expected, Pace(0), told.append)
    assert [block async for block in verified.blocks()] == DATA
    assert verified.digests == {"md5": MD5, "sha512": SHA}
    assert told == [1000, 1010]


@pytest.mark.parametrize("expected", [{"md5": MD5, "sha512": "0" * 128}, {"md5": SHA}])
async def test_wrong_ones(expected: dict[str, str | None]) -> None:
    taken: list[Buffer] = []
    verified = Verified(source(), expected, Pace(0), lambda count: None)
    with pytest.raises(Corrupt):
        taken.extend([block async for block in verified.blocks()])
    assert verified.digests or taken == []


async def test_the_source_is_closed_when_nobody_reads_on() -> None:
    closed = asyncio.Event()

    async def endless() -> AsyncGenerator[Buffer, None]:
        try:
            while True:
                yield b"x"
        finally:
            closed.set()

    blocks = Verified(endless(), {}, Pace(0), lambda count: None).blocks()
    await anext(blocks)
    await blocks.aclose()
    assert closed.is_set()


async def test_the_pace_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(copying.asyncio, "sleep", sleep)
    pace = Pace(1000)
    for _ in range(10):
        verified = Verified(source(), {}, pace, lambda count: None)
        await drain(verified.blocks())
    # 10,100 bytes at 1000 a second, the last ten of which nobody waits for.
    assert max(waited) == pytest.approx(9.1, abs=0.5)
    assert waited == sorted(waited)


async def test_no_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    async def sleep(seconds: float) -> None:
        raise AssertionError

    monkeypatch.setattr(copying.asyncio, "sleep", sleep)
    await Pace(0).take(1 << 40)


async def test_no_second_has_more_bytes_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, by a clock that only waiting moves."""
    rate, block = 1000, b"x" * 300
    clock = 0.0
    passed: list[tuple[float, int]] = []

    class Loop:
        def time(self) -> float:
            return clock

    async def sleep(seconds: float) -> None:
        nonlocal clock
        clock += seconds

    pace = Pace(rate)
    monkeypatch.setattr(copying.asyncio, "get_running_loop", Loop)
    monkeypatch.setattr(copying.asyncio, "sleep", sleep)
    for _ in range(120):
        await pace.take(len(block))
        passed.append((clock, len(block)))
    for begin, _ in passed:
        within = sum(count for moment, count in passed if begin <= moment < begin + 1)
        assert within <= rate + 2 * len(block)
    total = sum(count for _, count in passed)
    assert total == 120 * len(block)
    # All of it was allowed to pass, and no slower than it might.
    assert clock == pytest.approx(total / rate, abs=2)
