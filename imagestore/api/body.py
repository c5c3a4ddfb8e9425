"""The body of a request: small ones as JSON, large ones as blocks."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import orjson
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from imagestore.backends.base import Blocks
from imagestore.backends.blocks import BlockPool
from imagestore.errors import Invalid

TAKE_OVER_FROM = 4 << 20
"""Bodies of this many bytes are read straight from the socket, past the HTTP parser."""
_READY_BLOCKS = 4
"""Full blocks that may wait to be fetched before the socket is left to fill up."""


class Interrupted(ConnectionError):
    """The client went away before the body was complete."""


def refuse_body(request: web.Request) -> None:
    """Raise :class:`Invalid` if the request brings a body where none is expected."""
    if request.content_length or request.headers.get("Transfer-Encoding"):
        raise Invalid("A body is not expected with this request.")


async def read_json(request: web.Request) -> Any:
    """The body as JSON, whatever its content type; it must be there and be an object or list."""
    text = await read_bytes(request)
    if not text:
        raise Invalid("Body expected in request.")
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"Malformed JSON in request body: {error}") from None
    if not isinstance(body, dict | list):
        raise Invalid("The body must be a JSON object or list.")
    return body


async def read_bytes(request: web.Request) -> bytes:
    """The whole body; its size is limited by the application."""
    try:
        return await request.read()
    except HttpProcessingError as error:
        raise Invalid(f"Malformed body: {error.message}") from None


def read_blocks(request: web.Request, pool: BlockPool, *, patience: float) -> Blocks:
    """The body as large blocks from ``pool``.

    Raises :class:`Interrupted` when the client goes away, ``TimeoutError`` when it
    sends nothing for ``patience`` seconds.
    """
    size = request.content_length
    transport = request.transport
    if (
        size is not None
        and size >= TAKE_OVER_FROM
        and transport is not None
        and transport.get_extra_info("sslcontext") is None
    ):
        return _take_over(request, transport, size, pool, patience)
    return _gather(request, pool, patience)


def _let_in(request: web.Request) -> None:
    """Tell a client that waits for it (``Expect: 100-continue``) to send the body."""
    if request.headers.get("Expect", "").lower() == "100-continue" and request.transport:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


async def _gather(request: web.Request, pool: BlockPool, patience: float) -> AsyncIterator[Any]:
    """Blocks from aiohttp's own stream, for chunked and for short bodies."""
    _let_in(request)
    content = request.content
    block, filled = pool.take(), 0
    try:
        while True:
            async with asyncio.timeout(patience):
                piece = await content.readany()
            if not piece:
                break
            view = memoryview(piece)
            while view:
                taken = min(len(view), len(block) - filled)
                block[filled : filled + taken] = view[:taken]
                filled += taken
                view = view[taken:]
                if filled == len(block):
                    yield block.toreadonly()
                    block, filled = pool.take(), 0
    except HttpProcessingError as error:
        raise Invalid(f"Malformed body: {error.message}") from None
    except ConnectionError as error:
        raise Interrupted("the client went away") from error
    if filled:
        yield block[:filled].toreadonly()


async def _take_over(
    request: web.Request,
    transport: asyncio.Transport,
    size: int,
    pool: BlockPool,
    patience: float,
) -> AsyncIterator[Any]:
    """Blocks received by the kernel straight into ``pool``'s buffers.

    The HTTP parser would copy every piece twice more, at a fifth of the cost of
    both digests. It is left behind in the middle of the body, so the connection
    ends with this request.
    """
    _let_in(request)
    server = request.protocol
    # What the parser had already taken from the socket.
    head = request.content.read_nowait()
    receiver = _Receiver(transport, server, size - len(head), pool, patience)
    transport.set_protocol(receiver)
    transport.resume_reading()
    try:
        if head:
            yield head
        while (block := await receiver.block()) is not None:
            yield block
        # Nothing is left that the server would have to read before it answers.
        request.content.feed_eof()
    finally:
        transport.pause_reading()
        transport.set_protocol(server)


class _Receiver(asyncio.BufferedProtocol):
    """Fills blocks from a socket, a bounded number ahead of their reader."""

    def __init__(
        self,
        transport: asyncio.Transport,
        server: asyncio.BaseProtocol,
        remaining: int,
        pool: BlockPool,
        patience: float,
    ) -> None:
        self._transport = transport
        self._server = server
        self._remaining = remaining
        self._pool = pool
        self._patience = patience
        self._block: memoryview | None = None
        self._filled = 0
        self._ready: deque[memoryview] = deque()
        self._news = asyncio.Event()
        self._paused = False
        self._gone = False

    async def block(self) -> memoryview | None:
        """The next block, or None after the last."""
        while not self._ready:
            if not self._remaining:
                return None
            if self._gone:
                raise Interrupted("the client went away")
            await self._progress()
        block = self._ready.popleft()
        if self._paused and not self._gone:
            self._paused = False
            self._transport.resume_reading()
        return block

    async def _progress(self) -> None:
        before = self._remaining
        self._news.clear()
        try:
            async with asyncio.timeout(self._patience):
                await self._news.wait()
        except TimeoutError:
            if self._remaining == before:
                raise

    # Called by the transport.

    def get_buffer(self, sizehint: int) -> memoryview:
        if self._block is None:
            self._block, self._filled = self._pool.take(), 0
        # Never past the end of the body: what follows it is another request.
        return self._block[self._filled : self._filled + self._remaining]

    def buffer_updated(self, nbytes: int) -> None:
        assert self._block is not None
        self._filled += nbytes
        self._remaining -= nbytes
        if self._filled < len(self._block) and self._remaining:
            return
        self._ready.append(self._block[: self._filled].toreadonly())
        self._block = None
        self._news.set()
        if not self._remaining or len(self._ready) >= _READY_BLOCKS:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone = True
        self._news.set()
        self._server.connection_lost(exc)

    def pause_writing(self) -> None:
        self._server.pause_writing()

    def resume_writing(self) -> None:
        self._server.resume_writing()
