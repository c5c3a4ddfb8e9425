"""Responses: with a JSON body, or with nothing to tell."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from aiohttp import web

from imagestore.api import keys
from imagestore.api.body import refuse_body
from imagestore.catalog.catalog import Catalog
from imagestore.identity.caller import Caller


def json_reply(
    data: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    return web.Response(
        body=orjson.dumps(data),
        status=status,
        headers=headers,
        content_type="application/json",
        charset="UTF-8",
    )


def no_content() -> web.Response:
    return web.Response(status=204)


def done_to_image(
    operation: Callable[[Catalog], Callable[[Caller, str], Awaitable[object]]], status: int = 204
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """A handler that does this to the image in the path, and tells only that it is done."""

    async def handle(request: web.Request) -> web.Response:
        refuse_body(request)
        await operation(request.app[keys.catalog])(*keys.of_image(request))
        return web.Response(status=status)

    return handle
