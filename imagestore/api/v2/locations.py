"""``/v2/images/{id}/locations``: a location for a queued image, and the list for services."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from imagestore.api import keys, request_id
from imagestore.api.body import read_json, refuse_body
from imagestore.api.reply import json_reply
from imagestore.model.digest import Digest
from imagestore.model.errors import Invalid

_ALGORITHMS = ("sha1", "sha256", "sha512", "md5")


async def add(request: web.Request) -> web.Response:
    url, validation = _parse(await read_json(request))
    await request.app[keys.catalog].location_imports.add(
        *keys.of_image(request),
        url,
        validation,
        request_id=request_id.of(request),
    )
    return web.Response(status=202)


async def index(request: web.Request) -> web.Response:
    refuse_body(request)
    found = await request.app[keys.catalog].location_imports.all(*keys.of_image(request))
    return json_reply([{"url": each.url, "metadata": dict(each.metadata)} for each in found])


def _parse(body: Any) -> tuple[str, Mapping[str, str]]:
    if not isinstance(body, dict) or not isinstance(body.get("url"), str):
        raise Invalid('The body must be a JSON object with a "url".')
    validation = body.get("validation_data", {})
    if not isinstance(validation, dict) or not validation.keys() <= _NAMES:
        raise Invalid("validation_data holds os_hash_algo and os_hash_value, and nothing else.")
    if validation and validation.keys() != _NAMES:
        raise Invalid("Of os_hash_algo and os_hash_value each needs the other.")
    if validation and validation["os_hash_algo"] not in _ALGORITHMS:
        raise Invalid(f"os_hash_algo must be one of: {', '.join(_ALGORITHMS)}.")
    if not all(isinstance(value, str) for value in validation.values()):
        raise Invalid("A hash is a string of hexadecimal digits.")
    if validation:
        digest = Digest(validation["os_hash_algo"], validation["os_hash_value"])
        validation = {"os_hash_algo": digest.algorithm, "os_hash_value": digest.value}
    return body["url"], validation


_NAMES = frozenset({"os_hash_algo", "os_hash_value"})
