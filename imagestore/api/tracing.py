"""Every request is a span, below that of whoever has asked."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from imagestore.api.health import is_health
from imagestore.observing.access_log import context
from imagestore.observing.tracing import Tracer, active


def middlewares() -> tuple[Middleware, ...]:
    """The one that makes spans, or none where nothing is traced."""
    return () if (tracer := active()) is None else (_middleware(tracer),)


def _middleware(tracer: Tracer) -> Middleware:
    @web.middleware
    async def trace(request: web.Request, handler: Handler) -> web.StreamResponse:
        if is_health(request.path):
            return await handler(request)
        resource = request.match_info.route.resource
        route = resource.canonical if resource is not None else "-"
        with tracer.root(f"{request.method} {route}", request.headers) as span:
            span.set_attributes(
                {
                    "http.request.method": request.method,
                    "http.route": route,
                    "url.path": request.path,
                    "client.address": request.remote or "",
                }
            )
            response = await handler(request)
            tracer.answered(span, response.status)
            if (who := request.get(context)) is not None:
                known = who.known().items()
                span.set_attributes({f"imagestore.{name}": value for name, value in known})
            return response

    return trace
