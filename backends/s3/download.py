"""Reading an object: ranges of it, each into a buffer that is used again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from imagestore.backends.blocks import BlockPool
from imagestore.backends.errors import Unavailable
from imagestore.backends.s3.bucket import Bucket, Head
from imagestore.backends.s3.faults import while_asking


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads ranges of the object as it was when ``head`` was asked for."""

    bucket: Bucket
    key: str
    head: Head
    pool: BlockPool

    async def read(self, offset: int, length: int) -> memoryview:
        """Exactly those bytes, at most as many as a block of the pool has.

        ``NotFound`` if the object is gone, ``Unavailable`` if it became another one, or
        if the answer ends too early.
        """
        answer = await self.bucket.get(self.key, offset, length, self.head.etag)
        block = self.pool.take()[:length]
        async with answer["Body"] as body:
            self._check(answer, offset, length)
            with while_asking(self.bucket.place.store, self._url):
                received = await _fill(block, body.raw_stream.content)
        if received != length:
            raise self._failure(f"{received} bytes came instead of {length}")
        return block.toreadonly()

    def _check(self, answer: Any, offset: int, length: int) -> None:
        """A server that knows no ranges answers with the whole object, which may be the range."""
        whole = f"bytes 0-{self.head.size - 1}/{self.head.size}"
        served = answer.get("ContentRange", whole)
        if served != f"bytes {offset}-{offset + length - 1}/{self.head.size}":
            raise self._failure(f"bytes {offset} to {offset + length - 1} were asked for: {served}")

    @property
    def _url(self) -> str:
        return self.bucket.place.url(self.key)

    def _failure(self, message: str) -> Unavailable:
        return Unavailable(message, store=self.bucket.place.store, url=self._url)


async def _fill(block: memoryview, stream: Any) -> int:
    """Copy what the stream has into the block; the bytes that came, at most one too many."""
    received = 0
    while chunk := await stream.readany():
        end = received + len(chunk)
        if end > len(block):
            return end
        block[received:end] = chunk
        received = end
    return received
