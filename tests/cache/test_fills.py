"""An entry on its way in: read from the store once, by whoever follows, from where it ends."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from imagestore.backends.base import Blocks
from imagestore.backends.errors import Unavailable
from imagestore.backends.testing.faulty import FaultyStore, away, nothing
from imagestore.backends.testing.memory import MemoryStore
from imagestore.cache.cache import Cache
from imagestore.cache.directory import Directory, Wanted
from tests.cache.conftest import BLOCK, PATIENCE, SIZE, Node, brought_in, image, read, until


async def test_many_readers_read_the_store_once_and_nobody_waits_for_the_end(
    node: Node, cache: Cache
) -> None:
    wanted = image(hold_at=SIZE // 2)
    files = await asyncio.gather(*(cache.open(wanted.wanted, wanted.source) for _ in range(16)))
    for file in files:
        assert file is not None
        assert SIZE // 4 < await file.ready(SIZE // 4) <= SIZE // 2
    assert wanted.image_id in cache
    assert not node.whole(wanted).exists()
    wanted.go.set()
    assert [await read(file) for file in files] == [wanted.data] * 16
    assert (wanted.asked, wanted.given) == ([0], SIZE)
    await until(node.whole(wanted).exists)
    assert node.whole(wanted).read_bytes() == wanted.data
    assert await read(await cache.open(wanted.wanted, None)) == wanted.data
    assert wanted.asked == [0]


async def test_who_asks_without_a_source_begins_nothing(node: Node, cache: Cache) -> None:
    wanted = image()
    assert await cache.open(wanted.wanted, None) is None
    assert wanted.image_id not in cache
    assert not node.inside("incomplete")


async def test_who_asks_without_a_source_follows_a_fill(cache: Cache) -> None:
    wanted = image(hold_at=SIZE // 2)
    first = await cache.open(wanted.wanted, wanted.source)
    second = await cache.open(wanted.wanted, None, 1000)
    wanted.go.set()
    assert await read(second, 1000) == wanted.data[1000:]
    assert await read(first) == wanted.data


async def test_who_comes_while_others_begin_waits_for_them(
    node: Node, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one begins nothing, the second one waits for it, the third one comes then."""
    wanted, asked, looks = image(), 0, 0
    gates = [threading.Event(), threading.Event()]
    open_whole, look = Directory.open_whole, Cache._look

    def asking(self: Directory, wanted: Wanted) -> int | None:
        nonlocal asked
        asked += 1
        return open_whole(self, wanted)

    def looking(self: Cache, wanted: Wanted, admit: bool) -> Any:
        nonlocal looks
        looks += 1
        if looks <= len(gates):
            gates[looks - 1].wait(PATIENCE)
        return look(self, wanted, admit)

    monkeypatch.setattr(Directory, "open_whole", asking)
    monkeypatch.setattr(Cache, "_look", looking)
    first = asyncio.create_task(cache.open(wanted.wanted, None))
    await until(lambda: looks == 1)
    second = asyncio.create_task(cache.open(wanted.wanted, wanted.source))
    await until(lambda: asked == 2)
    await asyncio.sleep(0.05)
    gates[0].set()
    assert await first is None
    await until(lambda: looks == 2)
    third = asyncio.create_task(cache.open(wanted.wanted, wanted.source))
    await until(lambda: asked == 3)
    await asyncio.sleep(0.05)
    gates[1].set()
    for task in (second, third):
        assert await read(await task) == wanted.data
    await until(lambda: wanted.image_id not in cache)
    assert wanted.asked == [0]
    assert looks == 2
    await until(lambda: not node.open_files())


async def test_given_up_before_its_first_step(node: Node) -> None:
    """Its reader leaves at once: that is no fill that others follow for ever."""
    cache = await node.process(keep_filling=False)
    wanted = image()
    file = await cache.open(wanted.wanted, wanted.source)
    assert file is not None
    file.close()
    await until(lambda: wanted.image_id not in cache)
    assert node.open_files() == []
    await brought_in(cache, wanted)


