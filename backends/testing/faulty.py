"""A store that fails where a test wants it to; in between it is a real one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import TypeVar

from imagestore.backends.base import Blocks, Buffer, Pages, Store, Stored
from imagestore.backends.errors import Full, Unavailable
from imagestore.backends.wrappers.forwarding import Add, Ask, ForwardingStore

T = TypeVar("T")

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


def full() -> Fault:
    return raising(Full("forced"))


async def nothing() -> None:
    """Let the call go on: ``[nothing, nothing, full()]`` fails the third one."""


class FaultyStore(ForwardingStore):
    """``faults`` holds for each operation what its next calls meet, and ``calls`` what was called.

    ``read`` stands for each block of ``open``, ``write`` for the first one of ``add``, ``stored``
    for its end, when the object is there, and ``held`` for each of its pages.
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

    async def _call(self, operation: str, ask: Ask[T]) -> T:
        await self._met(operation)
        return await ask()

    async def _add(self, image_id: str, blocks: Blocks, add: Add) -> Stored:
        await self._met("add")
        stored = await add(self._written(blocks))
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

    @contextlib.asynccontextmanager
    async def _open(self, url: str, offset: int, length: int | None) -> AsyncIterator[Blocks]:
        await self._met("open")
        async with self.store.open(url, offset, length) as blocks:
            yield self._given(blocks)

    async def _given(self, blocks: Blocks) -> AsyncIterator[Buffer]:
        async for block in blocks:
            await self._met("read")
            yield block

    async def held(self, owners: Iterable[str] = ()) -> Pages:
        async with contextlib.aclosing(self.store.held(owners)) as pages:
            async for page in pages:
                await self._met("held")
                yield page
