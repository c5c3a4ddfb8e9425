"""The cache by itself: a real directory, and sources that give what a test lets them give."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from imagestore.backends.base import Buffer
from imagestore.cache.cache import Cache, CachedFile
from imagestore.cache.directory import Wanted
from imagestore.config import settings
from imagestore.model.digest import Digest
from imagestore.transfer.verification import verify

SIZE = 512 << 10
BLOCK = 64 << 10
PATIENCE = 60.0
"""Seconds after which what a test waits for will not come, on the slowest of machines."""


@dataclass
class Image:
    """Its bytes, and what a store is seen to give of them."""

    data: bytes
    image_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    asked: list[int] = field(default_factory=list)
    """From which bytes on it was read."""
    given: int = 0
    """Bytes."""
    hold_at: int = 1 << 40
    """Before this byte the store waits for ``go``."""
    go: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None
    """What the store raises then instead."""

    @property
    def wanted(self) -> Wanted:
        digest = Digest("sha512", hashlib.sha512(self.data).hexdigest())
        return Wanted(self.image_id, len(self.data), digest)

    async def source(self, offset: int) -> AsyncGenerator[Buffer, None]:
        self.asked.append(offset)
        for begin in range(offset, len(self.data), BLOCK):
            if begin >= self.hold_at:
                await self.go.wait()
                if self.error is not None:
                    raise self.error
            block = self.data[begin : begin + BLOCK]
            self.given += len(block)
            yield block


def image(size: int = SIZE, **how: Any) -> Image:
    return Image(os.urandom(size), **how)


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.005)


async def read(file: CachedFile | None, begin: int = 0) -> bytes:
    """From the byte on, to the end; the file is closed. Ends early where no more comes."""
    assert file is not None
    found = b""
    with contextlib.closing(file):
        while begin + len(found) < file.size:
            async with asyncio.timeout(PATIENCE):
                ready = await file.ready(begin + len(found))
            if not ready:
                break
            found += os.pread(file.fd, ready - begin - len(found), begin + len(found))
    return found


@dataclass
class Node:
    """The directory of a node, and the processes that share it."""

    directory: Path
    processes: list[Cache] = field(default_factory=list)

    async def process(self, **options: Any) -> Cache:
        """One more of the processes, started."""
        cache = Cache(settings.Cache(self.directory, **options), verify)
        await cache.start()
        self.processes.append(cache)
        return cache

    def entries(self) -> set[str]:
        """The ids of what is there as a whole."""
        return {path.name for path in self.directory.iterdir() if path.is_file()} - {"lock"}

    def inside(self, name: str) -> set[str]:
        return {path.name for path in (self.directory / name).iterdir()}

    def open_files(self) -> list[str]:
        """What this process has open of it."""
        found = [os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()]
        return [path for path in found if path.startswith(f"{self.directory}/")]

    def whole(self, image: Image) -> Path:
        return self.directory / image.image_id

    def partial(self, image: Image) -> Path:
        return self.directory / "incomplete" / f"{image.image_id}.{len(image.data)}"


async def brought_in(cache: Cache, *images: Image) -> None:
    """Have the images in the cache, one after the other."""
    for each in images:
        assert await cache.fill(each.wanted, each.source, lambda have: None)


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    node = Node(tmp_path / "cache")
    yield node
    for cache in node.processes:
        await cache.stop()


@pytest.fixture
async def cache(node: Node) -> Cache:
    return await node.process()
