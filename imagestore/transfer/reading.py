"""The bytes of an image from whichever copy has them: when one fails, the next goes on there."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import KW_ONLY, InitVar, dataclass
from typing import Self

from imagestore.backends.base import BLOCK_SIZE, Blocks, Buffer, Capability, Store
from imagestore.backends.errors import NotFound, StoreError, WrongSize
from imagestore.backends.errors import Unavailable as StoreUnavailable
from imagestore.cache.cache import CachedFile
from imagestore.cache.growing import Growing
from imagestore.model.errors import Unavailable
from imagestore.observing import metrics
from imagestore.transfer.local_files import LocalFiles

log = logging.getLogger(__name__)

CACHE = "image cache"
"""Whose threads wait for the disk of the cache."""

OpenCached = Callable[[], Awaitable[CachedFile | None]]
"""Opens the image in the node's cache, if it is there, or comes in."""

Judge = Callable[[str, StoreUnavailable | None], object]
"""Is told what came of reading a file of the store of that name past its wrappers."""


@dataclass(frozen=True, slots=True)
class Copy:
    """Where the bytes lie once."""

    store: Store
    url: str


@dataclass(frozen=True, slots=True)
class LocalCopy:
    """An open file with the data, of a store or of the cache. Leaving the context closes it."""

    descriptor: int
    threads: str
    """Whose threads wait for its disk."""
    close: Callable[[], object]
    copy: Copy | None = None
    """None for the cache's."""
    cached: CachedFile | None = None

    @property
    def growing(self) -> Growing | None:
        """The file as it grows, if it does."""
        return None if self.cached is None else self.cached.growing

    async def ready(self, position: int, left: int) -> int:
        """How many of the ``left`` bytes from ``position`` are there, once some are; 0: never."""
        if self.cached is None:
            return left
        return max(0, min(left, await self.cached.ready(position) - position))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(eq=False)
