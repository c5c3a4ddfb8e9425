"""Requests that are not HTTP, or too large to be read: refused without a word in the log for each.

aiohttp answers 400 to all of them, and writes a traceback. What a client needs to know is
which limit it has met (RFC 9110, 15.5.15; RFC 6585, 5).
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any, cast

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.web_protocol import RequestHandler

log = logging.getLogger(__name__)


class TolerantRunner(web.AppRunner):
    """Serves an application, and tells whoever sends what cannot be read why."""

    def __init__(self, app: web.Application, *, max_line: int, **options: Any) -> None:
        """``max_line``: bytes of the longest line, of the URL or of a header."""
        super().__init__(app, max_line_size=max_line, max_field_size=max_line + 1, **options)

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        # The library has no place to give another class of connections.
        server.__class__ = _Server
        return server


class _Server(web.Server):
    def __call__(self) -> RequestHandler:
        connection = super().__call__()
        connection.__class__ = _Connection
        return connection


class _Connection(RequestHandler):
    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if not isinstance(exc, HttpProcessingError) or request.writer.output_size:
            return super().handle_error(request, status, exc, message)
        status, text = self._refusal(exc)
        log.info("%s sent what is refused with %d: %s", request.remote or "-", status, text)
        phrase = HTTPStatus(status).phrase
        response = web.Response(status=status, text=f"{status} {phrase}\n\n{text}\n")
        response.force_close()
        return cast(web.StreamResponse, response)

    def _refusal(self, error: HttpProcessingError) -> tuple[int, str]:
        """Status and message for what the parser could not read."""
        if isinstance(error, LineTooLong):
            # The limits differ by a byte, so that the one that was met tells of which line.
            if error.args[1:2] == (self.max_field_size,):
                return 431, "A header line is too long (option max_header_line)."
            return 414, "The URL is too long."
        if "Too many headers" in str(error.message):
            return 431, "There are too many headers."
        # Its first line; what follows repeats bytes of the request.
        return 400, f"{str(error.message).strip().splitlines()[0].rstrip(':')}."
