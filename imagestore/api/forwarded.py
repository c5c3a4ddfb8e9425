"""Who asks, where a proxy stands before the service: the log names the client, not the proxy."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from imagestore.observing.access_log import client_address

_LONGEST = 64
"""Characters of an address in a log; one with a zone and a port has less."""


@web.middleware
async def note_client(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Believe ``Forwarded`` or else ``X-Forwarded-For``; of several proxies the first saw him."""
    if request.forwarded:
        client = request.forwarded[0].get("for", "")
    else:
        client = request.headers.get("X-Forwarded-For", "").partition(",")[0].strip()
    if client and client.isprintable() and " " not in client:
        request[client_address] = client[:_LONGEST]
    return await handler(request)
