"""The base of all wrappers: a store that hands every call to the store it holds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, TypeVar

from imagestore.backends.base import Blocks, Capacity, Copier, Pages, Store, Stored
from imagestore.backends.errors import CannotCopy
from imagestore.backends.parts import next_of

T = TypeVar("T")

Progress = Callable[[int], object]
Ask = Callable[[], Coroutine[Any, Any, T]]
"""Calls the method of the store, each time."""
Add = Callable[[Blocks], Coroutine[Any, Any, Stored]]
"""Calls that of the store with the blocks that it is given."""
Copy = Callable[[Progress], Coroutine[Any, Any, Stored]]
"""Calls that of the store, which tells its progress to whom it is given."""


class ForwardingStore:
    """Does what its store does; a wrapper overrides what it changes, at best one of these hooks:

    - ``_during(operation)``: a context in which every operation goes on, each page of ``held``
      as one of its own, and ``open`` for as long as it is open;
    - ``_call(operation, ask)``: every operation that gives one answer, and each page of ``held``;
    - ``_add(image_id, blocks, add)`` and ``_open(url, offset, length)``: the two through which
      bytes pass; ``_copy(image_id, copy, on_progress)``.

    ``stop`` and what does no I/O pass by the hooks. What the kernel sends by itself
    (``local_path``) is so neither limited nor measured.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        """The store that is wrapped."""
        self.name = store.name
        self.capabilities = store.capabilities

    def _during(self, operation: str) -> AbstractAsyncContextManager[object]:
        return nullcontext()

    async def _call(self, operation: str, ask: Ask[T]) -> T:
        """``operation`` is the name of the method."""
        async with self._during(operation):
            return await ask()

    async def _add(self, image_id: str, blocks: Blocks, add: Add) -> Stored:
        return await self._call("add", lambda: add(blocks))

    async def _copy(self, image_id: str, copy: Copy, on_progress: Progress) -> Stored:
        return await self._call("copy", lambda: copy(on_progress))

    @asynccontextmanager
    async def _open(self, url: str, offset: int, length: int | None) -> AsyncIterator[Blocks]:
        async with self._during("open"), self.store.open(url, offset, length) as blocks:
            yield blocks

    async def start(self) -> None:
        await self._call("start", self.store.start)

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
        return await self._add(
            image_id, blocks, lambda source: self.store.add(image_id, source, size, owner=owner)
        )

    async def copy(
        self,
        image_id: str,
        source: Store,
        url: str,
        size: int,
        *,
        owner: str | None = None,
        on_progress: Progress = lambda done: None,
    ) -> Stored:
        async def copy(told: Progress) -> Stored:
            if not isinstance(self.store, Copier):
                raise CannotCopy("does not make copies", store=self.name)
            return await self.store.copy(image_id, source, url, size, owner=owner, on_progress=told)

        return await self._copy(image_id, copy, on_progress)

    def open(
        self, url: str, offset: int = 0, length: int | None = None
    ) -> AbstractAsyncContextManager[Blocks]:
        return self._open(url, offset, length)

    async def size(self, url: str) -> int:
        return await self._call("size", lambda: self.store.size(url))

    async def exists(self, url: str) -> bool:
        return await self._call("exists", lambda: self.store.exists(url))

    async def delete(self, url: str) -> None:
        await self._call("delete", lambda: self.store.delete(url))

    async def discard(self, image_id: str, *, owner: str | None = None) -> None:
        await self._call("discard", lambda: self.store.discard(image_id, owner=owner))

    async def held(self, owners: Iterable[str] = ()) -> Pages:
        pages = self.store.held(owners)
        try:
            while (page := await self._call("held", lambda: next_of(pages))) is not None:
                yield page
        finally:
            with suppress(RuntimeError):  # a page that was given up may be still under way
                await pages.aclose()

    async def capacity(self) -> Capacity:
        return await self._call("capacity", self.store.capacity)

    def local_path(self, url: str) -> Path | None:
        return self.store.local_path(url)

    def owns(self, url: str) -> bool:
        return self.store.owns(url)

    def places(self) -> frozenset[str]:
        return self.store.places()

    def details(self) -> Mapping[str, Any]:
        return self.store.details()
