"""``/v2/openapi.json``: what this API takes and answers, for programs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web

from imagestore.api.body import refuse_body
from imagestore.api.reply import json_reply

document_key: web.AppKey[Callable[[], dict[str, Any]]] = web.AppKey("openapi_document")
"""Makes the document for who asks: few do, and it takes as long as a third of a start."""


async def show(request: web.Request) -> web.Response:
    refuse_body(request)
    return json_reply(await asyncio.to_thread(request.app[document_key]))
