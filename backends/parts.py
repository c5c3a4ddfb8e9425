"""Store an object in parts of a fixed size, several of them under way at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from itertools import repeat
from typing import Any, TypeVar

from imagestore.backends.base import Blocks, Buffer

P = TypeVar("P")
T = TypeVar("T")

Part = list[Buffer]
"""Buffers that belong together, in order. Nothing is copied to make one."""


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
    coming: asyncio.Task[P | None] = asyncio.create_task(_take(parts))
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


async def _take(parts: AsyncGenerator[P, None]) -> P | None:
    return await anext(parts, None)
