"""Connections: aiohttp's, for clients that do not read, do not wait, or do not speak HTTP."""

from __future__ import annotations

import asyncio
import fcntl
import struct
import termios
from collections.abc import Callable
from typing import Any, cast

from aiohttp import web
from aiohttp.http import HttpVersion11, RawRequestMessage
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler
from multidict import CIMultiDict, CIMultiDictProxy

from imagestore.serving.malformed import refusal
from imagestore.serving.responses import hang_up, hold_back_continue


class Runner(web.AppRunner):
    """Serves an application to clients of every kind."""

    def __init__(
        self, app: web.Application, *, max_line: int, patience: float, **options: Any
    ) -> None:
        """``max_line``: bytes of the longest line, of the URL or of a header. ``patience``:
        seconds after which a client that takes nothing of its response is hung up on."""
        super().__init__(app, max_line_size=max_line, max_field_size=max_line + 1, **options)
        self._patience = patience

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        # The library has no place to give another class of connections.
        server.__class__ = _Server
        assert isinstance(server, _Server)
        server.patience, server.stalls = self._patience, {}
        server.request_factory = _without_continue(server.request_factory)
        return server


def _without_continue(make: Callable[..., web.BaseRequest]) -> Callable[..., web.BaseRequest]:
    """Requests are made by ``make``, but nobody is told to go on before the body is wanted.

    aiohttp would tell every client that sends ``Expect: 100-continue`` as soon as it has found
    a route, or none, and whoever is refused would send the body in vain.
    """

    def make_request(message: RawRequestMessage, *others: Any) -> web.BaseRequest:
        if "Expect" not in message.headers:
            return make(message, *others)
        headers = CIMultiDict(message.headers)
        expected = headers.popall("Expect")
        request = make(message._replace(headers=CIMultiDictProxy(headers)), *others)
        if expected[0].lower() == "100-continue" and message.version >= HttpVersion11:
            hold_back_continue(request)
        return request

    return make_request


class _Server(web.Server):
    patience: float
    stalls: dict[RequestHandler, asyncio.TimerHandle]
    """The connections of which something waits to be sent."""

    def __call__(self) -> RequestHandler:
        connection = super().__call__()
        connection.__class__ = _Connection
        return connection

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        self.moves(handler)
        super().connection_lost(handler, exc)

    def stalls_from_now(self, connection: RequestHandler, seen: tuple[int, int] = (-1, -1)) -> None:
        """Something waits to be sent; ``seen``: how much, when that was looked at before."""
        transport = connection.transport
        if transport is None:
            return
        # A slow reader empties the kernel's buffer long before it is writable again.
        waiting = (
            transport.get_write_buffer_size(),
            queued(transport.get_extra_info("socket").fileno()),
        )
        if waiting == seen:
            hang_up(connection, f"it has taken nothing for {self.patience:g} seconds")
            return
        self.stalls[connection] = asyncio.get_running_loop().call_later(
            self.patience, self.stalls_from_now, connection, waiting
        )

    def moves(self, connection: RequestHandler) -> None:
        """Nothing waits any more."""
        if timer := self.stalls.pop(connection, None):
            timer.cancel()


class _Connection(RequestHandler):
    __slots__ = ()

    _manager: _Server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert isinstance(transport, asyncio.Transport)
        # Whoever waits for the transport waits until nothing is left in it.
        transport.set_write_buffer_limits(high=0)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._manager.stalls_from_now(self)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._manager.moves(self)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if not isinstance(exc, HttpProcessingError) or request.writer.output_size:
            return super().handle_error(request, status, exc, message)
        return cast(web.StreamResponse, refusal(request, exc, self.max_field_size))


def queued(descriptor: int) -> int:
    """Bytes that the kernel holds for the peer of a socket."""
    (count,) = struct.unpack("i", fcntl.ioctl(descriptor, termios.TIOCOUTQ, b"\0\0\0\0"))
    return int(count)
