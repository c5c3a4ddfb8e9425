"""The fill of one entry, as one process does it, or watches another of the node do it.

Whoever has the lock of the fill writes what the stores give to the end of the file; all
others see the file grow. When the one who fills dies, the kernel lets its lock go, and a
process that watches goes on where the file ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, TypeVar

from imagestore.backends.base import BLOCK_SIZE, Buffer
from imagestore.backends.errors import StoreError
from imagestore.cache import locks
from imagestore.cache.directory import Directory, Wanted
from imagestore.cache.growing import Growing
from imagestore.model.digest import Expected
from imagestore.model.errors import Corrupt, ImagestoreError

T = TypeVar("T")

log = logging.getLogger(__name__)

Source = Callable[[int], AsyncGenerator[Buffer, None]]
"""The bytes of an image from an offset to its end, from its stores."""

Verify = Callable[[AsyncGenerator[Buffer, None], Expected], Awaitable[object]]
"""Reads the blocks to their end; raises ``Corrupt`` if they are not those that are expected."""

_LOOK = 0.01
"""Seconds between looks at a file that another process fills."""
_ASK = 10
"""Looks without growth after which it is asked whether the other is still there."""


@dataclass(eq=False)
class Filling:
    """One entry on its way into the cache; ``run`` returns when it is there or will not be.

    ``end`` has to be called then, also if ``run`` was cancelled before its first step.
    """

    directory: Directory
    wanted: Wanted
    growing: Growing
    lock: locks.Held | None
    source: Source
    disk: Executor
    verify: Verify

    async def run(self) -> None:
        """Raises nothing but ``OSError``: the cache's disk is at fault."""
        image_id = self.wanted.image_id
        try:
            if self.lock is None:
                self.lock = await self._watch()
            if self.lock is not None:
                await self._fill()
        except Corrupt as error:
            log.error("image %s: its stores give other bytes, not cached: %s", image_id, error)
            await self._on_disk(self.directory.reject, self.wanted)
        except (StoreError, ImagestoreError) as error:
            log.warning("image %s: its fill of the cache broke off: %s", image_id, error)
        except OSError:
            # Room that was taken is given back: the disk may be full.
            with contextlib.suppress(OSError):
                await self._on_disk(self.directory.drop_partial, self.wanted)
            raise

    def end(self) -> None:
        """Tell those who follow, and let others fill."""
        if self.growing.have < self.growing.size:
            self.growing.fail()
        if self.lock is not None:
            self.lock.release()

    async def _watch(self) -> locks.Held | None:
        """Follow another process; its lock, if it has ended before the file was whole."""
        growing, idle = self.growing, 0
        while True:
            size = os.fstat(growing.fd).st_size
            if size > growing.have:
                growing.grown(min(size, growing.size))
                idle = 0
            elif (idle := idle + 1) % _ASK == 0 and (lock := await self._on_disk(self._ask)):
                if await self._on_disk(self._is_left):
                    log.warning("image %s: its fill is taken over", self.wanted.image_id)
                    return lock
                lock.release()
                return None
            await asyncio.sleep(_LOOK)

    def _ask(self) -> locks.Held | None:
        return locks.acquire(self.directory.lock_file, locks.fill_of(self.wanted.image_id))

    def _is_left(self) -> bool:
        return self.directory.is_growing(self.growing.fd, self.wanted)

    async def _fill(self) -> None:
        growing = self.growing
        # Also what another process has written since the last look.
        growing.grown(min(os.fstat(growing.fd).st_size, growing.size))
        expected = Expected(self.wanted.size, (self.wanted.digest,))
        # Read again from the file, beside what comes: so a slow digest keeps no reader waiting,
        # and what another process has left is verified too.
        verifying = asyncio.ensure_future(self.verify(self._written(), expected))
        try:
            if growing.have < growing.size:
                await self._fetch()
            await verifying
        finally:
            verifying.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await verifying
        with contextlib.suppress(FileNotFoundError):  # dropped meanwhile
            await self._on_disk(self.directory.complete, growing.fd, self.wanted)

    async def _fetch(self) -> None:
        """Write what comes, one block while the next one is on its way."""
        growing = self.growing
        writing: asyncio.Future[int] | None = None
        async with contextlib.aclosing(self.source(growing.have)) as blocks:
            try:
                async for block in blocks:
                    if writing is not None:
                        growing.grown(await writing)
                    writing = self._on_disk(_write, growing.fd, block, growing.have)
                    del block
                if writing is not None:
                    growing.grown(await writing)
                    writing = None
            finally:
                if writing is not None:
                    # A thread that still writes must not meet a descriptor that is another's.
                    await asyncio.wait((writing,))
        if growing.have != growing.size:
            raise Corrupt(f"{growing.have} bytes, not {growing.size}")

    async def _written(self) -> AsyncGenerator[bytes, None]:
        """What is in the file, while it grows."""
        growing, done = self.growing, 0
        while done < growing.size and (have := await growing.ready(done)):
            # A thread whose disk hangs outlives this task, and with it the descriptor.
            fd = os.dup(growing.fd)
            block = await self._on_disk(_read, fd, min(BLOCK_SIZE, have - done), done)
            done += len(block)
            yield block
            del block

    def _on_disk(self, function: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self.disk, function, *args)


def _write(fd: int, block: Buffer, offset: int) -> int:
    """Write the whole block; where the file ends then."""
    view = memoryview(block).cast("B")
    while view:
        count = os.pwrite(fd, view, offset)
        view = view[count:]
        offset += count
    return offset


def _read(fd: int, count: int, offset: int) -> bytes:
    """Closes the descriptor."""
    try:
        block = os.pread(fd, count, offset)
    finally:
        os.close(fd)
    if not block:
        raise OSError("the file is shorter than it was")
    return block
