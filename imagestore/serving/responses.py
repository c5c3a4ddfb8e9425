"""The end of every request: its response is sent, then what is left of its body is read.

A client may be gone, slow, or still sending what was refused. All of that is decided here, so
that it is the same for every route.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sized
from typing import NoReturn, Protocol

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler, Middleware
from aiohttp.web_protocol import RequestHandler

log = logging.getLogger(__name__)

CLIENT_GONE = 499
"""The status in log and metrics of a request whose client did not wait for the whole response;
nginx has introduced it. Nobody is ever sent it."""
UNSENT_BYTES = 64 << 20
"""Bytes of response bodies of one process that may wait for their readers."""
_PIECE = 256 << 10
"""Bytes of a response that are handed to the transport at a time: it keeps a copy of them."""
_LEAST = 64 << 10
"""Bytes of a refused body that have to come in ``patience`` seconds."""


class Rest(Protocol):
    """What is left of a request's body; aiohttp's ``StreamReader`` is one."""

    def is_eof(self) -> bool: ...

    async def readany(self) -> Sized:
        """Wait for some bytes, which may be overwritten by the next ones."""


REST = web.RequestKey("rest", Rest)
"""Set on a request whose connection is read past the HTTP parser: it ends with the response."""
_AWAITS_CONTINUE = web.RequestKey("awaits_continue", bool)


class Unsent(web.Response):
    """Stands in log and metrics for a response of which the client did not get everything."""

    async def prepare(self, request: web.BaseRequest) -> NoReturn:
        raise ConnectionResetError("there is nobody to send it to")


def is_gone(request: web.BaseRequest) -> bool:
    """Whether there is nobody left to answer."""
    return request.transport is None or request.transport.is_closing()


def hold_back_continue(request: web.BaseRequest) -> None:
    """Note that the client waits to be told that it may send the body."""
    request[_AWAITS_CONTINUE] = True


def let_in(request: web.BaseRequest) -> None:
    """Tell a client that waits for it (``Expect: 100-continue``) to send the body."""
    if request.pop(_AWAITS_CONTINUE, False) and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def middleware(
    patience: float, longest_body: int = 1 << 30, unsent_bytes: int = UNSENT_BYTES
) -> Middleware:
    """Sends what the handler returns, and knows whether it was taken.

    ``patience``: seconds to wait for the next bytes of a refused body. The answer to it is
    sent at once, but most clients look for one only when they have sent everything; so the
    rest is read and dropped, up to ``longest_body`` bytes, before the connection ends.
    ``unsent_bytes`` may wait for readers; if more do, whoever has taken nothing for the
    longest time is hung up on. A single response may be larger.
    """
    sender = _Sender(unsent_bytes)

    @web.middleware
    async def respond(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await handler(request)
            if isinstance(response, Unsent):
                return response
            if _is_left_open(request):
                response.force_close()
            await sender.send(request, response)
        except Exception:
            if not is_gone(request):
                raise
        if is_gone(request):
            return Unsent(status=CLIENT_GONE)
        await _drop_rest(request, longest_body, patience if response.status != 408 else 0)
        return response

    return respond


def _is_left_open(request: web.Request) -> bool:
    """Whether so much of the body is still to come that the connection serves for nothing more."""
    if REST in request or _AWAITS_CONTINUE in request:
        return True
    return not request.content.is_eof() and not 0 < (request.content_length or 0) <= _LEAST


async def _drop_rest(request: web.Request, longest: int, patience: float) -> None:
    rest, last = request.get(REST, request.content), _is_left_open(request)
    dropped = 0
    try:
        while not rest.is_eof() and dropped < longest:
            wanted = dropped + _LEAST
            async with asyncio.timeout(patience):
                while dropped < wanted and not rest.is_eof():
                    dropped += len(await rest.readany())
    except (OSError, HttpProcessingError, web.RequestPayloadError):
        last = True
    if last:
        request.protocol.force_close()


class _Sender:
    """Sends responses, large ones in pieces, as the client takes them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._unsent: dict[RequestHandler, int] = {}
        """Bytes of bodies; whose client has taken nothing for the longest time is the first."""
        self._total = 0

    async def send(self, request: web.Request, response: web.StreamResponse) -> None:
        await response.prepare(request)
        body = response.body if isinstance(response, web.Response) else None
        if not isinstance(body, bytes) or len(body) <= _PIECE or request.method == "HEAD":
            await response.write_eof()
            return
        view = memoryview(body)
        try:
            for start in range(0, len(view), _PIECE):
                if is_gone(request):
                    return
                self._note(request.protocol, len(view) - start)
                await response.write(view[start : start + _PIECE])
        finally:
            self._note(request.protocol, 0)
        await web.StreamResponse.write_eof(response)

    def _note(self, connection: RequestHandler, left: int) -> None:
        """``left`` bytes wait for this client, which has just taken some."""
        self._total += left - self._unsent.pop(connection, 0)
        if left:
            self._unsent[connection] = left
        while self._total > self._most and len(self._unsent) > 1:
            slowest = next(iter(self._unsent))
            self._total -= self._unsent.pop(slowest)
            hang_up(slowest, "too much waits to be sent, and it has taken nothing for the longest")


def hang_up(connection: RequestHandler, why: str = "") -> None:
    """End a connection without waiting for what was not sent; the log has a line if told why."""
    if isinstance(connection.transport, asyncio.Transport):
        peer = connection.peername
        if why:
            log.info("%s is hung up on: %s", peer[0] if isinstance(peer, tuple) else "-", why)
        connection.transport.abort()
