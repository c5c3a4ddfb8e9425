"""``/v2/openapi.json``: what this API takes and answers, for programs."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from imagestore.api.body import refuse_body
from imagestore.api.reply import json_reply

document_key = web.AppKey("openapi_document", dict[str, Any])


async def show(request: web.Request) -> web.Response:
    refuse_body(request)
    return json_reply(request.app[document_key])
