"""A store that is only read from, whatever its driver could do."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

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

    async def add(
        self,
        image_id: str,
        blocks: Blocks,
        size: int | None = None,
        *,
        owner: str | None = None,
    ) -> Stored:
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

    async def discard(self, image_id: str, *, owner: str | None = None) -> None:
        raise self._refusal()

    async def capacity(self) -> Capacity:
        return await self._store.capacity()

    def local_path(self, url: str) -> Path | None:
        return self._store.local_path(url)

    def owns(self, url: str) -> bool:
        return self._store.owns(url)

    def places(self) -> frozenset[str]:
        return self._store.places()

    def details(self) -> Mapping[str, Any]:
        return self._store.details()

    def _refusal(self, url: str = "") -> ReadOnly:
        return ReadOnly("configured as read-only", store=self.name, url=url)
