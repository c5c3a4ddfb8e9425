"""One line for every request: who asked for what, and what came of it."""

from __future__ import annotations

import logging

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from imagestore.observing.context import Context

context = web.RequestKey("context", Context)
"""Set by the API for each request; the log line is written after the handler has gone."""
client_address = web.RequestKey("client_address", str)
"""Set by the API where a proxy tells for whom it asks."""
sent_directly = web.RequestKey("sent_directly", int)
"""Set by the API where the kernel sends a file: bytes that the response does not know of."""

access_log = logging.getLogger("imagestore.access")


class AccessLogger(AbstractAccessLogger):
    """Writes to the logger ``imagestore.access``; ``facts`` hold the same for JSON."""

    @property
    def enabled(self) -> bool:
        return access_log.isEnabledFor(logging.INFO)

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """``time``: seconds from the first byte of the request to the last of the response."""
        path = request.path_qs
        who = request.get(context)
        facts = {
            "method": request.method,
            "path": path,
            "status": response.status,
            "bytes": request.writer.output_size + request.get(sent_directly, 0),
            "seconds": round(time, 4),
            "remote": request.get(client_address, request.remote or "-"),
        }
        access_log.info(
            "%s %s %s %s %d bytes %.4f s",
            facts["remote"],
            facts["method"],
            path,
            facts["status"],
            facts["bytes"],
            time,
            extra={"context": who, "facts": facts},
        )
