"""What a URL may hold: UTF-8 behind its percent signs, and ids that something can have."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from aiohttp import web
from aiohttp.typedefs import Handler

from imagestore.api.texts import PLAIN
from imagestore.model.errors import Invalid, NotFound


@web.middleware
async def refuse_undecodable(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answers 400 where a name could only be guessed at."""
    # As received: the URL of the request has been normalised.
    raw = request.raw_path
    if "%" in raw:
        try:
            unquote_to_bytes(raw).decode()
        except UnicodeDecodeError:
            raise Invalid("The URL is not UTF-8 behind its percent signs.") from None
    return await handler(request)


def refuse_impossible_ids(variables: Mapping[str, str]) -> None:
    """Raise :class:`NotFound` for an id in a path that nothing can have."""
    for name, value in variables.items():
        if name.endswith("_id") and not PLAIN.is_possible(value):
            raise NotFound("The resource could not be found.")
