"""Nobody comes in unknown: each request gets its caller before a handler sees it."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from imagestore.api import keys
from imagestore.api.health import is_health
from imagestore.identity.sources import IdentitySource
from imagestore.observing.access_log import context


def middleware(identity: IdentitySource) -> Middleware:
    @web.middleware
    async def identify(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not is_health(request.path):
            caller = await identity.identify(
                request.headers, request.method, request.rel_url.raw_path
            )
            request[keys.caller] = caller
            who = request[context]
            who.user_id, who.project_id = caller.user_id or "", caller.project_id or ""
        return await handler(request)

    return identify
