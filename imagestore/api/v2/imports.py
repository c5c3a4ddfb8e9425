"""``/v2/images/{id}/stage`` and ``/import``: bytes sent ahead, and bytes that are fetched."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from imagestore.api import counting, keys, request_id
from imagestore.api.body import read_blocks, read_json
from imagestore.api.reply import no_content
from imagestore.api.texts import PLAIN
from imagestore.api.v2.data import announced_size, require_octets
from imagestore.api.v2.info import available_import_methods
from imagestore.model.errors import Invalid, NotFound
from imagestore.model.import_request import ImportRequest, Method

_STORE = "X-Image-Meta-Store"


async def stage(request: web.Request) -> web.Response:
    app = request.app
    if Method.GLANCE_DIRECT not in available_import_methods(app[keys.settings].images):
        raise NotFound("'glance-direct' method is not available at this site.")
    require_octets(request)
    body = read_blocks(request)
    with counting.receiving(body):
        await app[keys.catalog].imports.stage(
            *keys.of_image(request), body, size=announced_size(request)
        )
    return no_content()


async def start(request: web.Request) -> web.Response:
    app = request.app
    enabled = available_import_methods(app[keys.settings].images)
    asked = parse(await read_json(request), enabled)
    await app[keys.catalog].imports.start(
        *keys.of_image(request),
        asked,
        header_store=request.headers.get(_STORE),
        request_id=request_id.of(request),
        token=token(request),
    )
    return web.Response(status=202)


def token(request: web.Request) -> str | None:
    """The caller's, for what is asked of another service in his name."""
    return request.headers.get("X-Auth-Token") or request.headers.get("X-Storage-Token")


def parse(body: Any, enabled: list[str]) -> ImportRequest:
    """The request that a body describes; :class:`Invalid` if it describes none."""
    if not isinstance(body, dict) or not isinstance(body.get("method"), dict):
        raise Invalid("An import needs an object 'method' with the name of the method.")
    method = body["method"]
    name = method.get("name")
    if not isinstance(name, str) or name not in enabled:
        raise Invalid(f"The method has to be one of: {', '.join(enabled) or 'none'}.")
    PLAIN.require_storable(body)  # all of it is kept with the task
    stores = body.get("stores")
    if stores is not None and not (
        isinstance(stores, list) and all(isinstance(store, str) for store in stores)
    ):
        raise Invalid("'stores' must be a list of ids of stores.")
    return ImportRequest(
        Method(name),
        {key: value for key, value in method.items() if key != "name"},
        None if stores is None else tuple(stores),
        all_stores=_flag(body, "all_stores", default=False),
        all_must_succeed=_flag(body, "all_stores_must_succeed", default=True),
        body=body,
    )


def _flag(body: dict[str, Any], name: str, *, default: bool) -> bool:
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise Invalid(f"'{name}' must be true or false.")
    return value
