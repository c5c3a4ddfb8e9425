"""``GET /v2/events``: what happens to images and jobs, as server-sent events.

An extension of ours. The format is that of the HTML standard (text/event-stream): a browser's
``EventSource`` reconnects by itself and names the last event that it got.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import orjson
from aiohttp import web

from imagestore.api import keys
from imagestore.api.body import refuse_body
from imagestore.catalog.events import Notice
from imagestore.model.errors import Invalid
from imagestore.serving.ending import ENDING

LONGEST = 3600.0
"""Seconds after which a stream ends, so that its reader has to show who he is again."""
_SILENCE = 15.0
"""Seconds without an event after which a comment is sent, so that nobody takes it for dead."""
_RETRY = 2000
"""Milliseconds that a reader is asked to wait before it connects again."""
_MOST_DIGITS = 18


async def watch(request: web.Request) -> web.StreamResponse:
    """Events until the reader goes away, an hour is over or the process ends."""
    refuse_body(request)
    found = request.app[keys.catalog].events.watch(
        request[keys.caller],
        after=_last_event_id(request),
        image_id=request.query.get("image"),
    )
    async with contextlib.aclosing(found) as notices:  # type: ignore[type-var]
        # Whoever may not watch is told so before anything else is said.
        first = await anext(notices)
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-store",
                # nginx would keep events back.
                "X-Accel-Buffering": "no",
            }
        )
        await response.prepare(request)
        await _send(request, response, first, notices)
    return response


async def _send(
    request: web.Request,
    response: web.StreamResponse,
    first: Sequence[Notice],
    notices: AsyncIterator[Sequence[Notice]],
) -> None:
    loop = asyncio.get_running_loop()
    ending = request.app.get(ENDING)
    end = loop.time() + LONGEST
    await response.write(f"retry: {_RETRY}\n\n".encode())
    spoken = loop.time()
    found = first
    while True:
        if found or loop.time() - spoken > _SILENCE:
            await response.write(b"".join(map(_format, found)) or b":\n\n")
            spoken = loop.time()
        if loop.time() > end or request.transport is None or (ending and ending.is_set()):
            return
        found = await anext(notices)


def _format(notice: Notice) -> bytes:
    number = b"" if notice.resume is None else b"id: %d\n" % notice.resume
    data = orjson.dumps(notice.document)
    return b"%sevent: %s\ndata: %s\n\n" % (number, notice.kind.encode(), data)


def _last_event_id(request: web.Request) -> int | None:
    """The event to go on after; a browser cannot set the header at first, so there is a
    parameter too."""
    text = request.headers.get("Last-Event-ID") or request.query.get("last_event_id")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        raise Invalid("Last-Event-ID must be the id of an event.")
    return int(text)
