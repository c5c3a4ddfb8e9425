"""The request id: given to every request, told to the client, written in every line of the log."""

from __future__ import annotations

import re
import uuid

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from imagestore.api.errors import response_to
from imagestore.model.errors import Invalid
from imagestore.observing.access_log import context
from imagestore.observing.context import Context, current

HEADER = "X-Openstack-Request-Id"
PREFIX = "req-"

_PRINTABLE = re.compile(r"[ -~]+")


def middleware(max_length: int) -> Middleware:
    """Takes over the id that a caller sends, or makes one, and puts it on the response.

    ``max_length``: characters that a caller's id may have; 0 for any number
    (``max_request_id_length``). It has to stand outside all other middlewares.
    """

    @web.middleware
    async def give_request_id(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get(HEADER, "")
        try:
            identifier = choose(given, max_length)
            refusal = None
        except Invalid as error:
            identifier, refusal = new(), error
        request[context] = Context(identifier)
        # Never reset: the task is of this request, and what sends the response speaks of it, too.
        current.set(request[context])
        if refusal is not None:
            response: web.StreamResponse = response_to(request, refusal)
        else:
            response = await handler(request)
        if not response.prepared:
            response.headers[HEADER] = identifier
        return response

    return give_request_id


async def on_prepare(request: web.Request, response: web.StreamResponse) -> None:
    """Signal handler: the header on responses that a handler begins to send by itself."""
    if (who := request.get(context)) is not None:
        response.headers.setdefault(HEADER, who.request_id)


def of(request: web.Request) -> str:
    """The id of a request."""
    return request[context].request_id


def new() -> str:
    return PREFIX + str(uuid.uuid4())


def choose(given: str, max_length: int) -> str:
    """The id of a request that came with the id ``given`` ("" for none).

    Raises :class:`Invalid` for one that is too long or would not fit a line of a log.
    """
    if not given:
        return new()
    if 0 < max_length < len(given):
        raise Invalid(f"{HEADER} is too long; it may have {max_length} characters.")
    if not _PRINTABLE.fullmatch(given):
        raise Invalid(f"{HEADER} may only have printable ASCII characters.")
    return given if given.startswith(PREFIX) else PREFIX + given
