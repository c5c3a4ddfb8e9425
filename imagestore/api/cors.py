"""Pages of other origins: what a browser is told that they may do (``[cors]``).

The rules are those of oslo.middleware's CORS filter, which stands before Glance and is WSGI:
every OPTIONS request is answered 200 without asking anything below, and what is not allowed
is answered as if nobody had asked, without the headers that a browser looks for.
"""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from imagestore.api.health import is_health
from imagestore.config.settings import Cors

_ALWAYS_ALLOWED = (
    "Accept", "Accept-Language", "Content-Type", "Cache-Control", "Content-Language", "Expires",
    "Last-Modified", "Pragma",
)  # fmt: skip
"""Headers that every page may send."""


def install(app: web.Application, settings: Cors) -> None:
    """Have every answer of the application carry what browsers need.

    On the signal and not in a middleware: downloads begin their answer by themselves.
    """
    rules = _Rules(settings)

    async def on_prepare(request: web.Request, response: web.StreamResponse) -> None:
        if request.method != "OPTIONS" and not is_health(request.path):
            rules.mark(request, response)

    app.on_response_prepare.append(on_prepare)


def middleware(settings: Cors) -> Middleware:
    """Answers OPTIONS requests."""
    rules = _Rules(settings)

    @web.middleware
    async def preflight(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method != "OPTIONS" or is_health(request.path):
            return await handler(request)
        return web.Response(headers=rules.preflight(request))

    return preflight


class _Rules:
    def __init__(self, settings: Cors) -> None:
        self._settings = settings
        self._origins = frozenset(settings.allowed_origin)
        self._headers = frozenset(
            name.lower() for name in (*settings.allow_headers, *_ALWAYS_ALLOWED)
        )

    def mark(self, request: web.Request, response: web.StreamResponse) -> None:
        """Add what allows a page to read this answer."""
        origin = self._origin(request)
        if origin is None:
            return
        headers = response.headers
        vary = headers.get("Vary")
        headers["Vary"] = f"{vary},Origin" if vary else "Origin"
        headers["Access-Control-Allow-Origin"] = origin
        if self._settings.allow_credentials:
            headers["Access-Control-Allow-Credentials"] = "true"
        if self._settings.expose_headers:
            exposed = ",".join(self._settings.expose_headers)
            headers["Access-Control-Expose-Headers"] = exposed

    def preflight(self, request: web.Request) -> dict[str, str]:
        """The headers of an answer to OPTIONS: none where the request that is meant may not be."""
        origin = self._origin(request)
        method = request.headers.get("Access-Control-Request-Method")
        asked = request.headers.get("Access-Control-Request-Headers", "").split(",")
        wanted = [name.strip() for name in asked if name.strip()]
        if (
            origin is None
            or method not in self._settings.allow_methods
            or any(name.lower() not in self._headers for name in wanted)
        ):
            return {}
        found = {
            "Vary": "Origin",
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": method,
        }
        if self._settings.allow_credentials:
            found["Access-Control-Allow-Credentials"] = "true"
        if self._settings.max_age:
            found["Access-Control-Max-Age"] = str(self._settings.max_age)
        if wanted:
            found["Access-Control-Allow-Headers"] = ",".join(wanted)
        return found

    def _origin(self, request: web.Request) -> str | None:
        """The origin as the answer names it; None if there is none, or it is not allowed."""
        origin = request.headers.get("Origin")
        if origin is None or origin in self._origins:
            return origin
        return "*" if "*" in self._origins else None
