"""A store in memory: a whole driver without a service behind it.

It is for tests. Nothing survives the process, and a service of several processes would have one
store in each; so it is no type that ``enabled_backends`` knows, and a test passes ``driver`` or a
:class:`MemoryStore` of its own.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from imagestore.backends import errors
from imagestore.backends.base import (
    BLOCK_SIZE,
    Blocks,
    Capability,
    Capacity,
    Driver,
    Held,
    Pages,
    Store,
    Stored,
    option,
)
from imagestore.backends.ids import is_id
from imagestore.backends.parts import Counted

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}", re.ASCII)
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class MemorySettings:
    """Options in a store's section."""

    memory_store_size: int = option(1 << 30, minimum=0, help="Bytes that it has room for.")


class MemoryStore(Store):
    """Objects as they are, by name; their locations are ``memory://<store>/<image id>``.

    They stay over ``stop`` and ``start``. Each block of a transfer gives way to other tasks, as
    one to a real service does.
    """

    capabilities = Capability.WRITABLE | Capability.RANGED | Capability.LISTED | Capability.COPIES

    def __init__(self, name: str, settings: MemorySettings | None = None) -> None:
        self.name = name
        self.limit = (settings or MemorySettings()).memory_store_size
        """Bytes; a test may change it at any time."""
        self.objects: dict[str, bytes | bytearray] = {}
        """What is stored, by name. A test may put things there, or damage them."""
        self.unfinished: list[bytearray] = []
        """What is being written."""
        self._started = False

    async def start(self) -> None:
        self._started = True

    async def stop(self) -> None:
        self._started = False

    async def add(
        self,
        image_id: str,
        blocks: Blocks,
        size: int | None = None,
        *,
        owner: str | None = None,
    ) -> Stored:
        name = self._name(url := self.url(image_id))
        if name in self.objects:
            raise errors.Exists("is there already", store=self.name, url=url)
        data = bytearray()
        self.unfinished.append(data)
        try:
            async for block in Counted(blocks, size, store=self.name, url=url):
                if len(block) > self.limit - self._used():
                    raise errors.Full(f"has room for {self.limit} bytes", store=self.name, url=url)
                data += block
                await asyncio.sleep(0)
            if name in self.objects:
                raise errors.Exists("was written by another one", store=self.name, url=url)
            self.objects[name] = data
        finally:
            self.unfinished[:] = [each for each in self.unfinished if each is not data]
        return Stored(url, len(data))

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
        if not isinstance(source, MemoryStore):
            raise errors.CannotCopy("copies from its own kind only", store=self.name, url=url)
        if await source.size(url) != size:
            raise errors.CannotCopy(f"has not {size} bytes", store=source.name, url=url)

        async def told(blocks: Blocks) -> Blocks:
            done = 0
            async for block in blocks:
                yield block
                on_progress(done := done + len(block))

        async with source.open(url) as blocks:
            return await self.add(image_id, told(blocks), size)

    @asynccontextmanager
    async def open(
        self, url: str, offset: int = 0, length: int | None = None
    ) -> AsyncIterator[Blocks]:
        data = self._find(url)
        yield _cut(memoryview(data).toreadonly()[offset:][:length])

    async def size(self, url: str) -> int:
        return len(self._find(url))

    async def delete(self, url: str) -> None:
        self._find(url)
        del self.objects[self._name(url)]

    async def discard(self, image_id: str, *, owner: str | None = None) -> None:
        self.objects.pop(self._name(self.url(image_id)), None)

    async def held(self, owners: Iterable[str] = ()) -> Pages:
        self._answers()
        found = [Held(name, True, len(data)) for name, data in self.objects.items() if is_id(name)]
        for start in range(0, len(found), _PAGE):
            yield found[start : start + _PAGE]

    async def capacity(self) -> Capacity:
        self._answers()
        return Capacity(self.limit, max(0, self.limit - self._used()))

    def owns(self, url: str) -> bool:
        prefix = self.url("")
        return url.startswith(prefix) and _NAME.fullmatch(url[len(prefix) :]) is not None

    def places(self) -> frozenset[str]:
        return frozenset({self.url("")})

    def details(self) -> Mapping[str, Any]:
        return {"size": self.limit}

    def url(self, image_id: str) -> str:
        """The location that an object of that id has."""
        return f"memory://{self.name}/{image_id}"

    def _used(self) -> int:
        return sum(map(len, (*self.objects.values(), *self.unfinished)))

    def _answers(self) -> None:
        if not self._started:
            raise errors.Unavailable("not started", store=self.name)

    def _name(self, url: str) -> str:
        if not self.owns(url):
            raise errors.InvalidLocation("not a location of this store", store=self.name, url=url)
        self._answers()
        return url.removeprefix(self.url(""))

    def _find(self, url: str) -> bytes | bytearray:
        try:
            return self.objects[self._name(url)]
        except KeyError:
            raise errors.NotFound("nothing is there", store=self.name, url=url) from None


async def _cut(data: memoryview) -> AsyncIterator[memoryview]:
    for start in range(0, len(data), BLOCK_SIZE):
        await asyncio.sleep(0)
        yield data[start : start + BLOCK_SIZE]


driver = Driver("memory", ("memory",), MemorySettings, MemoryStore, interface=1)
"""For a test to hand in as the driver of a type of store."""
