"""The body of a request: small ones as JSON, large ones as blocks."""

from __future__ import annotations

import asyncio
import socket
from abc import ABC, abstractmethod
from collections import deque
from typing import Any, Self

import orjson
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from imagestore.api import keys
from imagestore.backends.base import Buffer
from imagestore.backends.blocks import BlockPool
from imagestore.backends.in_flight import BLOCKS
from imagestore.model.errors import Invalid, TooSlow
from imagestore.serving.responses import REST, let_in

TAKE_OVER_FROM = 4 << 20
"""Bodies of this many bytes are read straight from the socket, past the HTTP parser."""
_LOW_WATER = 256 << 10
"""Bytes that the kernel gathers from a client that has filled a block: fewer, larger reads."""
MAX_DEPTH = 64
"""Objects and lists within each other that JSON may have; what is kept is also to be shown again,
and what writes it gives up at some depth."""
_scrap = memoryview(bytearray(256 << 10))
"""Where what nobody wants is received, on all connections."""


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
    body = parse_json(text)
    if not isinstance(body, dict | list):
        raise Invalid("The body must be a JSON object or list.")
    return body


def parse_json(text: bytes) -> Any:
    """What ``text`` says. Raises :class:`Invalid` for what is no JSON, or too deep."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"Malformed JSON in request body: {error}") from None
    # Most bodies have fewer brackets than that in all.
    if text.count(b"{") + text.count(b"[") > MAX_DEPTH and _is_deeper(value, MAX_DEPTH):
        raise Invalid(f"The JSON in the request body is nested more than {MAX_DEPTH} levels deep.")
    return value


def _is_deeper(value: Any, depth: int) -> bool:
    level = [value]
    for _ in range(depth):
        level = [
            item
            for each in level
            if isinstance(each, dict | list)
            for item in (each.values() if isinstance(each, dict) else each)
            if isinstance(item, dict | list)
        ]
        if not level:
            return False
    return True


async def read_bytes(request: web.Request) -> bytes:
    """The whole body; its size is limited by the application, and the time that it may take.

    Raises :class:`TooSlow` for one that does not come to its end: whoever sends a byte
    now and then would hold a connection for ever.
    """
    longest = request.client_max_size
    if (length := request.content_length or 0) > longest:
        raise web.HTTPRequestEntityTooLarge(longest, length)
    patience = request.app[keys.settings].server.progress_timeout
    let_in(request)
    try:
        async with asyncio.timeout(patience):
            return await request.read()
    except TimeoutError:
        raise TooSlow(f"The body was not there as a whole after {patience:g} seconds.") from None
    except HttpProcessingError as error:
        raise Invalid(f"Malformed body: {error.message}") from None


class Body(ABC):
    """The data of an upload: an iterator of blocks that comes to an end with the request.

    Iterating raises :class:`Interrupted` when the client goes away, and
    :class:`TooSlow` when it sends nothing for too long.
    """

    def __aiter__(self) -> Self:
        return self

    received = 0
    """Bytes so far."""

    @abstractmethod
    async def __anext__(self) -> Buffer: ...


def read_blocks(request: web.Request) -> Body:
    """The body as large blocks. Raises :class:`Invalid` for one that is a part of an image."""
    if "Content-Range" in request.headers:
        # RFC 9110, 14.5. What curl sends to resume would be stored as if it were the whole.
        raise Invalid("A part of an image cannot be sent (Content-Range): send all of it.")
    size, transport = request.content_length, request.transport
    pool = request.app[keys.pool]
    patience = request.app[keys.settings].server.progress_timeout
    if (
        size is not None
        and size >= TAKE_OVER_FROM
        and transport is not None
        and transport.get_extra_info("sslcontext") is None
    ):
        return SocketBody(request, transport, size, pool, patience)
    return StreamBody(request, pool, patience)


def _too_slow() -> TooSlow:
    return TooSlow("Nothing was received for too long; the upload was given up.")


class StreamBody(Body):
    """Blocks gathered from aiohttp's own stream, for chunked and for short bodies."""

    def __init__(self, request: web.Request, pool: BlockPool, patience: float) -> None:
        self._request = request
        self._content = request.content
        self._pool = pool
        self._patience = patience
        self._rest = memoryview(b"")
        """What was received and did not fit the block before."""
        self._begun = False

    async def __anext__(self) -> Buffer:
        if not self._begun:
            self._begun = True
            let_in(self._request)
        block, filled = self._pool.take(), 0
        while filled < len(block):
            if not self._rest:
                self._rest = memoryview(await self._receive())
                if not self._rest:
                    break
            taken = min(len(self._rest), len(block) - filled)
            block[filled : filled + taken] = self._rest[:taken]
            self._rest = self._rest[taken:]
            filled += taken
        if not filled:
            raise StopAsyncIteration
        self.received += filled
        return block[:filled].toreadonly()

    async def _receive(self) -> bytes:
        try:
            async with asyncio.timeout(self._patience):
                return await self._content.readany()
        except TimeoutError:
            raise _too_slow() from None
        except HttpProcessingError as error:
            raise Invalid(f"Malformed body: {error.message}") from None
        except ConnectionError as error:
            raise Interrupted("the client went away") from error


