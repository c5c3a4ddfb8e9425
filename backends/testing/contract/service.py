"""What the suites work with: a store on its real service, and bytes to put there."""

from __future__ import annotations

import random
import uuid
from collections.abc import AsyncIterator
from typing import Protocol

from imagestore.backends.base import BLOCK_SIZE, Buffer, Store

MIB = 1 << 20


class Service(Protocol):
    """One store on a real service, and a way to see what really is there."""

    store: Store
    invalid_urls: list[str]
    """Locations that are not this store's: of other schemes, places, or with tricks."""

    def url(self, image_id: str) -> str:
        """The location that an object of that id has."""

    async def objects(self) -> set[str]:
        """Everything that takes room in the service, parts and temporary things included."""


def content(size: int, seed: int = 1) -> bytes:
    """Bytes that look random and are the same each time."""
    return random.Random(seed).randbytes(size)


async def cut(data: bytes, size: int = BLOCK_SIZE) -> AsyncIterator[Buffer]:
    """``data`` in blocks, as read-only views."""
    view = memoryview(data)
    for start in range(0, len(view), size):
        yield view[start : start + size]


async def read(store: Store, url: str, offset: int = 0, length: int | None = None) -> bytes:
    async with store.open(url, offset, length) as blocks:
        return b"".join([bytes(block) async for block in blocks])


def new_id() -> str:
    return str(uuid.uuid4())
