"""Read an object in pieces, several at a time, and hand them out in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, TypeVar

from imagestore.backends.base import Buffer

B = TypeVar("B", bound=Buffer)


async def read_ahead(
    fetch: Callable[[int, int], Coroutine[Any, Any, B]],
    offset: int,
    end: int,
    *,
    step: int,
    depth: int,
    first: int | None = None,
) -> AsyncGenerator[B, None]:
    """The bytes from ``offset`` to ``end``, by ``fetch(offset, length)`` of ``step`` bytes each.

    Up to ``depth`` fetches are under way, and as much is held in memory; ``step * depth`` is
    what a transfer takes. With ``first``, the first fetch has only so many bytes and each one
    after it twice as many as the one before, up to ``step``: large steps then do not delay the
    first byte. The first fetch that fails ends the iteration with its error. Closing cancels
    what is under way and waits for that.
    """
    wanted = first or step
    ahead: deque[asyncio.Task[B]] = deque()
    try:
        while ahead or offset < end:
            while offset < end and len(ahead) < depth:
                length = min(wanted, end - offset)
                wanted = min(step, 2 * wanted)
                ahead.append(asyncio.create_task(fetch(offset, length)))
                offset += length
            yield await ahead.popleft()
    finally:
        for task in ahead:
            task.cancel()
        await asyncio.gather(*ahead, return_exceptions=True)