class SocketBody(Body, asyncio.BufferedProtocol):
    """Blocks received by the kernel straight into the buffers of a pool.

    The HTTP parser would copy every piece twice more, which comes to a tenth of
    the cost of the digests. It is left behind in the middle of the body, so the
    connection ends with this request.
    """

    def __init__(
        self,
        request: web.Request,
        transport: asyncio.Transport,
        size: int,
        pool: BlockPool,
        patience: float,
    ) -> None:
        self._request = request
        self._transport = transport
        self._server = request.protocol
        self._remaining = size
        self._pool = pool
        self._patience = patience
        self._block: memoryview | None = None
        self._filled = 0
        self._ready: deque[Buffer] = deque()
        self._news = asyncio.Event()
        self._low_water = 1
        self._begun = self._paused = self._gone = self._dropping = False

    async def __anext__(self) -> Buffer:
        if not self._begun:
            self._take_over()
        while not self._ready:
            if not self._remaining:
                raise StopAsyncIteration
            if self._gone:
                raise Interrupted("the client went away")
            await self._progress()
        block = self._ready.popleft()
        if self._paused:
            self._resume()
        return block

    def is_eof(self) -> bool:
        return not self._remaining

    async def readany(self) -> memoryview:
        """Receive some bytes that nobody wants; ``Rest`` of ``responses``."""
        if not self._dropping:
            self._dropping = True
            self._ready.clear()
            self._block = None
            self._wake_at(1)
            self._resume()
        before = self._remaining
        while self._remaining == before:
            if self._gone:
                raise Interrupted("the client went away")
            self._news.clear()
            await self._news.wait()
        return _scrap[: before - self._remaining]

    def _take_over(self) -> None:
        self._begun = True
        self._request[REST] = self
        let_in(self._request)
        # What the parser had already taken from the socket begins the first block, so that
        # all blocks but the last are whole: stores write those without copying them.
        head = memoryview(self._request.content.read_nowait())
        while head:
            free = self.get_buffer(-1)
            taken = min(len(free), len(head))
            free[:taken] = head[:taken]
            head = head[taken:]
            self.buffer_updated(taken)
        self._transport.set_protocol(self)
        self._resume()

    def _resume(self) -> None:
        self._paused = False
        if self._remaining and not self._gone:
            self._transport.resume_reading()

    async def _progress(self) -> None:
        before = self._remaining
        self._news.clear()
        try:
            async with asyncio.timeout(self._patience):
                await self._news.wait()
        except TimeoutError:
            if self._low_water > 1:
                # Less than that may be lying in the socket, of a client that became slow.
                self._wake_at(1)
            elif self._remaining == before:
                raise _too_slow() from None

    def _wake_at(self, count: int) -> None:
        """Have the kernel tell of received data when there are ``count`` bytes of it."""
        if count != self._low_water and not self._gone:
            self._low_water = count
            connection = self._transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)

    # Called by the transport.

    def get_buffer(self, sizehint: int) -> memoryview:
        if self._dropping:
            return _scrap[: self._remaining]
        if self._block is None:
            self._block, self._filled = self._pool.take(), 0
        # Never past the end of the body: what follows it is another request.
        return self._block[self._filled : self._filled + self._remaining]

    def buffer_updated(self, nbytes: int) -> None:
        self._remaining -= nbytes
        if self._dropping:
            self._news.set()
            return
        assert self._block is not None
        self._filled += nbytes
        self.received += nbytes
        if self._remaining < _LOW_WATER:
            self._wake_at(1)
        if self._filled < len(self._block) and self._remaining:
            return
        self._ready.append(self._block[: self._filled].toreadonly())
        self._block = None
        self._news.set()
        if self._remaining >= _LOW_WATER:
            self._wake_at(_LOW_WATER)
        if not self._remaining or len(self._ready) >= BLOCKS:
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
