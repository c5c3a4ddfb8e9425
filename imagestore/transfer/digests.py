"""Digests of a stream, computed side by side in another process."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import os
from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor

from imagestore.backends.base import Buffer
from imagestore.backends.blocks import BlockPool
from imagestore.backends.in_flight import DIGESTED
from imagestore.backends.shared_memory import shared_memory
from imagestore.config.settings import Images
from imagestore.model.digest import CHECKSUM, Digest
from imagestore.model.errors import Unavailable
from imagestore.transfer.digest_process import digest_process


@functools.cache
def computing_threads() -> Executor:
    """The process's threads for work that needs a processor: as many as it may use."""
    return ThreadPoolExecutor(len(os.sched_getaffinity(0)), "compute")


os.register_at_fork(after_in_child=computing_threads.cache_clear)


def algorithms(settings: Images, os_hash: str = "") -> frozenset[str]:
    """Of the digests that are computed of data that comes in, whichever way it comes.

    ``os_hash``: the one for ``os_hash_value``, if that is not the configuration's to choose.
    """
    found = frozenset({os_hash or settings.hashing_algorithm})
    return found | {CHECKSUM} if settings.md5_checksum else found


_pool = functools.cache(BlockPool)
"""For blocks of those who have their own memory."""
_NOTHING = memoryview(b"")


class Digests:
    """Of one stream of blocks. Any algorithms of :mod:`hashlib` with a fixed length.

    To be closed in any case. What does not lie in shared memory is copied there, which costs a
    fiftieth of a digest.
    """

    def __init__(self, algorithms: Iterable[str]) -> None:
        self._lengths = {
            name: hashlib.new(name, usedforsecurity=False).digest_size
            for name in sorted(algorithms)
        }
        self._in_work: deque[Buffer] = deque()
        self._gathered, self._filled = _NOTHING, 0
        self._waiter: asyncio.Future[None] | None = None
        self._found: bytes | None = None
        if self._lengths:
            self._process = digest_process()
            self._number = self._process.begin(",".join(self._lengths), self._answered)

    async def put(self, block: Buffer) -> None:
        """The next block of the stream. Waits while too many are in work."""
        if not self._lengths:
            return
        offset = shared_memory().offset(block)
        if offset is None:
            await self._gather(memoryview(block))
        else:
            await self._flush()
            await self._update(block, offset)

    async def _gather(self, left: memoryview) -> None:
        """Copy what does not lie in shared memory into a block that does, and is full then."""
        while left:
            if not self._filled:
                self._gathered = _pool().take()
            room = self._gathered[self._filled : self._filled + len(left)]
            room[:] = left[: len(room)]
            left = left[len(room) :]
            self._filled += len(room)
            if self._filled == len(self._gathered):
                await self._flush()

    async def _flush(self) -> None:
        if self._filled:
            block, self._gathered = self._gathered[: self._filled], _NOTHING
            self._filled = 0
            offset = shared_memory().offset(block)
            assert offset is not None
            await self._update(block, offset)

    async def _update(self, block: Buffer, offset: int) -> None:
        while len(self._in_work) >= DIGESTED:
            await self._wait()
        self._in_work.append(block)
        self._process.update(self._number, offset, len(block))

    async def finish(self) -> Mapping[str, Digest]:
        """What all blocks come to, when they are computed, by algorithm."""
        if not self._lengths:
            return {}
        await self._flush()
        self._process.finish(self._number)
        while self._found is None:
            await self._wait()
        left = self._found.hex()
        digests = {}
        for name, length in self._lengths.items():
            digests[name] = Digest(name, left[: 2 * length])
            left = left[2 * length :]
        return digests

    def close(self) -> None:
        """Let go of what is in work; nobody needs it any more."""
        if self._lengths and not self._process.ended:
            self._process.forget(self._number)

    async def _wait(self) -> None:
        if self._process.ended:
            raise Unavailable("The process that computes digests has ended.")
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter

    def _answered(self, done: int, digests: bytes) -> None:
        for _ in range(done):
            self._in_work.popleft()
        if done == 0:
            self._found = digests
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
