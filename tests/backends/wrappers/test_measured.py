"""What an observer is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from imagestore.backends import errors
from imagestore.backends.base import BLOCK_SIZE, Buffer
from imagestore.backends.testing.contract import content, cut, read
from imagestore.backends.testing.faulty import FaultyStore, away, hang
from imagestore.backends.wrappers.measured import MeasuredStore

DATA = content(3 * BLOCK_SIZE)


class Clock:
    """Seconds that pass only when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Seen:
    def __init__(self) -> None:
        self.all: list[tuple[str, str, float, int]] = []

    def __call__(
        self, store: str, operation: str, outcome: str, *, seconds: float, size: int
    ) -> None:
        assert store == "files"
        self.all.append((operation, outcome, seconds, size))

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        return [(operation, outcome) for operation, outcome, *_ in self.all]


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(faulty: FaultyStore, seen: Seen, clock: Clock) -> MeasuredStore:
    return MeasuredStore(faulty, seen, clock=clock)


async def test_every_operation(store: MeasuredStore, seen: Seen) -> None:
    await store.start()
    url = (await store.add("a", cut(DATA))).url
    await store.size(url)
    await store.exists(url)
    assert await read(store, url, 7, 2_000_000) == DATA[7:2_000_007]
    await store.capacity()
    await store.delete(url)
    await store.discard("a")
    with pytest.raises(errors.NotFound):
        await store.delete(url)
    with pytest.raises(errors.NotFound):
        await read(store, url)
    assert seen.outcomes == [
        ("start", "ok"), ("add", "ok"), ("size", "ok"), ("exists", "ok"), ("open", "ok"),
        ("capacity", "ok"), ("delete", "ok"), ("discard", "ok"), ("delete", "NotFound"),
        ("open", "NotFound"),
    ]  # fmt: skip
    assert [size for *_, size in seen.all if size] == [len(DATA), 2_000_000]


async def test_the_time_of_source_and_reader_is_not_the_store_s(
    store: MeasuredStore, faulty: FaultyStore, seen: Seen, clock: Clock
) -> None:
    async def source() -> AsyncIterator[Buffer]:
        for block in (DATA[:BLOCK_SIZE], DATA[BLOCK_SIZE:]):
            clock.now += 100
            yield block

    async def slow() -> None:
        clock.now += 1

    faulty.fail({"add": [slow], "write": [slow], "open": [slow], "read": [slow] * 3})
    url = (await store.add("a", source())).url
    async with store.open(url) as blocks:
        clock.now += 100
        async for _ in blocks:
            clock.now += 100
        clock.now += 100
    assert seen.all == [("add", "ok", 2.0, len(DATA)), ("open", "ok", 4.0, len(DATA))]


async def test_how_transfers_end(store: MeasuredStore, faulty: FaultyStore, seen: Seen) -> None:
    async def broken() -> AsyncIterator[Buffer]:
        yield b"x"
        raise ConnectionResetError

    async def from_elsewhere() -> AsyncIterator[Buffer]:
        yield b"x"
        raise errors.Unavailable("forced", store="another")

    for source in (broken, from_elsewhere):
        with pytest.raises((ConnectionResetError, errors.Unavailable)):
            await store.add("a", source())
    faulty.fail({"write": [away()], "capacity": [hang]})
    with pytest.raises(errors.Unavailable):
        await store.add("a", cut(DATA))
    task = asyncio.create_task(store.capacity())
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])
    url = (await store.add("a", cut(DATA))).url
    async with store.open(url) as blocks:
        async for _ in blocks:
            break
    assert seen.outcomes == [
        ("add", "aborted"), ("add", "aborted"), ("add", "Unavailable"), ("capacity", "cancelled"),
        ("add", "ok"), ("open", "ok"),
    ]  # fmt: skip
    assert seen.all[-1][-1] == BLOCK_SIZE
