"""The bytes of an image from whichever copy has them: when one fails, the next goes on there."""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO, Self

from imagestore import metrics
from imagestore.backends.base import Blocks, Buffer, Capability, Store
from imagestore.backends.errors import NotFound, StoreError, WrongSize
from imagestore.backends.errors import Unavailable as StoreUnavailable
from imagestore.errors import Unavailable
from imagestore.transfer.local_files import LocalFiles

log = logging.getLogger(__name__)

Judge = Callable[[str, StoreUnavailable | None], object]
"""Is told what came of reading a file of the store of that name past its wrappers."""


@dataclass(frozen=True, slots=True)
class Copy:
    """Where the bytes lie once."""

    store: Store
    url: str


@dataclass(frozen=True, slots=True)
class LocalCopy:
    """A copy that is a file, open. Leaving the context closes it."""

    copy: Copy
    file: BinaryIO

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.file.close()


class Reading:
    """One pass over ``length`` bytes from ``position`` of the object of ``size`` bytes.

    The best copy that is left is used until it fails: an error, another size than the
    image's, an early end. A copy that has given bytes before it failed is tried once more when
    it is its turn again. When no copy is left, :class:`imagestore.errors.Unavailable`.
    """

    def __init__(
        self,
        copies: Iterable[Copy],
        size: int,
        position: int,
        length: int,
        *,
        files: LocalFiles,
        judge: Judge,
    ) -> None:
        self._copies = deque(copies)
        self._size = size
        self._files = files
        self._judge = judge
        self.position = position
        """Up to here the bytes are handed out."""
        self.left = length

    async def file(self) -> LocalCopy | None:
        """The best copy, if it is a whole local file, so that the kernel may send it.

        None if the best copy is none, or none is left: then ``blocks`` goes on. While
        the file is open the data stays readable, whatever happens to the image.
        """
        while self._copies:
            copy = self._copies[0]
            try:
                path = copy.store.local_path(copy.url) if _is_local(copy.store) else None
                if path is None:
                    return None
                file, size = await self._files.open(copy.store.name, path)
            except StoreError as error:
                self._give_up(copy, error)
            except FileNotFoundError:
                self._give_up(copy, NotFound("missing", store=copy.store.name, url=copy.url))
            except OSError as error:
                self.failed(copy, str(error) or "the file system does not answer")
            else:
                if size == self._size:
                    self._judge(copy.store.name, None)
                    return LocalCopy(copy, file)
                file.close()
                self._give_up(copy, self._other_size(copy, size))
        return None

    def sent(self, count: int) -> None:
        """So many bytes of a local file went out."""
        self.position += count
        self.left -= count

    def failed(self, copy: Copy, reason: str) -> None:
        """The disk below a local file failed: its store is told, and the next copy goes on."""
        error = StoreUnavailable(reason, store=copy.store.name, url=copy.url)
        self._judge(copy.store.name, error)
        self._give_up(copy, error)

    async def blocks(self) -> AsyncGenerator[Buffer, None]:
        """What is left, in order, each byte once."""
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

    async def _from(self, copy: Copy) -> AsyncGenerator[Buffer, None]:
        size = await copy.store.size(copy.url)
        if size != self._size:
            raise self._other_size(copy, size)
        async with self._opened(copy) as blocks:
            async for block in blocks:
                if len(block) > self.left:
                    block = memoryview(block)[: self.left]
                self.sent(len(block))
                yield block
                del block
                if not self.left:
                    return

    @contextlib.asynccontextmanager
    async def _opened(self, copy: Copy) -> AsyncIterator[Blocks]:
        if Capability.RANGED in copy.store.capabilities:
            async with copy.store.open(copy.url, self.position, self.left) as blocks:
                yield blocks
        else:
            async with copy.store.open(copy.url) as blocks:
                yield _without(blocks, self.position)

    def _give_up(self, copy: Copy, error: StoreError, *, once_more: bool = False) -> None:
        log.error("a copy cannot be read: %s", error)
        self._copies.popleft()
        if once_more:
            self._copies.append(copy)
        metrics.STORE_FAILOVERS.labels(copy.store.name).inc()

    def _other_size(self, copy: Copy, size: int) -> WrongSize:
        return WrongSize(
            f"{size} bytes, not the {self._size} of the image", store=copy.store.name, url=copy.url
        )


def _is_local(store: Store) -> bool:
    return Capability.LOCAL_PATH in store.capabilities


async def _without(blocks: Blocks, count: int) -> AsyncIterator[Buffer]:
    """``blocks`` after their first ``count`` bytes."""
    async for block in blocks:
        if count < len(block):
            yield memoryview(block)[count:]
        count = max(0, count - len(block))
