"""Names in paths and query strings."""

from __future__ import annotations

from aiohttp import web

from imagestore.api import texts
from imagestore.model.errors import NotFound


def named(request: web.Request, part: str) -> str:
    """The name that this part of the path gives. NotFound if nothing can have it."""
    name = request.match_info[part]
    if not request.app[texts.key].is_possible(name):
        raise NotFound("Nothing has such a name.")
    return name
