"""The data of one image from a source, going on where it broke off, verified before its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator

from imagestore.backends import errors as store_errors
from imagestore.backends.base import Buffer
from imagestore.backends.least_rate import LeastRate, in_time
from imagestore.model.digest import Expected, recorded
from imagestore.model.errors import Unavailable
from imagestore.sites.record import Record
from imagestore.sites.site import Moved, Source
from imagestore.transfer.verification import Verified

log = logging.getLogger(__name__)

ATTEMPTS = 6
"""In a row without a byte, after which a source counts as away."""
_LONGEST_PAUSE = 10.0
_ANY = LeastRate()


class Moving:
    """One image's data; see :class:`imagestore.sites.site.Data`."""

    def __init__(
        self, source: Source, record: Record, moved: Moved, least: LeastRate = _ANY
    ) -> None:
        self._source = source
        self._record = record
        self._moved = moved
        self._held = 0
        self._least = least
        self.error: BaseException | None = None
        """Why it ended early, for a target whose own error only says that it did."""

    async def blocks(
        self, held: AsyncGenerator[Buffer, None] | None = None
    ) -> AsyncGenerator[Buffer, None]:
        record = self._record
        verified = Verified(
            self._all(held),
            Expected(record.size, recorded(record)),
            of=f"The data that {self._source.label} has for image {record.id}",
        )
        passed = 0
        try:
            async with contextlib.aclosing(verified.blocks()) as blocks:
                async for block in blocks:
                    passed += len(block)
                    if passed > self._held:
                        yield block
        except Exception as error:
            self.error = error
            raise

    async def _all(self, held: AsyncGenerator[Buffer, None] | None) -> AsyncGenerator[Buffer, None]:
        """What the target has already, whose bytes count too, and what follows from the source."""
        if held is not None:
            async with contextlib.aclosing(held):
                async for block in held:
                    self._held += len(block)
                    yield block
            self._moved(self._held)
        async with contextlib.aclosing(self._in_time(self._held)) as blocks:
            async for block in blocks:
                yield block

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
