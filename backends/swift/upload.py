"""One object on its way into a container.

Swift replaces an object without asking, and tells by ``If-None-Match: *`` only whether one was
there when a request began. So every upload leaves objects that it alone writes, segments or a
claim, and looks at the container before it ends: of two that see each other the later one goes
on. The manifest or object is the last that is written, and never replaces another.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import Executor
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import quote

from imagestore.backends.base import BLOCK_SIZE, Blocks
from imagestore.backends.errors import Exists, Full, NotFound, StoreError, Unavailable
from imagestore.backends.in_flight import STREAMED
from imagestore.backends.parts import chained, send_parts
from imagestore.backends.swift.container import Container, Entry
from imagestore.backends.swift.names import MAX_SEGMENTS, Names, upload_of
from imagestore.backends.swift.streams import PAUSE, Budget, Stream, exactly, in_streams

T = TypeVar("T")
E = TypeVar("E", bound=StoreError)

SIZE_HEADER = "X-Object-Meta-Image-Size"
"""On a manifest: bytes of all segments. Swift itself does not notice when one is missing."""
_UPLOAD_HEADER = "X-Object-Meta-Upload"
PARALLEL = 4
"""Segments that are sent at a time."""


@dataclass(frozen=True, slots=True)
class SegmentRules:
    """How objects are stored; sizes in bytes."""

    large: int
    segment: int
    create_container: bool
    container_headers: Mapping[str, str] = field(default_factory=dict)
    settle: float = 60.0
    """Seconds within which a segment that was stored has to be listed."""


class Upload:
    """Stores an object so that it appears whole, or not at all."""

    def __init__(
        self, container: Container, names: Names, rules: SegmentRules, executor: Executor, url: str
    ) -> None:
        self._container = container
        self._names = names
        self._rules = rules
        self._executor = executor
        self._url = url
        self._begun: list[str] = []
        self._finishing = False

    async def run(self, blocks: Blocks, size: int | None) -> int:
        """Store ``blocks`` and return how many bytes they were. On an error call ``undo``."""
        async with aclosing(exactly(blocks, size, self._container.store)) as source:
            first, complete = await _gather(source)
            data = chained(first, source)
            if complete:
                return await self._claimed(lambda: self._put_small(b"".join(first)))
            if size is not None and size < self._rules.large:
                return await self._claimed(lambda: self._put_streamed(data, size))
            return await self._put_segmented(data)

    async def undo(self) -> None:
        """Remove what was stored, as far as Swift lets us.

        An object is removed whether or not it is there, as a request that was cut off
        may still be at work: Swift keeps what it was told last.
        """
        if self._finishing and not await self._is_anothers():
            self._begun.append(self._names.image_id)
        await self._container.remove_all(self._begun)

    async def _is_anothers(self) -> bool:
        try:
            return not await self._is_ours()
        except NotFound:
            return False

    async def _is_ours(self) -> bool:
        headers = await self._container.find(self._names.image_id, self._url)
        return (
            headers.get(_UPLOAD_HEADER) == self._names.upload
            or headers.get("X-Object-Manifest") == self._manifest
        )

    async def _confirm(self) -> None:
        """See that the object is ours: a request that began before another's changed nothing."""
        try:
            ours = await self._is_ours()
        except NotFound:
            ours = False
        if not ours:
            raise self._failure(Exists, "was stored by another upload")

    @property
    def _manifest(self) -> str:
        return f"{quote(self._container.name)}/{quote(self._names.segments)}"

    # Unsegmented objects.

    async def _claimed(self, put: Callable[[], Awaitable[int]]) -> int:
        claim = self._names.claim
        self._begun.append(claim)
        await self._in_container(lambda: self._container.put(claim, data=b"", location=self._url))
        await self._look(may_exist=False)
        self._finishing = True
        size = await put()
        await self._look(may_exist=True)
        await self._confirm()
        await self._container.discard(claim)
        return size

    async def _put_small(self, data: bytes) -> int:
        digest = await asyncio.get_running_loop().run_in_executor(self._executor, _md5, data)
        headers = {_UPLOAD_HEADER: self._names.upload, "ETag": digest}
        await self._put(self._names.image_id, headers=headers, data=data)
        return len(data)

    async def _put_streamed(self, blocks: AsyncIterator[memoryview], size: int) -> int:
        headers = {_UPLOAD_HEADER: self._names.upload, "Content-Length": str(size)}

        async def send(_: int, stream: Stream) -> Entry:
            return await self._send(self._names.image_id, stream, headers)

        await self._send_all(blocks, None, send)
        return size

    # Segments.

    async def _put_segmented(self, blocks: AsyncIterator[memoryview]) -> int:
        await self._in_container(lambda: self._look(may_exist=False, may_be_late=True))
        return await self._joined(
            await self._send_all(blocks, self._rules.segment, self._send_segment)
        )

    async def _joined(self, segments: list[Entry]) -> int:
        await self._until_listed(segments)
        size = sum(segment.size for segment in segments)
        headers = {"X-Object-Manifest": self._manifest, SIZE_HEADER: str(size)}
        self._finishing = True
        await self._put(self._names.image_id, headers=headers, data=b"")
        await self._confirm()
        return size

    async def _send_segment(self, number: int, stream: Stream) -> Entry:
        return await self._send(self._begin_segment(number), stream, {})

    def _begin_segment(self, number: int) -> str:
        """Its name, which is taken back if the upload fails."""
        if number > MAX_SEGMENTS:
            raise self._failure(Full, f"more than {MAX_SEGMENTS} segments")
        name = self._names.segment(number)
        self._begun.append(name)
        return name

    async def _until_listed(self, segments: list[Entry]) -> None:
        """Return when the container lists all segments: Swift reads a large object by listing.

        A container may be behind its objects. Raises ``Exists`` if there is a later upload.
        """
        expected = set(segments)
        delay, left = 0.05, self._rules.settle
        while not expected <= await self._look(may_exist=False):
            if left <= 0:
                raise self._failure(Unavailable, "the container does not list all segments")
            await asyncio.sleep(delay)
            left -= delay
            delay *= 2

    # Both.

    async def _send_all(
        self,
        blocks: AsyncIterator[memoryview],
        size: int | None,
        send: Callable[[int, Stream], Awaitable[Entry]],
    ) -> list[Entry]:
        async def sending(number: int, stream: Stream) -> Entry:
            try:
                return await send(number, stream)
            except BaseException as error:
                stream.fail(error)  # or the source would wait for room for ever
                raise

        streams = in_streams(blocks, size, Budget(STREAMED), self._executor, pause=PAUSE)
        return await send_parts(streams, sending, parallel=PARALLEL)

    async def _send(self, name: str, stream: Stream, headers: Mapping[str, str]) -> Entry:
        etag = await self._put(name, headers=headers, body=stream)
        digest = await stream.md5()
        if etag != digest:
            raise self._failure(Unavailable, f"{name} arrived as other bytes than were sent")
        return Entry(name, stream.size, digest)

    async def _put(
        self,
        name: str,
        *,
        headers: Mapping[str, str],
        data: bytes | None = None,
        body: Stream | None = None,
    ) -> str:
        try:
            return await self._container.put(
                name, headers=headers, data=data, body=body, location=self._url
            )
        except NotFound as error:
            raise self._no_container() from error

    async def _look(self, *, may_exist: bool, may_be_late: bool = False) -> set[Entry]:
        """What is there of this image. ``Exists`` if it must not be."""
        found = set()
        async for entry in self._container.entries(self._names.image_id):
            found.add(entry)
            if entry.name == self._names.image_id and not may_exist:
                raise self._failure(Exists, "is there already")
            other = upload_of(self._names.image_id, entry.name)
            if other is not None and other > self._names.upload and not may_be_late:
                raise self._failure(Exists, "a later upload is under way")
        return found

    async def _in_container(self, call: Callable[[], Awaitable[T]]) -> T:
        try:
            return await call()
        except NotFound as error:
            if not self._rules.create_container:
                raise self._no_container() from error
        await self._container.create(self._rules.container_headers)
        return await call()

    def _no_container(self) -> StoreError:
        return self._failure(
            Unavailable,
            f"there is no container {self._container.name!r}, and swift_store_container and "
            "swift_store_create_container_on_put do not tell to make one",
        )

    def _failure(self, kind: type[E], message: str) -> E:
        return kind(message, store=self._container.store, url=self._url)


async def _gather(source: AsyncIterator[memoryview]) -> tuple[list[memoryview], bool]:
    """Blocks up to one block's size, and whether these are all."""
    blocks: list[memoryview] = []
    size = 0
    async for block in source:
        blocks.append(block)
        size += len(block)
        if size > BLOCK_SIZE:
            return blocks, False
    return blocks, True


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
