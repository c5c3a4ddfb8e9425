"""The body of one answer, as blocks: exactly what was announced, or an error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from aiohttp import ClientResponse

from imagestore.backends.base import BLOCK_SIZE
from imagestore.backends.errors import Unavailable
from imagestore.backends.http.faults import Broken

LEAST = 64 << 10
"""Bytes that count as progress: a server that sends less within the time-out is given up.
Otherwise a byte a minute could hold a transfer, and what it takes, for ever."""


async def read_body(
    response: ClientResponse, count: int | None, *, progress_timeout: float
) -> AsyncGenerator[bytes, None]:
    """Blocks of at most 1 MiB. ``count`` is the number of bytes that have to come, if known.

    What comes before an error is right. Meanwhile the client reads on, up to some MiB.
    """
    came = 0
    while True:
        try:
            async with asyncio.timeout(progress_timeout):
                block = await _block(response)
        except TimeoutError as error:
            raise Broken(f"the server sent next to nothing for {progress_timeout:g} s") from error
        if not block:
            break
        came += len(block)
        if count is not None and came > count:
            raise Unavailable("the server sends more than it announced")
        yield block
    if count is not None and came < count:
        raise Broken("the server sent less than it announced")


async def _block(response: ClientResponse) -> bytes:
    """At least :data:`LEAST` bytes, or what is left; nothing at the end."""
    block = await response.content.read(BLOCK_SIZE)
    if not block or len(block) >= LEAST:
        return block
    pieces, size = [block], len(block)
    while size < LEAST and (block := await response.content.read(BLOCK_SIZE - size)):
        pieces.append(block)
        size += len(block)
    return b"".join(pieces)
