"""JSON is compressed for clients that take gzip; the data of images never is."""

from __future__ import annotations

import asyncio
import zlib

from aiohttp import web
from aiohttp.typedefs import Handler

from imagestore.api.errors import accepted_encodings

SMALLEST = 1400
"""Bytes that fit a packet: to compress less saves nobody anything."""
_BRIEF = 256 << 10
"""Bytes that are compressed within a few milliseconds; more of them are on a thread."""
_LEVEL = 1
_GZIP = 31
"""``wbits`` for a gzip header around the largest window."""


@web.middleware
async def compress(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Compress a JSON body that is there as a whole, if the client says that it takes gzip."""
    response = await handler(request)
    if not isinstance(response, web.Response) or response.content_type != "application/json":
        return response
    body = response.body
    if not isinstance(body, bytes) or len(body) < SMALLEST or response.prepared:
        return response
    response.headers["Vary"] = "Accept-Encoding"
    if not takes_gzip(request.headers.getall("Accept-Encoding", [])):
        return response
    if len(body) > _BRIEF:
        packed = await asyncio.to_thread(_packed, body)
    else:
        packed = _packed(body)
    response.body = packed
    response.headers["Content-Encoding"] = "gzip"
    return response


def takes_gzip(headers: list[str]) -> bool:
    """Whether a request with these ``Accept-Encoding`` headers may be answered in gzip."""
    weights = accepted_encodings(",".join(headers))
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0


def _packed(body: bytes) -> bytes:
    packer = zlib.compressobj(_LEVEL, wbits=_GZIP)
    return packer.compress(body) + packer.flush()
