"""Two uploads of one image."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from imagestore.backends import errors
from imagestore.backends.base import Buffer
from imagestore.backends.testing.contract import MIB, content, cut, new_id, read
from tests.services import swift

from .conftest import started, url_of


@pytest.mark.parametrize("size", [100, 3 * MIB], ids=["small", "streamed"])
async def test_at_once(swift_url: str, container: str, account: swift.Account, size: int) -> None:
    """Of unsegmented objects, which Swift lets replace each other."""
    chance = random.Random(1)

    async def source(data: bytes, pause: float) -> AsyncIterator[Buffer]:
        async for block in cut(data):
            yield block
            await asyncio.sleep(pause)

    options = {"swift_store_large_object_size": 1000}
    async with (
        started(swift_url, container, **options) as one,
        started(swift_url, container, **options) as two,
    ):
        for _ in range(12):
            image_id = new_id()
            bodies = [content(size, seed) for seed in range(2)]
            results = await asyncio.gather(
                *(
                    store.add(image_id, source(data, chance.random() / 50), size)
                    for store, data in zip((one, two), bodies, strict=True)
                ),
                return_exceptions=True,
            )
            won = [n for n in range(2) if not isinstance(results[n], BaseException)]
            assert len(won) <= 1
            for n in won:
                url = url_of(container, image_id)
                assert await read(one, url) == bodies[n]
                await one.delete(url)
            assert account.names(container) == []


@pytest.mark.parametrize("large", [1, 1000], ids=["segmented", "streamed"])
async def test_of_one_that_was_thought_dead(
    swift_url: str, container: str, account: swift.Account, large: int
) -> None:
    """It wakes up after another upload of the image has taken its place."""
    image_id, woken, asleep = new_id(), asyncio.Event(), asyncio.Event()
    late, data = content(9 * MIB, 1), content(4 * MIB, 2)

    async def sleepy() -> AsyncIterator[Buffer]:
        count = 0
        async for block in cut(late):
            yield block
            count += 1
            if count == 4:
                asleep.set()
                await woken.wait()

    options = {"swift_store_large_object_size": large}
    async with started(swift_url, container, **options) as store:
        dead = asyncio.create_task(store.add(image_id, sleepy(), len(late)))
        await asleep.wait()
        await asyncio.sleep(0.3)
        await store.discard(image_id)
        stored = await store.add(image_id, cut(data), len(data))
        woken.set()
        with pytest.raises(errors.StoreError):
            await dead
        assert await read(store, stored.url) == data
        with account.request("GET", f"/{container}/{image_id}") as answer:
            assert answer.read() == data
            segments = answer.headers.get("X-Object-Manifest", "no/segments").partition("/")[2]
        whole, *others = account.names(container)
        assert whole == image_id
        assert all(name.startswith(segments) for name in others)
