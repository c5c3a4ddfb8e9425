"""HEAD is answered wherever GET is: with the same headers, without the body (RFC 9110, 9.3.2)."""

from __future__ import annotations

from aiohttp import web

ENDLESS = frozenset({"/v2/events"})
"""Paths whose answer to GET has no end, so that it has no length that HEAD could tell."""


def add_head_routes(app: web.Application) -> None:
    """Give every resource that has GET, and nothing for HEAD, the same handler for it."""
    for resource in app.router.resources():
        if not isinstance(resource, web.Resource) or resource.canonical in ENDLESS:
            continue
        routes = {route.method: route for route in resource}
        if "GET" in routes and not routes.keys() & {"HEAD", "*"}:
            resource.add_route("HEAD", routes["GET"].handler)
