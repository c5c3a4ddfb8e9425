"""An object of one bucket made from that of another by the server, on one endpoint."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable

from imagestore.backends.errors import CannotCopy, StoreError, Unavailable
from imagestore.backends.parts import send_parts, settled
from imagestore.backends.s3.bucket import Bucket, SentPart
from imagestore.backends.s3.faults import code_of
from imagestore.backends.s3.upload import MAX_PARTS, MIB, Upload

_WHOLE = 1024 * MIB
"""Up to so many bytes are copied in one request; S3 would take five times as much, but
nothing is heard of a request until it has ended."""
_PART = 256 * MIB
_REFUSED = {"NotImplemented", "501", "MethodNotAllowed", "405", "AccessDenied", "403"}
"""Codes of servers that know no such request, or do not let this user read the source."""


class Duplicate(Upload):
    """A writer whose bytes are in a bucket of the same server already.

    Others are kept away as from any :class:`Upload`. The answer's checksum proves nothing: a
    server may carry over what it knew of the source.
    """

    async def copy(
        self, source: Bucket, key: str, size: int, on_progress: Callable[[int], object]
    ) -> None:
        """Make the object of the ``size`` bytes of ``key`` in ``source``."""
        if source.place.endpoint != self._bucket.place.endpoint:
            raise CannotCopy("is on another server", store=self._store)
        head = await source.head(key)
        if head.size != size:
            raise CannotCopy(f"{head.size} bytes are there, not {size}", store=self._store)
        if await self._bucket.find(self._key) is not None:
            raise self._exists("an object of that id is there")
        async with self._begun() as upload:
            try:
                await self._check_alone(upload)
                if size <= _WHOLE:
                    await self._copy_whole(upload, source, key)
                else:
                    await self._copy_parts(upload, source, key, size, on_progress)
                await self._check_copied(size)
            except StoreError as error:
                if error.__cause__ is not None and code_of(error.__cause__) in _REFUSED:
                    raise CannotCopy("the server refuses that", store=self._store) from error
                raise
        on_progress(size)

    async def _copy_whole(self, upload: str, source: Bucket, key: str) -> None:
        try:
            await settled(self._bucket.copy(self._key, source.place.bucket, key, self._writer))
        except Unavailable:
            self._may_come = True
            raise
        await settled(self._bucket.abort(self._key, upload))

    async def _copy_parts(
        self,
        upload: str,
        source: Bucket,
        key: str,
        size: int,
        on_progress: Callable[[int], object],
    ) -> None:
        done = 0

        async def copy(number: int, part: tuple[int, int]) -> SentPart:
            nonlocal done
            copied = await settled(
                self._bucket.copy_part(self._key, upload, number, source.place.bucket, key, *part)
            )
            done += part[1]
            on_progress(done)
            return copied

        step = max(_PART, -(-size // MAX_PARTS))
        parts = await send_parts(_ranges(size, step), copy, parallel=self._parallel)
        await self._complete(upload, parts)

    async def _check_copied(self, size: int) -> None:
        head = await self._made()
        if head.size != size:
            raise Unavailable(
                f"the server has made {head.size} bytes, not {size}",
                store=self._store,
                url=self._url,
            )


async def _ranges(size: int, step: int) -> AsyncGenerator[tuple[int, int], None]:
    """Offset and length of each part."""
    for start in range(0, size, step):
        yield start, min(step, size - start)
