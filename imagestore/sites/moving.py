"""The data of one image from a source, going on where it broke off, verified before its end."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import AsyncGenerator

from imagestore.backends import errors as store_errors
from imagestore.backends.base import Buffer
from imagestore.backends.least_rate import LeastRate, in_time
from imagestore.model.errors import Conflict, Unavailable
from imagestore.sites.record import Record
from imagestore.sites.site import Moved, Source
from imagestore.transfer.digests import Hasher

log = logging.getLogger(__name__)

ATTEMPTS = 6
"""In a row without a byte, after which a source counts as away."""
_LONGEST_PAUSE = 10.0
_CHECKSUM = "md5"
_ANY = LeastRate()


class Moving:
    """One image's data; see :class:`imagestore.sites.site.Data`."""

    def __init__(
        self, source: Source, record: Record, moved: Moved, least: LeastRate = _ANY
    ) -> None:
        self._source = source
        self._record = record
        self._moved = moved
        self._least = least
        self.error: BaseException | None = None
        """Why it ended early, for a target whose own error only says that it did."""

    async def blocks(
        self, held: AsyncGenerator[Buffer, None] | None = None
    ) -> AsyncGenerator[Buffer, None]:
        try:
            async with contextlib.aclosing(self._verified(held)) as blocks:
                async for block in blocks:
                    yield block
        except Exception as error:
            self.error = error
            raise

    async def _verified(
        self, held: AsyncGenerator[Buffer, None] | None
    ) -> AsyncGenerator[Buffer, None]:
        """The last block is kept back until all are known to be right: a target that counts
        bytes cannot take an image with wrong ones for complete."""
        record = self._record
        digests = _digests(record)
        offset = 0
        if held is not None:
            async with contextlib.aclosing(held):
                async for block in held:
                    offset += len(block)
                    await _feed(digests, block)
            self._moved(offset)
        kept: Buffer | None = None
        async with contextlib.aclosing(self._in_time(offset)) as blocks:
            async for block in blocks:
                offset += len(block)
                if record.size is not None and offset > record.size:
                    raise _wrong(record, self._source, f"more than {record.size} bytes come")
                await _feed(digests, block)
                if kept is not None:
                    yield kept
                kept = block
        if record.size is not None and offset != record.size:
            raise _wrong(record, self._source, f"{offset} bytes instead of {record.size}")
        for name, (digest, value) in digests.items():
            if await digest.value() != value:
                raise _wrong(record, self._source, f"its {name} is another")
        if kept is not None:
            yield kept

    async def _in_time(self, offset: int) -> AsyncGenerator[Buffer, None]:
        """The same as :meth:`_resumed`, as long as the source is not too slow on the whole."""
        try:
            async with contextlib.aclosing(in_time(self._resumed(offset), self._least)) as blocks:
                async for block in blocks:
                    yield block
        except store_errors.Unavailable as error:
            raise Unavailable(f"{self._source.label}: {error.message}.") from error

    async def _resumed(self, offset: int) -> AsyncGenerator[Buffer, None]:
        """From ``offset`` to the end, over as many connections as that takes."""
        record, size = self._record, self._record.size
        attempts = 0
        while size is None or offset < size:
            try:
                async with contextlib.aclosing(self._source.read(record, offset)) as blocks:
                    async for block in blocks:
                        offset += len(block)
                        attempts = 0
                        self._moved(len(block))
                        yield block
                if size is None or offset >= size:
                    return
                raise Unavailable(f"{self._source.label} ended image {record.id} early.")
            except Unavailable as error:
                attempts += 1
                # Without its size there is no way to tell where it ends.
                if attempts >= ATTEMPTS or size is None:
                    raise
                log.warning("image %s goes on from byte %d: %s", record.id, offset, error)
            await asyncio.sleep(min(0.1 * 2**attempts, _LONGEST_PAUSE))


def _digests(record: Record) -> dict[str, tuple[Hasher, str]]:
    """Those that the source tells and that this machine can compute."""
    told = {_CHECKSUM: record.checksum}
    if record.os_hash_algo:
        told[record.os_hash_algo] = record.os_hash_value
    found = {}
    for name, value in told.items():
        if value:
            try:
                # Those without a length of their own cannot be what a service keeps.
                if hashlib.new(name, usedforsecurity=False).digest_size:
                    found[name] = Hasher(name), value
            except ValueError:
                log.warning("image %s: there is no digest %r here", record.id, name)
    return found


async def _feed(digests: dict[str, tuple[Hasher, str]], block: Buffer) -> None:
    for digest, _ in digests.values():
        if not digest.lane.offer(block):
            await digest.lane.put(block)


def _wrong(record: Record, source: Source, why: str) -> Conflict:
    return Conflict(f"The data that {source.label} has for image {record.id} is not right: {why}.")
