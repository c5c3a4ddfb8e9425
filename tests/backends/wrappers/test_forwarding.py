"""No operation gets past the hooks of a wrapper."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from imagestore.backends.base import Copier, Store
from imagestore.backends.testing.contract import cut, new_id, read
from imagestore.backends.testing.memory import MemoryStore
from imagestore.backends.wrappers.forwarding import ForwardingStore

ALIKE = {"stop", "local_path", "owns", "places", "details"}
"""What passes by the hooks: it never raises, or does no I/O."""


class Watching(ForwardingStore):
    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.under_way: list[str] = []
        self.seen: list[str] = []

    @asynccontextmanager
    async def _during(self, operation: str) -> AsyncIterator[None]:
        self.under_way.append(operation)
        self.seen.append(operation)
        try:
            yield
        finally:
            self.under_way.remove(operation)


async def test_every_operation_goes_through_the_hooks() -> None:
    store, source = Watching(MemoryStore("watched")), MemoryStore("source")
    await source.start()
    await store.start()
    first, second = new_id(), new_id()
    stored = await store.add(first, cut(b"data"))
    origin = await source.add(second, cut(b"data"))
    await store.copy(second, source, origin.url, 4)
    assert await read(store, stored.url) == b"data"
    assert await store.size(stored.url) == 4
    assert await store.exists(stored.url)
    assert [len(page) async for page in store.held()] == [2]
    await store.delete(stored.url)
    await store.discard(second)
    await store.capacity()
    operations = {
        name
        for protocol in (Store, Copier)
        for name, _ in inspect.getmembers(protocol, inspect.isfunction)
        if not name.startswith("_")
    }
    assert set(store.seen) == operations - ALIKE
    assert store.seen.count("held") == 2  # a page, and that there is no other
    await store.stop()


async def test_a_transfer_is_under_way_while_it_is_open() -> None:
    store = Watching(MemoryStore("watched"))
    await store.start()
    stored = await store.add(new_id(), cut(b"data"))
    async with store.open(stored.url) as blocks:
        async for _ in blocks:
            assert store.under_way == ["open"]
    assert store.under_way == []
