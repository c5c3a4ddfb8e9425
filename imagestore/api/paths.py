"""Paths and queries are UTF-8 behind their percent signs, or they are refused."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from aiohttp import web
from aiohttp.typedefs import Handler

from imagestore.errors import Invalid


@web.middleware
async def refuse_undecodable(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answers 400 where a name could only be guessed at."""
    # As received: the URL of the request has been normalised.
    raw = request.raw_path
    if "%" in raw:
        try:
            unquote_to_bytes(raw).decode()
        except UnicodeDecodeError:
            raise Invalid("The URL is not UTF-8 behind its percent signs.") from None
    return await handler(request)
