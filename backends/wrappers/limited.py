"""So much at a time and no more, first come first served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, nullcontext

from imagestore.backends.base import Blocks, Capacity, Held, Store, Stored
from imagestore.backends.errors import Refused
from imagestore.backends.wrappers.forwarding import ForwardingStore


class LimitedStore(ForwardingStore):
    """At most ``transfers`` of ``add``, ``copy`` and ``open``, ``calls`` of the others, at a time.

    0 is no limit. Whoever comes later waits in line; after ``patience`` seconds (0: for
    ever) in it, the call is ``Refused``. Leaving the line costs the others nothing.
    """

    def __init__(self, store: Store, *, transfers: int, calls: int, patience: float) -> None:
        super().__init__(store)
        self._transfers = asyncio.Semaphore(transfers) if transfers else None
        self._calls = asyncio.Semaphore(calls) if calls else None
        self._patience = patience or None

    async def add(
        self,
        image_id: str,
        blocks: Blocks,
        size: int | None = None,
        *,
        owner: str | None = None,
    ) -> Stored:
        async with self._turn(self._transfers):
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
        async with self._turn(self._transfers):
            return await super().copy(
                image_id, source, url, size, owner=owner, on_progress=on_progress
            )

    def open(
        self, url: str, offset: int = 0, length: int | None = None
    ) -> AbstractAsyncContextManager[Blocks]:
        return self._open(url, offset, length)

    @asynccontextmanager
    async def _open(self, url: str, offset: int, length: int | None) -> AsyncIterator[Blocks]:
        async with (
            self._turn(self._transfers),
            self.store.open(url, offset, length) as blocks,
        ):
            yield blocks

    async def size(self, url: str) -> int:
        async with self._turn(self._calls):
            return await self.store.size(url)

    async def exists(self, url: str) -> bool:
        async with self._turn(self._calls):
            return await self.store.exists(url)

    async def delete(self, url: str) -> None:
        async with self._turn(self._calls):
            await self.store.delete(url)

    async def discard(self, image_id: str, *, owner: str | None = None) -> None:
        async with self._turn(self._calls):
            await self.store.discard(image_id, owner=owner)

    async def held(self, owners: Iterable[str] = ()) -> AsyncGenerator[Sequence[Held], None]:
        async with aclosing(self.store.held(owners)) as pages:
            while True:
                async with self._turn(self._calls):
                    page = await anext(pages, None)
                if page is None:
                    return
                yield page

    async def capacity(self) -> Capacity:
        async with self._turn(self._calls):
            return await self.store.capacity()

    def _turn(self, turns: asyncio.Semaphore | None) -> AbstractAsyncContextManager[None]:
        return nullcontext() if turns is None else self._waited_for(turns)

    @asynccontextmanager
    async def _waited_for(self, turns: asyncio.Semaphore) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._patience):
                await turns.acquire()
        except TimeoutError as error:
            raise Refused(
                f"busy: nothing of what is under way ended within {self._patience:g} s",
                store=self.name,
            ) from error
        try:
            yield
        finally:
            turns.release()
