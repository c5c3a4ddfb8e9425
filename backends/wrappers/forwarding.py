"""The base of all wrappers: a store that hands every call to the store it holds."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from imagestore.backends.base import Blocks, Capacity, Copier, Held, Store, Stored
from imagestore.backends.errors import CannotCopy


class ForwardingStore:
    """Does what its store does; a wrapper overrides what it changes.

    ``local_path`` is forwarded and so never limited or measured: what the kernel
    sends by itself does not pass through here.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        """The store that is wrapped."""
        self.name = store.name
        self.capabilities = store.capabilities

    async def start(self) -> None:
        await self.store.start()

    async def stop(self) -> None:
        await self.store.stop()

    async def add(
        self,
        image_id: str,
        blocks: Blocks,
        size: int | None = None,
        *,
        owner: str | None = None,
    ) -> Stored:
        return await self.store.add(image_id, blocks, size, owner=owner)

    async def copy(
        self,
        image_id: str,
        source: Store,
        url: str,
        size: int,
        *,
        owner: str | None = None,
        on_progress: Callable[[int], object] = lambda done: None,
    ) -> Stored:
        if not isinstance(self.store, Copier):
            raise CannotCopy("does not make copies", store=self.name)
        return await self.store.copy(
            image_id, source, url, size, owner=owner, on_progress=on_progress
        )

    def open(
        self, url: str, offset: int = 0, length: int | None = None
    ) -> AbstractAsyncContextManager[Blocks]:
        return self.store.open(url, offset, length)

    async def size(self, url: str) -> int:
        return await self.store.size(url)

    async def exists(self, url: str) -> bool:
        return await self.store.exists(url)

    async def delete(self, url: str) -> None:
        await self.store.delete(url)

    async def discard(self, image_id: str, *, owner: str | None = None) -> None:
        await self.store.discard(image_id, owner=owner)

    def held(self, owners: Iterable[str] = ()) -> AsyncGenerator[Sequence[Held], None]:
        return self.store.held(owners)

    async def capacity(self) -> Capacity:
        return await self.store.capacity()

    def local_path(self, url: str) -> Path | None:
        return self.store.local_path(url)

    def owns(self, url: str) -> bool:
        return self.store.owns(url)

    def places(self) -> frozenset[str]:
        return self.store.places()

    def details(self) -> Mapping[str, Any]:
        return self.store.details()
