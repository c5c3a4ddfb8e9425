"""Names in paths and query strings."""

from __future__ import annotations

from aiohttp import web

from imagestore.errors import NotFound


def named(request: web.Request, part: str) -> str:
    """The name that this part of the path gives. NotFound if nothing can have it."""
    name = request.match_info[part]
    if not is_possible(name):
        raise NotFound("Nothing has such a name.")
    return name


def is_possible(name: str) -> bool:
    """Whether every supported database can compare it; NUL and 4-byte characters are in none."""
    return "\0" not in name and (name.isascii() or max(name) <= "\uffff")
