"""Errors as clients see them: a status, and a body in JSON, HTML or plain text as asked for."""

from __future__ import annotations

import html
import logging
from collections.abc import Mapping
from http import HTTPStatus

import orjson
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler

from imagestore.model.errors import (
    Conflict,
    Corrupt,
    Forbidden,
    Gone,
    ImagestoreError,
    Invalid,
    NotFound,
    OverLimit,
    TooSlow,
    Unauthenticated,
    Unavailable,
    UnsatisfiableRange,
    Unsupported,
)
from imagestore.serving.responses import Unsent, hang_up, is_gone

log = logging.getLogger(__name__)

_STATUSES: dict[type[ImagestoreError], int] = {
    Invalid: 400,
    Corrupt: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    TooSlow: 408,
    Conflict: 409,
    Gone: 410,
    OverLimit: 413,
    Unsupported: 415,
    UnsatisfiableRange: 416,
    Unavailable: 503,
}

_UNEXPECTED = "The service has failed in answering this request; its log says why."


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns whatever is raised below into a response; what nobody foresaw is logged."""
    try:
        return await handler(request)
    except Exception as error:
        if is_gone(request):
            raise
        if request.writer.output_size:
            # Another response has begun: all that can still be said is that it is not whole.
            log.error("%s %s broke off: %r", request.method, request.path, error)
            hang_up(request.protocol)
            return Unsent(status=500)
        return _answer(request, error)


def _answer(request: web.Request, error: Exception) -> web.Response:
    match error:
        case ImagestoreError():
            return response_to(request, error)
        case web.HTTPException(status=status) if status < 400:
            raise error
        case web.HTTPException():
            return _from_http(request, error)
        case HttpProcessingError():
            return error_response(request, error.code or 400, error.message)
    log.error("%s %s failed", request.method, request.path, exc_info=error)
    return error_response(request, 500, _UNEXPECTED)


def response_to(request: web.Request, error: ImagestoreError) -> web.Response:
    """The response that tells the client of ``error``."""
    status = status_of(error)
    if status == 500:
        log.error("%s %s failed: %r", request.method, request.path, error)
        return error_response(request, status, _UNEXPECTED)
    return error_response(request, status, error.message, _headers_of(error))


def status_of(error: ImagestoreError) -> int:
    for kind in type(error).__mro__:
        if kind in _STATUSES:
            return _STATUSES[kind]
    return 500


def error_response(
    request: web.Request, status: int, message: str, headers: Mapping[str, str] | None = None
) -> web.Response:
    """An error of this ``status`` in the form that the request's ``Accept`` prefers."""
    title = _title(status)
    kind = _preferred(",".join(request.headers.getall("Accept", ("text/plain",))))
    code = f"{status} {title}"
    charset: str | None = "UTF-8"
    if kind == "application/json":
        body = orjson.dumps({"message": message, "code": code, "title": title})
        charset = None
    elif kind == "text/html":
        body = _page(code, message).encode()
    else:
        body = f"{code}\n\n{message}\n".encode()
    return web.Response(
        status=status,
        reason=title,
        body=body,
        content_type=kind,
        charset=charset,
        headers=headers,
    )


def _from_http(request: web.Request, error: web.HTTPException) -> web.Response:
    """An error that aiohttp itself raises: no such route, wrong method, body too large."""
    message = {
        404: "The resource could not be found.",
        405: f"The method {request.method} is not allowed for this resource.",
        413: "The body of the request is too large.",
    }.get(error.status, error.text or error.reason)
    kept = {name: error.headers[name] for name in ("Allow", "Retry-After") if name in error.headers}
    if "Allow" in kept:
        kept["Allow"] = ", ".join(sorted(part.strip() for part in kept["Allow"].split(",")))
    return error_response(request, error.status, message, kept)


def _headers_of(error: ImagestoreError) -> dict[str, str]:
    headers = dict(getattr(error, "headers", {}))
    if isinstance(error, Unavailable):
        headers["Retry-After"] = str(error.retry_after)
    elif isinstance(error, UnsatisfiableRange):
        headers["Content-Range"] = f"bytes */{error.size}"
    elif isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = error.challenge
    return headers


def _title(status: int) -> str:
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        # The peer's spelling.
        return "Request Range Not Satisfiable"
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def _page(title: str, message: str) -> str:
    return (
        f"<html>\n <head>\n  <title>{title}</title>\n </head>\n <body>\n"
        f"  <h1>{title}</h1>\n  {html.escape(message)}<br /><br />\n </body>\n</html>\n"
    )


def _preferred(accept: str) -> str:
    """The form of an error body for this ``Accept``: a page, JSON, or else plain text.

    As with the peer, a page wins where the client likes both the same (so that
    ``*/*`` gets a page), and text is what is left when it likes neither. One that is sent and
    empty is openstacksdk's, of uploads and downloads: it shows a user the message of JSON alone.
    """
    if not accept.strip(" ,"):
        return "application/json"
    accepted = [_weighed(entry) for entry in accept.lower().split(",")]
    page = _quality("text/html", accepted)
    json = _quality("application/json", accepted)
    if page and page >= json:
        return "text/html"
    return "application/json" if json else "text/plain"


def _weighed(entry: str) -> tuple[str, float]:
    """A media range and its quality."""
    kind, *parameters = (part.strip() for part in entry.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return kind, float(parameter[2:])
            except ValueError:
                return kind, 0.0
    return kind, 1.0


def accepted_encodings(header: str) -> dict[str, float]:
    """The codings of an ``Accept-Encoding`` header with their qualities."""
    entries = [entry for entry in header.lower().split(",") if entry.strip()]
    return dict(_weighed(entry) for entry in entries)


def _quality(kind: str, accepted: list[tuple[str, float]]) -> float:
    """How much a client wants ``kind``; what names it most exactly counts."""
    for wanted in (kind, kind.partition("/")[0] + "/*", "*/*"):
        for name, quality in accepted:
            if name == wanted:
                return quality
    return 0.0
