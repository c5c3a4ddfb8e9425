"""A store that fails where a test wants it to; in between it is a real one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from imagestore.backends.base import Blocks, Buffer, Capacity, Held, Store, Stored
from imagestore.backends.errors import Unavailable
from imagestore.backends.wrappers.forwarding import ForwardingStore

Fault = Callable[[], Awaitable[object]]
"""What happens instead of a call: it may raise, hang, or return to let the call go on."""


def raising(error: Exception) -> Fault:
    async def fail() -> None:
        raise error

    return fail


async def hang() -> None:
    await asyncio.Event().wait()


async def hang_on() -> None:
    """As a call does whose clean-up hangs: it does not end when it is cancelled, but later."""
    end = asyncio.get_running_loop().time() + 4.0
    while (left := end - asyncio.get_running_loop().time()) > 0:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(left)


def away() -> Fault:
    return raising(Unavailable("forced"))


async def nothing() -> None:
    """Let the call go on."""


class FaultyStore(ForwardingStore):
    """``faults`` holds for each operation what its next calls meet, and ``calls`` what was called.

    ``read`` stands for each block of ``open``, ``write`` for the first one of ``add``, and
    ``stored`` for its end, when the object is there.
    """

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.faults: dict[str, list[Fault]] = {}
        self.calls: list[str] = []

    def fail(self, faults: Mapping[str, list[Fault]]) -> None:
        self.faults = {name: list(each) for name, each in faults.items()}
        self.calls = []

    async def _met(self, operation: str) -> None:
        self.calls.append(operation)
        if waiting := self.faults.get(operation):
            await waiting.pop(0)()

    async def start(self) -> None:
        await self._met("start")
        await super().start()

    async def add(
        self,
        image_id: str,
        blocks: Blocks,
        size: int | None = None,
        *,
        owner: str | None = None,
    ) -> Stored:
        await self._met("add")
        stored = await super().add(image_id, self._written(blocks), size, owner=owner)
        if self.faults.get("stored"):
            await self._met("stored")
        return stored

    async def _written(self, blocks: Blocks) -> AsyncIterator[Buffer]:
        first = True
        async for block in blocks:
            if first:
                first = False
                await self._met("write")
            yield block

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
        await self._met("copy")
        return await super().copy(image_id, source, url, size, owner=owner, on_progress=on_progress)

    def open(
        self, url: str, offset: int = 0, length: int | None = None
    ) -> AbstractAsyncContextManager[Blocks]:
        return self._open(url, offset, length)

    @asynccontextmanager
    async def _open(self, url: str, offset: int, length: int | None) -> AsyncIterator[Blocks]:
        await self._met("open")
        async with super().open(url, offset, length) as blocks:
            yield self._given(blocks)

    async def _given(self, blocks: Blocks) -> AsyncIterator[Buffer]:
        async for block in blocks:
            await self._met("read")
            yield block

    async def size(self, url: str) -> int:
        await self._met("size")
        return await super().size(url)

    async def exists(self, url: str) -> bool:
        await self._met("exists")
        return await super().exists(url)

    async def delete(self, url: str) -> None:
        await self._met("delete")
        await super().delete(url)

    async def discard(self, image_id: str, *, owner: str | None = None) -> None:
        await self._met("discard")
        await super().discard(image_id, owner=owner)

    async def held(self, owners: Iterable[str] = ()) -> AsyncGenerator[Sequence[Held], None]:
        """``held`` stands for each of its pages."""
        async with contextlib.aclosing(super().held(owners)) as pages:
            async for page in pages:
                await self._met("held")
                yield page

    async def capacity(self) -> Capacity:
        await self._met("capacity")
        return await super().capacity()