class Reading:
    """One pass over the ``left`` bytes from ``position`` of the object of ``size`` bytes.

    What the node's cache has comes from there. Else, and from where that fails, the best copy
    that is left is used until it fails: an error, another size than the
    image's, an early end. A copy that has given bytes before it failed is tried once more when
    it is its turn again. When no copy is left, :class:`imagestore.model.errors.Unavailable`.
    """

    copies: InitVar[Iterable[Copy]]
    size: int
    position: int
    """Up to here the bytes are handed out."""
    left: int
    _: KW_ONLY
    files: LocalFiles
    judge: Judge
    cached: OpenCached | None = None

    def __post_init__(self, copies: Iterable[Copy]) -> None:
        self._copies = deque(copies)

    async def file(self) -> LocalCopy | None:
        """The best copy, if it is a whole local file, so that the kernel may send it.

        None if the best copy is none, or none is left: then ``blocks`` goes on. While
        the file is open the data stays readable, whatever happens to the image.
        """
        if (cached := await self._from_cache()) is not None:
            return cached
        while self._copies:
            copy = self._copies[0]
            try:
                is_local = Capability.LOCAL_PATH in copy.store.capabilities
                path = copy.store.local_path(copy.url) if is_local else None
                if path is None:
                    return None
                file, size = await self.files.open(copy.store.name, path)
            except StoreError as error:
                self._give_up(copy, error)
            except FileNotFoundError:
                self._give_up(copy, NotFound("missing", store=copy.store.name, url=copy.url))
            except OSError as error:
                self._hangs(copy, str(error) or "the file system does not answer")
            else:
                if size == self.size:
                    self.judge(copy.store.name, None)
                    return LocalCopy(file.fileno(), copy.store.name, file.close, copy=copy)
                file.close()
                self._give_up(copy, self._other_size(copy, size))
        return None

    def sent(self, count: int) -> None:
        """So many bytes of a local file went out."""
        self.position += count
        self.left -= count

    def failed(self, local: LocalCopy, reason: str) -> None:
        """The disk below a local file failed: its store is told, and the next copy goes on."""
        copy = local.copy
        if copy is None:
            log.warning("a download goes on without the cache: %s", reason)
            self.cached = None
            return
        self._hangs(copy, reason)

    def _hangs(self, copy: Copy, reason: str) -> None:
        error = StoreUnavailable(reason, store=copy.store.name, url=copy.url)
        self.judge(copy.store.name, error)
        self._give_up(copy, error)

    async def blocks(self) -> AsyncGenerator[Buffer, None]:
        """What is left, in order, each byte once."""
        if self.left and (cached := await self._from_cache()) is not None:
            with cached:
                async with contextlib.aclosing(self._read(cached)) as blocks:
                    async for block in blocks:
                        yield block
        while self.left:
            if not self._copies:
                raise Unavailable("The data of the image cannot be read at the moment.")
            copy, begin = self._copies[0], self.position
            try:
                async with contextlib.aclosing(self._from(copy)) as blocks:
                    async for block in blocks:
                        yield block
                        del block  # it may be used again from now on
                if self.left:
                    raise StoreUnavailable("ended early", store=copy.store.name, url=copy.url)
            except StoreError as error:
                self._give_up(copy, error, once_more=self.position > begin)

    async def _from_cache(self) -> LocalCopy | None:
        if self.cached is None:
            return None
        file = await self.cached()
        if file is None:
            self.cached = None
            return None
        return LocalCopy(file.fd, CACHE, file.close, cached=file)

    async def _read(self, local: LocalCopy) -> AsyncGenerator[Buffer, None]:
        """What is left from a file that grows, until it fails."""
        executor, loop = self.files.executor(local.threads), asyncio.get_running_loop()
        while self.left:
            count = min(BLOCK_SIZE, await local.ready(self.position, self.left))
            try:
                # A thread whose disk hangs outlives the reader, and with it the descriptor.
                file = os.dup(local.descriptor)
                block = await loop.run_in_executor(executor, _pread, file, count, self.position)
            except OSError as error:
                self.failed(local, str(error))
                return
            if not block:
                self.failed(local, "no more comes in")
                return
            self.sent(len(block))
            yield block

    async def _from(self, copy: Copy) -> AsyncGenerator[Buffer, None]:
        size = await copy.store.size(copy.url)
        if size != self.size:
            raise self._other_size(copy, size)
        async with opened(copy.store, copy.url, self.position, self.left) as blocks:
            async for block in blocks:
                if len(block) > self.left:
                    block = memoryview(block)[: self.left]
                self.sent(len(block))
                yield block
                del block
                if not self.left:
                    return

    def _give_up(self, copy: Copy, error: StoreError, *, once_more: bool = False) -> None:
        log.error("a copy cannot be read: %s", error)
        self._copies.popleft()
        if once_more:
            self._copies.append(copy)
        metrics.STORE_FAILOVERS.labels(copy.store.name).inc()

    def _other_size(self, copy: Copy, size: int) -> WrongSize:
        return WrongSize(
            f"{size} bytes, not the {self.size} of the image", store=copy.store.name, url=copy.url
        )


@contextlib.asynccontextmanager
async def opened(store: Store, url: str, offset: int, length: int) -> AsyncIterator[Blocks]:
    """Read from ``offset``. What cannot begin there is read from its beginning, and may yield
    more than ``length`` bytes."""
    if Capability.RANGED in store.capabilities:
        async with store.open(url, offset, length) as blocks:
            yield blocks
    else:
        async with store.open(url) as blocks:
            yield _without(blocks, offset)


def _pread(file: int, count: int, offset: int) -> bytes:
    """Closes the descriptor."""
    try:
        return os.pread(file, count, offset)
    finally:
        os.close(file)


async def _without(blocks: Blocks, count: int) -> AsyncIterator[Buffer]:
    """``blocks`` after their first ``count`` bytes."""
    async for block in blocks:
        if count < len(block):
            yield memoryview(block)[count:]
        count = max(0, count - len(block))