async def test_a_range_far_ahead_does_not_wait(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagestore.cache.cache._AHEAD", BLOCK)
    wanted = image(hold_at=2 * BLOCK)
    first = await cache.open(wanted.wanted, wanted.source)
    assert first is not None
    assert await first.ready(0) == BLOCK
    assert await cache.open(wanted.wanted, None, SIZE - 1) is None
    near = await cache.open(wanted.wanted, None, BLOCK + 5)
    wanted.go.set()
    assert await read(near, BLOCK + 5) == wanted.data[BLOCK + 5 :]
    assert await read(first) == wanted.data


@pytest.mark.parametrize("keep", [True, False])
async def test_a_fill_goes_on_without_its_reader_if_it_is_to(node: Node, keep: bool) -> None:
    cache = await node.process(keep_filling=keep)
    wanted = image(hold_at=SIZE // 2)
    file = await cache.open(wanted.wanted, wanted.source)
    assert file is not None
    assert await file.ready(0)
    await until(lambda: node.partial(wanted).stat().st_size == SIZE // 2)
    file.close()
    if not keep:
        await until(lambda: wanted.image_id not in cache)
        wanted.go.set()
        assert not node.whole(wanted).exists()
        # What is there is not fetched again.
        assert await read(await cache.open(wanted.wanted, wanted.source)) == wanted.data
        assert wanted.asked == [0, SIZE // 2]
    wanted.go.set()
    await until(node.whole(wanted).exists)
    assert node.whole(wanted).read_bytes() == wanted.data


async def test_all_that_is_there_is_verified_although_its_readers_leave(node: Node) -> None:
    """The last byte is there: who has read it leaves, and nothing is given up for that."""
    cache = await node.process(keep_filling=False)
    wanted = image()
    assert await read(await cache.open(wanted.wanted, wanted.source)) == wanted.data
    await until(node.whole(wanted).exists)


async def test_a_store_that_fails_in_the_middle(node: Node, cache: Cache) -> None:
    """Its readers are told, what came is kept, and the next one goes on there."""
    wanted = image(hold_at=SIZE // 2, error=Unavailable("forced"))
    file = await cache.open(wanted.wanted, wanted.source)
    wanted.go.set()
    assert wanted.data.startswith(await read(file))
    await until(lambda: wanted.image_id not in cache)
    assert node.partial(wanted).read_bytes() == wanted.data[: SIZE // 2]
    wanted.error = None
    await brought_in(cache, wanted)
    assert wanted.asked == [0, SIZE // 2]
    assert node.whole(wanted).read_bytes() == wanted.data


async def test_a_fill_from_a_real_store_that_comes_back(node: Node, cache: Cache) -> None:
    wanted = image(5 << 20)
    store = FaultyStore(MemoryStore("far"))
    await store.start()

    async def blocks() -> Blocks:
        yield wanted.data

    url = (await store.add(wanted.image_id, blocks())).url
    store.fail({"read": [nothing, away()]})

    async def source(offset: int) -> Blocks:
        async with store.open(url, offset) as found:
            async for block in found:
                yield block

    told: list[int] = []
    assert not await cache.fill(wanted.wanted, source, told.append)
    assert await cache.fill(wanted.wanted, source, told.append)
    assert told == sorted(told)
    assert told[-1] == len(wanted.data)
    assert node.whole(wanted).read_bytes() == wanted.data
    assert store.calls.count("open") == 2


async def test_other_bytes_than_the_image_are_put_aside(node: Node, cache: Cache) -> None:
    wanted = image()
    right, wanted.data = wanted.wanted, wanted.data[:-1] + bytes([wanted.data[-1] ^ 1])
    assert not await cache.fill(right, wanted.source, lambda have: None)
    assert not node.whole(wanted).exists()
    assert node.inside("invalid") == {wanted.image_id}


@pytest.mark.parametrize("more", [-1, 1])
async def test_a_source_of_another_length(node: Node, cache: Cache, more: int) -> None:
    wanted = image()
    right, wanted.data = wanted.wanted, wanted.data + b"x" if more > 0 else wanted.data[:more]
    assert not await cache.fill(right, wanted.source, lambda have: None)
    await until(lambda: wanted.image_id not in cache)
    assert not node.entries()


async def test_dropped_in_the_middle(node: Node, cache: Cache) -> None:
    """Its readers go to the stores; nothing of it is left, and the next one begins anew."""
    wanted = image(hold_at=SIZE // 2)
    file = await cache.open(wanted.wanted, wanted.source)
    await until(lambda: wanted.given == SIZE // 2)
    assert not await cache.drop(wanted.image_id)
    assert len(await read(file)) <= SIZE // 2
    assert not node.entries()
    assert not node.inside("incomplete")
    wanted.go.set()
    await brought_in(cache, wanted)
    assert wanted.asked == [0, 0]
    assert await cache.drop(wanted.image_id)
    assert not node.entries()
    assert not node.inside("verified")


async def test_stopped_in_the_middle_and_gone_on_with(node: Node, cache: Cache) -> None:
    wanted = image(hold_at=SIZE // 2)
    file = await cache.open(wanted.wanted, wanted.source)
    assert file is not None
    await until(lambda: node.partial(wanted).stat().st_size == SIZE // 2)
    await cache.stop()
    file.close()
    assert await cache.open(wanted.wanted, wanted.source) is None
    wanted.go.set()
    await brought_in(await node.process(), wanted)
    assert wanted.asked == [0, SIZE // 2]


async def test_an_empty_image(node: Node, cache: Cache) -> None:
    wanted = image(0)
    await brought_in(cache, wanted)
    assert node.whole(wanted).read_bytes() == b""


@pytest.mark.parametrize("name", ["../x", "lock", "queue", "invalid", "verified", "", "a" * 37])
async def test_what_is_no_name_for_an_entry(node: Node, cache: Cache, name: str) -> None:
    wanted = image(image_id=name)
    before = set(node.directory.iterdir())
    assert await cache.open(wanted.wanted, wanted.source) is None
    assert not await cache.drop(name)
    await cache.pin(name, pinned=True)
    assert set(node.directory.iterdir()) == before
    assert wanted.asked == []
