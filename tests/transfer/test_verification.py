"""Blocks that end only if they are the right ones, at a pace; the source is closed in any case."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator

import pytest

from imagestore.backends.base import Buffer
from imagestore.model.digest import Digest, Expected
from imagestore.model.errors import Corrupt
from imagestore.transfer import verification
from imagestore.transfer.verification import Pace, Verified, verify

DATA: list[Buffer] = [b"a" * 1000, b"b" * 10]
WHOLE = b"".join(DATA)
SHA512 = Digest("sha512", hashlib.sha512(WHOLE).hexdigest().upper())
SHA256 = Digest("sha256", hashlib.sha256(WHOLE).hexdigest())
MD5 = Digest("md5", hashlib.md5(WHOLE).hexdigest())
OTHER = Digest("sha512", "0" * 128)


class Source:
    """Gives ``blocks``, and after them ``error`` if there is one."""

    def __init__(self, blocks: list[Buffer] = DATA, error: Exception | None = None) -> None:
        self._blocks = blocks
        self._error = error
        self.closed = False

    async def blocks(self) -> AsyncGenerator[Buffer, None]:
        try:
            for block in self._blocks:
                yield block
            if self._error is not None:
                raise self._error
        finally:
            self.closed = True


@pytest.mark.parametrize(
    "expected",
    [
        Expected(),
        Expected(1010),
        Expected(None, (SHA512,)),
        Expected(1010, (SHA512, SHA256, MD5)),
    ],
    ids=["nothing", "size", "digest", "all"],
)
async def test_right_ones(expected: Expected) -> None:
    told: list[int] = []
    source = Source()
    verified = Verified(
        source.blocks(), expected, algorithms={"md5", "sha512"}, on_progress=told.append
    )
    assert [block async for block in verified.blocks()] == DATA
    found = {"md5": MD5, "sha512": SHA512}
    assert verified.digests == found | {each.algorithm: each for each in expected.digests}
    assert told == [1000, 1010]
    assert source.closed


@pytest.mark.parametrize(
    ("expected", "passed", "fault"),
    [
        (Expected(1011), 2, "1010 bytes, not 1011"),
        (Expected(1011, (SHA512,)), 1, "1010 bytes, not 1011"),
        (Expected(1009), 1, "more than 1009 bytes"),
        (Expected(0, (SHA512,)), 0, "more than 0 bytes"),
        (Expected(1010, (OTHER,)), 1, f"its sha512 is {SHA512.value}"),
        (Expected(None, (MD5, OTHER)), 1, f"its sha512 is {SHA512.value}"),
        (Expected(1010, (SHA512, Digest("md5", "0" * 32))), 1, f"its md5 is {MD5.value}"),
    ],
)
async def test_wrong_ones(expected: Expected, passed: int, fault: str) -> None:
    """Also who counts bytes has not got all of them before the error comes."""
    taken: list[Buffer] = []
    source = Source()
    with pytest.raises(Corrupt) as caught:
        async for block in Verified(source.blocks(), expected, of="It").blocks():
            taken.append(block)
    assert (caught.value.fault, caught.value.message) == (fault, f"It is not right: {fault}.")
    assert taken == DATA[:passed]
    assert source.closed


@pytest.mark.parametrize("blocks", [[], [b""]])
async def test_nothing_at_all(blocks: list[Buffer]) -> None:
    none = Digest("md5", hashlib.md5().hexdigest())
    await verify(Source(blocks).blocks(), Expected(0, (none,)))
    with pytest.raises(Corrupt):
        await verify(Source(blocks).blocks(), Expected(0, (MD5,)))


async def test_one_block_is_kept_back_until_all_is_right() -> None:
    source = Source([WHOLE])
    with pytest.raises(Corrupt):
        async for _ in Verified(source.blocks(), Expected(1010, (OTHER,))).blocks():
            raise AssertionError
    assert source.closed


async def test_an_error_of_the_source_passes_through() -> None:
    source = Source(error=OSError("broken"))
    with pytest.raises(OSError, match="broken"):
        await verify(source.blocks(), Expected(1010, (SHA512,)))
    assert source.closed


async def test_an_error_of_who_is_told_ends_it() -> None:
    def refuse(_: int) -> None:
        raise ValueError

    source = Source()
    with pytest.raises(ValueError):
        await Verified(source.blocks(), Expected(), on_progress=refuse).drain()
    assert source.closed


async def test_nobody_reads_on() -> None:
    source = Source()
    blocks = Verified(source.blocks(), Expected()).blocks()
    await anext(blocks)
    await blocks.aclose()
    assert source.closed


async def test_cancelled_in_the_middle() -> None:
    reached, closed = asyncio.Event(), asyncio.Event()

    async def stuck() -> AsyncGenerator[Buffer, None]:
        try:
            yield WHOLE
            reached.set()
            await asyncio.Event().wait()
        finally:
            closed.set()

    reading = asyncio.create_task(verify(stuck(), Expected(None, (SHA512,))))
    await reached.wait()
    reading.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await reading
    assert reading.cancelled()
    assert closed.is_set()


async def test_the_pace_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(verification.asyncio, "sleep", sleep)
    pace = Pace(1000)
    for _ in range(10):
        await Verified(Source().blocks(), Expected(), pace=pace).drain()
    # 10,100 bytes at 1000 a second, the last ten of which nobody waits for.
    assert max(waited) == pytest.approx(9.1, abs=0.5)
    assert waited == sorted(waited)
    assert pace.bytes == 10100


async def test_no_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    async def sleep(seconds: float) -> None:
        raise AssertionError

    monkeypatch.setattr(verification.asyncio, "sleep", sleep)
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
    monkeypatch.setattr(verification.asyncio, "get_running_loop", Loop)
    monkeypatch.setattr(verification.asyncio, "sleep", sleep)
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
