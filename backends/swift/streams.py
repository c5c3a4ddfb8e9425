"""A stream of blocks cut into pieces that are sent while they come in, in bounded memory."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from concurrent.futures import Executor

from imagestore.backends.base import Blocks, Buffer
from imagestore.backends.lane import Lane
from imagestore.backends.parts import Counted, next_of

PAUSE = 20.0
"""Seconds without a block after which a piece ends early.

Swift drops a request that brings nothing for a minute (``client_timeout``), so a source may
stall only between two requests.
"""


class Budget:
    """Bytes that one transfer may hold. One task takes, any number give back."""

    def __init__(self, size: int) -> None:
        self._size = self._left = size
        self._given = asyncio.Event()

    async def take(self, count: int) -> None:
        """Wait until there is room; more than all there is, when nothing is held."""
        while self._left < min(count, self._size):
            self._given.clear()
            await self._given.wait()
        self._left -= count

    def give(self, count: int) -> None:
        self._left += count
        self._given.set()


class Stream:
    """Blocks on their way from the source into one request."""

    def __init__(self, budget: Budget, executor: Executor) -> None:
        self.begun = False
        self.size = 0
        self._budget = budget
        self._waiting: deque[memoryview] = deque()
        self._changed = asyncio.Event()
        self._ended = False
        self._error: BaseException | None = None
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._digests = Lane(executor, self._digest)

    async def put(self, block: memoryview) -> None:
        """Append a block when there is room for it. Raises what :meth:`fail` was called with."""
        await self._budget.take(len(block))
        if self._error is not None:
            self._budget.give(len(block))
            raise self._error
        self.size += len(block)
        self._waiting.append(block)
        self._changed.set()

    def end(self) -> None:
        """There are no more blocks."""
        self._ended = True
        self._changed.set()

    def fail(self, error: BaseException) -> None:
        """Nobody takes the blocks any more."""
        self._error = error
        while self._waiting:
            self._budget.give(len(self._waiting.popleft()))

    async def send(self, deadline: asyncio.Timeout, seconds: float) -> AsyncIterator[memoryview]:
        """The blocks as they come. Waiting for the source does not count against ``deadline``."""
        self.begun = True
        loop = asyncio.get_running_loop()
        while True:
            while self._waiting:
                block = self._waiting.popleft()
                try:
                    _move(deadline, loop.time() + seconds)
                    await self._digests.put(block)
                    yield block
                finally:
                    self._budget.give(len(block))
            if self._ended:
                _move(deadline, loop.time() + seconds)
                return
            _move(deadline, None)
            self._changed.clear()
            await self._changed.wait()

    async def md5(self) -> str:
        """The digest in hexadecimal of all that was sent."""
        return await self._digests.finish(self._md5.hexdigest)

    def _digest(self, blocks: list[Buffer]) -> None:
        for block in blocks:
            self._md5.update(block)


async def exactly(blocks: Blocks, size: int | None, store: str) -> AsyncGenerator[memoryview, None]:
    """``blocks``, the last of them only once it is known to be the last.

    So nothing is complete before :class:`WrongSize` can be raised, if ``size`` is given.
    """
    held: memoryview | None = None
    async for block in Counted(blocks, size, store=store):
        if held is not None:
            yield held
        held = memoryview(block).cast("B") if block else None
    if held is not None:
        yield held


async def in_streams(
    blocks: AsyncIterator[memoryview],
    size: int | None,
    budget: Budget,
    executor: Executor,
    *,
    pause: float,
) -> AsyncGenerator[Stream, None]:
    """``blocks`` in streams of at most ``size`` bytes each, the next when one is full.

    A stream is handed out with its first block, and filled when the next one is asked for.
    With a ``size`` it ends early when the source pauses for that many seconds; without there is
    one stream.
    """
    stream: Stream | None = None
    coming: asyncio.Task[memoryview | None] | None = None
    try:
        while True:
            coming = asyncio.create_task(next_of(blocks))
            await asyncio.wait({coming}, timeout=pause if size is not None else None)
            if not coming.done() and stream is not None:
                stream.end()
                stream = None
            block = await coming
            if block is None:
                break
            while block:
                if stream is None:
                    stream = Stream(budget, executor)
                    yield stream
                room = len(block) if size is None else size - stream.size
                await stream.put(block[:room])
                block = block[room:]
                if size is not None and stream.size == size:
                    stream.end()
                    stream = None
        if stream is not None:
            stream.end()
    finally:
        if coming is not None and not coming.done():
            coming.cancel()
            await asyncio.wait({coming})


def _move(deadline: asyncio.Timeout, when: float | None) -> None:
    with contextlib.suppress(RuntimeError):  # the request was answered, or given up
        deadline.reschedule(when)
