"""The store in memory keeps the contract, and does what tests want of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from imagestore.backends import errors
from imagestore.backends.base import Capacity, Copier, Store
from imagestore.backends.testing.contract import (
    MIB,
    CopyContract,
    Pair,
    StoreContract,
    content,
    cut,
    new_id,
    read,
)
from imagestore.backends.testing.memory import MemorySettings, MemoryStore, driver


class MemoryService:
    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.invalid_urls = [
            "",
            f"memory://{store.name}",
            f"memory://{store.name}/",
            f"memory://{store.name}x/a",
            f"memory://other/{new_id()}",
            f"file://{store.name}/a",
            f"memory://{store.name}/../a",
            f"memory://{store.name}/a/b",
            f"memory://{store.name}/a\n",
        ]

    def url(self, image_id: str) -> str:
        return self.store.url(image_id)

    async def objects(self) -> set[str]:
        return {*self.store.objects, *(f"unfinished {id(each)}" for each in self.store.unfinished)}


@pytest.fixture
async def service() -> AsyncIterator[MemoryService]:
    store = MemoryStore("memory")
    await store.start()
    yield MemoryService(store)
    await store.stop()


class TestContract(StoreContract):
    large = 16 * MIB
    huge = 64 * MIB


class TestCopies(CopyContract):
    @pytest.fixture
    async def pair(self, service: MemoryService) -> AsyncIterator[Pair]:
        other = MemoryStore("other")
        await other.start()
        yield service, MemoryService(other)


async def test_it_is_a_store() -> None:
    store = driver.create("here", driver.settings())
    assert isinstance(store, Store)
    assert isinstance(store, Copier)


async def test_it_is_full_when_its_room_is_used() -> None:
    store = MemoryStore("small", MemorySettings(memory_store_size=100))
    await store.start()
    await store.add(new_id(), cut(content(60)))
    with pytest.raises(errors.Full):
        await store.add(new_id(), cut(content(41)))
    assert await store.capacity() == Capacity(total=100, free=40)
    stored = await store.add(new_id(), cut(content(40)))
    assert await read(store, stored.url) == content(40)


async def test_it_answers_only_while_it_is_started() -> None:
    store = MemoryStore("idle")
    with pytest.raises(errors.Unavailable):
        await store.capacity()
    with pytest.raises(errors.Unavailable):
        await store.add(new_id(), cut(b"x"))
