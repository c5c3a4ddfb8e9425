"""Requests that are not HTTP, or too large to be read: refused without a word in the log for each.

aiohttp answers 400 to all of them, and writes a traceback. What a client needs to know is
which limit it has met (RFC 9110, 15.5.15; RFC 6585, 5).
"""

from __future__ import annotations

import logging
from http import HTTPStatus

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

log = logging.getLogger(__name__)


def refusal(
    request: web.BaseRequest, error: HttpProcessingError, longest_header: int
) -> web.Response:
    """The answer to what the parser could not read."""
    status, text = _status(error, longest_header)
    log.info("%s sent what is refused with %d: %s", request.remote or "-", status, text)
    phrase = HTTPStatus(status).phrase
    response = web.Response(status=status, text=f"{status} {phrase}\n\n{text}\n")
    response.force_close()
    return response


def _status(error: HttpProcessingError, longest_header: int) -> tuple[int, str]:
    if isinstance(error, LineTooLong):
        # The limits differ by a byte, so that the one that was met tells of which line.
        if error.args[1:2] == (longest_header,):
            return 431, "A header line is too long (option max_header_line)."
        return 414, "The URL is too long."
    if "Too many headers" in str(error.message):
        return 431, "There are too many headers."
    # Its first line; what follows repeats bytes of the request.
    return 400, f"{str(error.message).strip().splitlines()[0].rstrip(':')}."
