"""Data compared with what it has to be while it passes: nothing else in the service does that.

Copies, repairs, the patrol, other sites and regions, and the node's cache read through this.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field

from imagestore.backends.base import Blocks, Buffer, Store
from imagestore.backends.errors import NotFound
from imagestore.model.digest import Digest, Expected
from imagestore.model.errors import Corrupt
from imagestore.transfer.digests import Digests


class Pace:
    """So many bytes a second go through, of all transfers that share it; 0: as many as come."""

    def __init__(self, rate: int = 0) -> None:
        self._rate = rate
        self._free_at = 0.0
        self.bytes = 0
        """All that went by."""

    async def take(self, count: int) -> None:
        """Wait until ``count`` more bytes may go on."""
        self.bytes += count
        if self._rate <= 0:
            return
        now = asyncio.get_running_loop().time()
        # What was not used in a second in which nothing came is not made up for.
        begin = max(self._free_at, now - 1)
        self._free_at = begin + count / self._rate
        if begin > now:
            await asyncio.sleep(begin - now)


@dataclass(eq=False)
class Verified:
    """The blocks of ``source``, which end only if they are the ``expected`` ones.

    Nothing that takes the blocks to their end can have taken wrong ones: :class:`Corrupt` is
    raised before, in the name ``of`` the data. Where a digest is expected, the last block is
    kept back until it is known to be right: also who only counts bytes does not get all of
    them. ``algorithms``: digests to compute besides. ``on_progress`` is called with the number
    of bytes so far after each block. In any case the source is closed in the end.
    """

    source: Blocks
    expected: Expected
    _: KW_ONLY
    algorithms: Iterable[str] = ()
    pace: Pace = field(default_factory=Pace)
    on_progress: Callable[[int], object] = lambda count: None
    of: str = "The data"
    digests: Mapping[str, Digest] = field(default_factory=dict, init=False)
    """By algorithm, as computed, once all blocks have come."""

    async def blocks(self) -> AsyncGenerator[Buffer, None]:
        size, wanted = self.expected.size, self.expected.digests
        algorithms = {*self.algorithms, *(each.algorithm for each in wanted)}
        digests = Digests(algorithms)
        count, kept = 0, None
        try:
            async for block in self.source:
                count += len(block)
                if size is not None and count > size:
                    raise Corrupt(f"more than {size} bytes", self.of)
                await self.pace.take(len(block))
                await digests.put(block)
                self.on_progress(count)
                ready, kept = (kept, block) if wanted else (block, None)
                del block  # it may be used again once nobody refers to it
                if ready is not None:
                    yield ready
                del ready
            if size is not None and count != size:
                raise Corrupt(f"{count} bytes, not {size}", self.of)
            self.digests = await digests.finish()
            for digest in wanted:
                if digest != self.digests[digest.algorithm]:
                    found = self.digests[digest.algorithm].value
                    raise Corrupt(f"its {digest.algorithm} is {found}", self.of)
            if kept is not None:
                yield kept
        finally:
            digests.close()
            await close(self.source)

    async def drain(self) -> None:
        """Read to the end, to know whether they are the right ones."""
        async with contextlib.aclosing(self.blocks()) as blocks:
            async for _ in blocks:
                pass


async def verify(blocks: Blocks, expected: Expected) -> None:
    """Read the blocks to their end; :class:`Corrupt` if they are not the expected ones."""
    await Verified(blocks, expected).drain()


async def close(source: Blocks) -> None:
    """Have the source release what it holds, also when it was not read to its end."""
    close = getattr(source, "aclose", None)
    if close is not None:
        await close()


async def find_fault(store: Store, url: str, expected: Expected, pace: Pace) -> str | None:
    """What is wrong with the object; None if it is whole.

    Raises what the store raises when it cannot be read, which says nothing about its bytes.
    """
    try:
        size = await store.size(url)
        if size != expected.size:
            return f"{size} bytes, not {expected.size}"
        async with store.open(url) as blocks:
            await Verified(blocks, expected, pace=pace).drain()
    except NotFound:
        return "missing"
    except Corrupt as error:
        return error.fault
    return None
