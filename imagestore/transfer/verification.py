"""Stored bytes read again and compared with the digest of their image."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from imagestore.backends.base import Blocks, Buffer, Store
from imagestore.backends.errors import NotFound
from imagestore.model.image import Image
from imagestore.transfer.digests import Hasher

_CHECKSUM = "md5"


@dataclass(frozen=True, slots=True)
class Expected:
    """What the bytes of an image have to be: their number, and one digest in hexadecimal."""

    size: int
    algorithm: str
    digest: str


def expected(image: Image) -> Expected | None:
    """By the best digest that the image has and this machine can compute; None if there is none."""
    if image.size is None:
        return None
    algorithm = image.os_hash_algo or ""
    if algorithm in hashlib.algorithms_available and image.os_hash_value:
        return Expected(image.size, algorithm, image.os_hash_value)
    if image.checksum:
        return Expected(image.size, _CHECKSUM, image.checksum)
    return None


class Pace:
    """Holds a reader back to ``rate`` bytes a second; 0: not at all."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._next = 0.0
        self.bytes = 0
        """All that went by."""

    async def spend(self, count: int) -> None:
        """Wait until so many bytes more may be read."""
        self.bytes += count
        if not self._rate:
            return
        moment = asyncio.get_running_loop().time()
        self._next = max(self._next, moment) + count / self._rate
        if self._next > moment:
            await asyncio.sleep(self._next - moment)


async def find_fault(store: Store, url: str, wanted: Expected, pace: Pace) -> str | None:
    """What is wrong with the object; None if it is whole.

    Raises what the store raises when it cannot be read, which says nothing about its bytes.
    """
    try:
        size = await store.size(url)
        if size != wanted.size:
            return f"{size} bytes, not {wanted.size}"
        digest = Hasher(wanted.algorithm)
        count = 0
        async with store.open(url) as blocks:
            async for block in blocks:
                count += len(block)
                if not digest.lane.offer(block):
                    await digest.lane.put(block)
                await pace.spend(len(block))
                del block
        value = await digest.value()
    except NotFound:
        return "missing"
    if count != wanted.size:
        return f"{count} bytes, not {wanted.size}"
    return None if value == wanted.digest else f"another {wanted.algorithm}"


class Mismatch(Exception):
    """The bytes that were read are not those of the image."""


async def verified(blocks: Blocks, wanted: Expected, pace: Pace) -> AsyncGenerator[Buffer, None]:
    """The blocks, and in the end :class:`Mismatch` if they are not those of the image.

    Whoever stores them makes nothing readable then.
    """
    digest = Hasher(wanted.algorithm)
    count = 0
    async for block in blocks:
        count += len(block)
        if not digest.lane.offer(block):
            await digest.lane.put(block)
        await pace.spend(len(block))
        yield block
        del block
    if count != wanted.size or await digest.value() != wanted.digest:
        raise Mismatch
