"""Store what a source gives: counted, and in parts of which several are under way at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from itertools import repeat
from typing import Any, TypeVar

from imagestore.backends.base import Blocks, Buffer
from imagestore.backends.errors import WrongSize

P = TypeVar("P")
T = TypeVar("T")

Part = list[Buffer]
"""Buffers that belong together, in order. Nothing is copied to make one."""
_SETTLING = 10.0
"""Seconds that a request which the server may be acting upon has to end when it is cancelled."""


class Passing:
    """Blocks on their way, for a subclass to look at. Nobody can close their source by it."""

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks

    def __aiter__(self) -> Blocks:
        return self

    async def __anext__(self) -> Buffer:
        return await anext(self._blocks)


class Counted(Passing):
    """``blocks`` as they come, held against the ``size`` that was announced, if one was.

    ``WrongSize`` as soon as they are too many, or in the place of their end if they are too few.
    """

    def __init__(self, blocks: Blocks, size: int | None, *, store: str, url: str = "") -> None:
        super().__init__(blocks)
        self._size = size
        self._store, self._url = store, url
        self.bytes = 0
        """So many have come."""

    async def __anext__(self) -> Buffer:
        block = await anext(self._blocks, None)
        self.bytes += 0 if block is None else len(block)
        if self._size is not None and self.bytes > self._size:
            raise self._wrong(f"more than {self._size} bytes came")
        if block is None:
            if self._size is not None and self.bytes != self._size:
                raise self._wrong(f"{self.bytes} bytes came instead of {self._size}")
            raise StopAsyncIteration
        return block

    def _wrong(self, message: str) -> WrongSize:
        return WrongSize(message, store=self._store, url=self._url)


async def in_parts(blocks: Blocks, size: int | Iterator[int]) -> AsyncGenerator[Part, None]:
    """``blocks`` regrouped so that every part but the last has exactly ``size`` bytes.

    ``size`` may also give the size of each part in turn, without end. The last part has
    at least one byte; of an empty source there is none.
    """
    sizes = repeat(size) if isinstance(size, int) else size
    part: Part = []
    room = next(sizes)
    async for block in blocks:
        view = memoryview(block)
        while len(view) >= room:
            part.append(view[:room])
            view = view[room:]
            yield part
            part, room = [], next(sizes)
        if view:
            part.append(view)
            room -= len(view)
    if part:
        yield part


async def chained(first: list[T], rest: AsyncIterator[T]) -> AsyncGenerator[T, None]:
    """What has come already, which is let go of on the way, and then the rest."""
    while first:
        yield first.pop(0)
    async for each in rest:
        yield each
        del each  # it may be used again from now on


async def send_parts(
    parts: AsyncGenerator[P, None],
    send: Callable[[int, P], Coroutine[Any, Any, T]],
    *,
    parallel: int | Callable[[P], int],
) -> list[T]:
    """Call ``send(number, part)`` for each part, numbered from 1; the results in order.

    At most ``parallel`` calls are under way, and no more parts are held than that and
    the one that is being gathered; of parts that grow, ``parallel`` may be asked for the
    number with each. The first error of a call or of ``parts`` is raised
    as it is, and so is a cancellation, after all calls that were under way have ended. A call
    that fails while the next part is still to come ends the wait for it: what a slow client
    would go on to send is lost anyway.
    """
    results: list[asyncio.Task[T]] = []
    running: set[asyncio.Task[T]] = set()
    number = 0
    try:
        while (part := await _next_part(parts, running)) is not None:
            number += 1
            limit = parallel if isinstance(parallel, int) else parallel(part)
            while len(running) >= limit:
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            task = asyncio.create_task(send(number, part))
            del part  # it is the call's from now on
            results.append(task)
            running.add(task)
        return [await task for task in results]
    except BaseException:
        for task in running:
            task.cancel()
        await asyncio.gather(*results, return_exceptions=True)
        raise
    finally:
        await parts.aclose()


async def _next_part(parts: AsyncGenerator[P, None], running: set[asyncio.Task[T]]) -> P | None:
    """The next part; raises what one of the calls raises meanwhile."""
    coming = asyncio.create_task(next_of(parts))
    waiting: set[asyncio.Task[T]] = set(running)
    try:
        while not coming.done():
            done, _ = await asyncio.wait({coming, *waiting}, return_when=asyncio.FIRST_COMPLETED)
            waiting -= done
            for task in done - {coming}:
                task.result()
        return coming.result()
    finally:
        if not coming.done():
            coming.cancel()
            await asyncio.wait({coming})


async def next_of(parts: AsyncIterator[P]) -> P | None:
    """The next one, as a coroutine that a task can be made of; None at the end."""
    return await anext(parts, None)


async def settled(
    request: Coroutine[Any, Any, T],
    *,
    acting: Callable[[], bool] = lambda: True,
    undo: Callable[[T], Coroutine[Any, Any, None]] | None = None,
) -> T:
    """The result of a request; when cancelled, not before its outcome is known.

    A request that the server may already be ``acting`` upon is waited for, since it would
    take effect after it was given up; one that is not is cut. ``undo`` gets the result that
    nobody waits for any more.
    """
    task = asyncio.create_task(request)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not acting():
            task.cancel()
        await asyncio.wait([task], timeout=_SETTLING)
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        elif not task.cancelled() and task.exception() is None and undo is not None:
            await undo(task.result())
        raise
