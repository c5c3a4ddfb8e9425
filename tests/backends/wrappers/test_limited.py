"""No more at a time than allowed, first come first served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from imagestore.backends import errors
from imagestore.backends.base import BLOCK_SIZE, Buffer
from imagestore.backends.testing.contract import content, cut, read
from imagestore.backends.testing.faulty import FaultyStore, hang
from imagestore.backends.wrappers import limited
from imagestore.backends.wrappers.limited import LimitedStore


class Crowd:
    """How many are in the store now, and the most that ever were."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.order: list[int] = []

    async def come(self) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.005)
        self.now -= 1


async def test_transfers(faulty: FaultyStore) -> None:
    store, crowd = LimitedStore(faulty, transfers=3, calls=1, patience=30), Crowd()
    faulty.fail({"write": [crowd.come] * 12, "read": [crowd.come] * 99})
    data = content(BLOCK_SIZE)
    stored = await asyncio.gather(*(store.add(f"i{i}", cut(data)) for i in range(12)))
    assert crowd.most == 3
    bodies = await asyncio.gather(*(read(store, each.url) for each in stored))
    assert set(bodies) == {data}
    assert crowd.most == 3


async def test_calls(faulty: FaultyStore) -> None:
    store, crowd = LimitedStore(faulty, transfers=1, calls=2, patience=30), Crowd()
    faulty.fail({"capacity": [crowd.come] * 20})
    await asyncio.gather(*(store.capacity() for _ in range(20)))
    assert crowd.most == 2


@pytest.mark.parametrize("given", [0, 1])
async def test_a_source_that_gives_nothing_keeps_nobody_waiting(
    faulty: FaultyStore, monkeypatch: pytest.MonkeyPatch, given: int
) -> None:
    """Before its first block, and after it."""
    monkeypatch.setattr(limited, "IDLE", 0.01)
    store, more = LimitedStore(faulty, transfers=1, calls=1, patience=30), asyncio.Event()

    async def blocks() -> AsyncIterator[Buffer]:
        if given:
            yield b"first"
        await more.wait()
        yield b"last"

    slow = asyncio.create_task(store.add("slow", blocks()))
    async with asyncio.timeout(30):
        stored = await store.add("quick", cut(b"x"))
    assert await read(store, stored.url) == b"x"
    more.set()
    assert await read(store, (await slow).url) == b"first" * given + b"last"
    # Nobody has two turns, or none for ever.
    assert await read(store, stored.url) == b"x"


async def test_transfers_do_not_hold_up_calls(faulty: FaultyStore) -> None:
    store = LimitedStore(faulty, transfers=1, calls=1, patience=30)
    stored = await store.add("a", cut(b"x"))
    async with store.open(stored.url):
        assert await store.size(stored.url) == 1


async def test_zero_is_no_limit(faulty: FaultyStore) -> None:
    store, crowd = LimitedStore(faulty, transfers=0, calls=0, patience=30), Crowd()
    faulty.fail({"capacity": [crowd.come] * 50})
    await asyncio.gather(*(store.capacity() for _ in range(50)))
    assert crowd.most == 50


async def test_first_come_first_served(faulty: FaultyStore) -> None:
    store, order = LimitedStore(faulty, transfers=1, calls=1, patience=30), []

    async def upload(number: int) -> None:
        async def source() -> AsyncIterator[Buffer]:
            order.append(number)
            yield b"x"

        await store.add(f"i{number}", source())

    tasks = []
    for number in range(10):
        tasks.append(asyncio.create_task(upload(number)))
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert order == list(range(10))


async def test_whoever_leaves_the_line_costs_nothing(faulty: FaultyStore) -> None:
    store = LimitedStore(faulty, transfers=1, calls=1, patience=30)
    faulty.fail({"capacity": [hang]})
    first, second, third = (asyncio.create_task(store.capacity()) for _ in range(3))
    await asyncio.sleep(0.01)
    second.cancel()
    await asyncio.wait([second])
    assert second.cancelled()
    first.cancel()
    assert (await third).total
    assert faulty.calls == ["capacity"] * 2


async def test_who_waits_too_long_is_refused(faulty: FaultyStore) -> None:
    store = LimitedStore(faulty, transfers=1, calls=1, patience=0.05)
    stored = await store.add("a", cut(b"x"))
    async with store.open(stored.url):
        with pytest.raises(errors.Refused, match="busy") as caught:
            await store.add("b", cut(b"x"))
        assert caught.value.store == "files"
    await store.add("b", cut(b"x"))


async def test_an_error_gives_the_turn_back(faulty: FaultyStore) -> None:
    store = LimitedStore(faulty, transfers=1, calls=1, patience=1)
    for _ in range(3):
        with pytest.raises(errors.NotFound):
            await store.delete(f"file://{faulty.details()['data_dir']}/none")
        with pytest.raises(errors.NotFound):
            await read(store, f"file://{faulty.details()['data_dir']}/none")
