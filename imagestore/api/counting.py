"""Every request is counted and timed, under its route."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web
from aiohttp.typedefs import Handler

from imagestore.api.body import Body
from imagestore.observing import metrics


@web.middleware
async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Counts what came of a request, when all of its response was sent or given up."""
    started = time.perf_counter()
    status = 500
    try:
        response = await handler(request)
        status = response.status
        return response
    finally:
        resource = request.match_info.route.resource
        # Of paths without a route there is no end.
        route = resource.canonical if resource is not None else "-"
        metrics.REQUESTS.labels(route, request.method, status).inc()
        metrics.REQUEST_SECONDS.labels(route, request.method).observe(time.perf_counter() - started)


@contextmanager
def transfer(direction: str) -> Iterator[None]:
    """Counts as a transfer that is under way; ``direction``: upload or download."""
    under_way = metrics.TRANSFERS.labels(direction)
    under_way.inc()
    try:
        yield
    finally:
        under_way.dec()


@contextmanager
def receiving(body: Body | None) -> Iterator[None]:
    """Counts an upload that is under way, and the bytes that came; None: there is no body."""
    if body is None:
        yield
        return
    try:
        with transfer("upload"):
            yield
    finally:
        metrics.BYTES_RECEIVED.inc(body.received)
