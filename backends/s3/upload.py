"""Writing one object: in one request, or in parts; all of it or nothing."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterator, Sequence
from functools import partial
from itertools import repeat
from typing import Any

from imagestore.backends.base import Blocks
from imagestore.backends.errors import Exists, Full, StoreError, Unavailable
from imagestore.backends.in_flight import PARTS
from imagestore.backends.parts import Counted, Part, chained, in_parts, send_parts, settled
from imagestore.backends.s3.bucket import Bucket, Head, SentPart
from imagestore.backends.s3.settings import S3Settings

log = logging.getLogger(__name__)

MIB = 1 << 20
MAX_PARTS = 10_000
"""Of one upload, S3's limit."""
_GROWTH = 2000
"""Parts of an upload of unknown length are this fraction of what went before: 10,000 parts
of 10 MiB or more then hold 1 TiB."""
_LOOKS = (0.0, 0.2, 0.8, 2.0)
"""Seconds before each look for an object of which it is not known whether it will come."""
_CLEANING = 10.0
"""Seconds that cleaning up may take."""


class Upload:
    """One writer of one object.

    A writer checks that nothing is there and lets the server refuse to replace
    (``If-None-Match``). Some servers do so for a whole object but not when an upload in parts
    is completed (Ceph before release 20). What keeps writers apart on these is that every
    one has such an upload open, whether it needs it or not: it is visible from before the
    writer's last check until after its object is, and whoever sees another one of the same
    key, or an object, in its last check gives up. Of two that overlap, the one that began
    later sees the other or what it made. Both may give up.
    """

    def __init__(self, bucket: Bucket, key: str, settings: S3Settings) -> None:
        self._bucket = bucket
        self._key = key
        self._part = settings.s3_store_large_object_chunk_size * MIB
        self._large = settings.s3_store_large_object_size * MIB
        self._parallel = settings.s3_store_thread_pools
        self._writer = uuid.uuid4().hex
        self._may_come = False
        """Whether the server may still be making the object, having all that it needs."""

    async def add(self, blocks: Blocks, size: int | None) -> int:
        """Store the concatenated ``blocks``; how many bytes that were."""
        if await self._bucket.find(self._key) is not None:
            raise self._exists("an object of that id is there")
        source = Counted(blocks, size, store=self._store)
        parts = in_parts(source, part_sizes(self._part, size))
        async with contextlib.aclosing(parts):
            first: Part = await anext(parts, [])
            async with self._begun() as upload:
                await self._check_alone(upload)
                if _size(first) < min(self._part, self._large or 1):
                    return await self._whole(upload, first)
                return await self._in_parts(upload, chained([first], parts))

    @contextlib.asynccontextmanager
    async def _begun(self) -> AsyncIterator[str]:
        """An upload in parts. If the body fails, it is taken back, and what came of it."""
        upload = await settled(
            self._bucket.begin(self._key, self._writer),
            undo=lambda upload: self._clean(self._bucket.abort(self._key, upload)),
        )
        try:
            yield upload
        except BaseException:
            await self._clean(self._take_back(upload))
            raise

    async def _whole(self, upload: str, part: Part) -> int:
        check = await self._bucket.digest(part)
        body = self._bucket.body(part)
        try:
            await settled(
                self._bucket.put(self._key, body, check, self._writer),
                acting=lambda: body.complete,
            )
        except Exists:
            # aiohttp sends a PUT again whose kept connection was lost: this may be its first.
            head = await self._bucket.find(self._key)
            if head is None or head.writer != self._writer:
                raise
        except Unavailable:
            self._may_come = body.complete
            raise
        await settled(self._bucket.abort(self._key, upload))
        return len(body)

    async def _in_parts(self, upload: str, parts: AsyncGenerator[Part, None]) -> int:
        sent = await send_parts(parts, partial(self._send, upload), parallel=self._at_once)
        await self._complete(upload, sent)
        await self._check_made(sent)
        return sum(part.size for part in sent)

    async def _complete(self, upload: str, parts: Sequence[SentPart]) -> None:
        await self._check_alone(upload)
        try:
            await settled(self._bucket.complete(self._key, upload, parts))
        except Unavailable:
            self._may_come = True
            raise

    async def _send(self, upload: str, number: int, part: Part) -> SentPart:
        if number > MAX_PARTS:
            raise Full(
                f"more than {MAX_PARTS} parts: raise s3_store_large_object_chunk_size",
                store=self._store,
            )
        check = await self._bucket.digest(part)
        body = self._bucket.body(part)
        return await settled(
            self._bucket.send_part(self._key, upload, number, body, check),
            acting=lambda: body.complete,
        )

    def _at_once(self, part: Part) -> int:
        """How many parts of that size are sent at a time; another one is being gathered."""
        return max(1, min(self._parallel, PARTS // _size(part) - 1))

    async def _check_alone(self, upload: str) -> None:
        """``Exists`` if there is an object, or another upload that may make one.

        The uploads are asked for first: one that has ended by then shows as its object.
        """
        async for other in self._bucket.uploads(self._key):
            if other != upload:
                raise self._exists("another upload of that id is under way, or was left behind")
        if await self._bucket.find(self._key) is not None:
            raise self._exists("an object of that id has come meanwhile")

    async def _made(self) -> Head:
        """The object that is there, if it is this writer's."""
        head = await self._bucket.head(self._key)
        if head.writer != self._writer:
            raise self._exists("another writer has put an object of that id in its place")
        return head

    async def _check_made(self, sent: Sequence[SentPart]) -> None:
        """Whether the object that is there is the one that was sent."""
        head = await self._made()
        size = sum(part.size for part in sent)
        etag = _etag(sent) if "-" in head.etag and not head.encrypted else None
        if head.size != size or etag not in (None, head.etag):
            raise Unavailable(
                f"the server has made {head.size} bytes, ETag {head.etag}, of the parts; "
                f"it should be {size} bytes, ETag {etag or 'of any kind'}",
                store=self._store,
                url=self._url,
            )

    # What must not stay.

    async def _take_back(self, upload: str) -> None:
        try:
            await self._bucket.abort(self._key, upload)
        finally:
            await self._remove_own()

    async def _remove_own(self) -> None:
        """Remove the object if this writer made it; nobody else may replace it meanwhile.

        When an answer was lost, the object may come a moment later.
        """
        for pause in _LOOKS if self._may_come else _LOOKS[:1]:
            await asyncio.sleep(pause)
            head = await self._bucket.find(self._key)
            if head is not None:
                if head.writer == self._writer:
                    await self._bucket.delete(self._key)
                return

    async def _clean(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it to its end even if cancelled, but not for ever, and whatever comes of it."""

        async def bounded() -> None:
            try:
                async with asyncio.timeout(_CLEANING):
                    await work
            except (StoreError, TimeoutError) as error:
                log.error("%s: what was sent may be left in the bucket: %s", self._url, error)

        await asyncio.shield(bounded())

    def _exists(self, message: str) -> Exists:
        return Exists(message, store=self._store, url=self._url)

    @property
    def _store(self) -> str:
        return self._bucket.place.store

    @property
    def _url(self) -> str:
        return self._bucket.place.url(self._key)


def part_sizes(part: int, size: int | None) -> Iterator[int]:
    """Bytes of each part, without end: at least ``part``, and enough for ``size``.

    Of an unknown size they grow with what went before.
    """
    if size is not None:
        yield from repeat(max(part, -(-size // MAX_PARTS)))
    sent = 0
    while True:
        grown = max(part, sent // _GROWTH)
        sent += grown
        yield grown


def _etag(sent: Sequence[SentPart]) -> str | None:
    """What S3 makes of the MD5s of all parts; None if these are not known."""
    md5s = [part.digest.md5 for part in sent if part.digest and part.digest.md5]
    if len(md5s) < len(sent):
        return None
    return f"{hashlib.md5(b''.join(md5s), usedforsecurity=False).hexdigest()}-{len(sent)}"


def _size(part: Part) -> int:
    return sum(map(len, part))
