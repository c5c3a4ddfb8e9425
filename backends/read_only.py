"""A store that is only read from, whatever its driver could do."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from imagestore.backends.base import Blocks, Capability, Capacity, Store, Stored
from imagestore.backends.errors import ReadOnly


class ReadOnlyStore:
    """Wraps a store; everything that would change it is ``ReadOnly``."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.name = store.name
        self.capabilities = store.capabilities & ~Capability.WRITABLE

    async def start(self) -> None:
        await self._store.start()

    async def stop(self) -> None:
        await self._store.stop()

    async def add(self, image_id: str, blocks: Blocks, size: int | None = None) -> Stored:
        raise self._refusal()

    def open(
        self, url: str, offset: int = 0, length: int | None = None
    ) -> AbstractAsyncContextManager[Blocks]:
        return self._store.open(url, offset, length)

    async def size(self, url: str) -> int:
        return await self._store.size(url)

    async def exists(self, url: str) -> bool:
        return await self._store.exists(url)

    async def delete(self, url: str) -> None:
        raise self._refusal(url)

    async def discard(self, image_id: str) -> None:
        raise self._refusal()

    async def capacity(self) -> Capacity:
        return await self._store.capacity()

    def local_path(self, url: str) -> Path | None:
        return self._store.local_path(url)

    def _refusal(self, url: str = "") -> ReadOnly:
        return ReadOnly("configured as read-only", store=self.name, url=url)
