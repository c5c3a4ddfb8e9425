"""The bytes of a copy on their way from store to store: paced, and known to be the image's."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping

from imagestore.backends.base import Buffer
from imagestore.model.errors import ImagestoreError
from imagestore.transfer.digests import Hasher


class Corrupt(ImagestoreError):
    """What was read is not what the digests of the image stand for."""


class Pace:
    """So many bytes a second go through, of all transfers that share it; 0: as many as come."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._free_at = 0.0

    async def take(self, count: int) -> None:
        """Wait until ``count`` more bytes may go on."""
        if self._rate <= 0:
            return
        now = asyncio.get_running_loop().time()
        # What was not used in a second in which nothing came is not made up for.
        begin = max(self._free_at, now - 1)
        self._free_at = begin + count / self._rate
        if begin > now:
            await asyncio.sleep(begin - now)


class Verified:
    """Blocks that end only if they are ``expected``; digests by algorithm, in hexadecimal.

    A digest that is None is computed and not compared. Nothing that takes the blocks
    to their end can have taken wrong ones: :class:`Corrupt` is raised before.
    """

    def __init__(
        self,
        source: AsyncGenerator[Buffer, None],
        expected: Mapping[str, str | None],
        pace: Pace,
        on_progress: Callable[[int], object],
    ) -> None:
        self._source = source
        self._expected = expected
        self._pace = pace
        self._on_progress = on_progress
        self.digests: dict[str, str] = {}
        """As computed, when the blocks have ended."""

    async def blocks(self) -> AsyncGenerator[Buffer, None]:
        digests = {name: Hasher(name) for name in self._expected}
        lanes = [digest.lane for digest in digests.values()]
        count = 0
        async with contextlib.aclosing(self._source) as source:
            async for block in source:
                await self._pace.take(len(block))
                for lane in lanes:
                    if not lane.offer(block):
                        await lane.put(block)
                count += len(block)
                self._on_progress(count)
                yield block
                del block  # it may be used again from now on
        self.digests = {name: await digest.value() for name, digest in digests.items()}
        for name, value in self._expected.items():
            if value is not None and value.lower() != self.digests[name]:
                raise Corrupt(f"The {name} of the data is not that of the image.")


async def drain(blocks: AsyncGenerator[Buffer, None]) -> None:
    """Read to the end, for the digests alone."""
    async with contextlib.aclosing(blocks) as read:
        async for _ in read:
            pass
