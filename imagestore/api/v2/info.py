"""``/v2/info`` and ``/v2/schemas``: what this service can do."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from imagestore.api import keys
from imagestore.api.body import refuse_body
from imagestore.api.reply import json_reply
from imagestore.config.settings import Images, StoreSection
from imagestore.model.errors import NotFound
from imagestore.model.import_request import Method
from imagestore.stores.stores import Stores

schemas_key = web.AppKey("schemas", dict[str, dict[str, Any]])


def available_import_methods(settings: Images) -> list[str]:
    """Those that are enabled and known; what is not there is never advertised."""
    return [name for name in settings.enabled_import_methods if name in set(Method)]


async def import_methods(request: web.Request) -> web.Response:
    refuse_body(request)
    methods = available_import_methods(request.app[keys.settings].images)
    body = {
        "import-methods": {
            "description": "Import methods available.",
            "type": "array",
            "value": methods,
        }
    }
    return json_reply(body)


async def stores(request: web.Request) -> web.Response:
    refuse_body(request)
    configured = _several(request)
    listed = [_store(configured, section) for section in configured.sections]
    return json_reply({"stores": listed})


async def stores_detail(request: web.Request) -> web.Response:
    refuse_body(request)
    configured = _several(request)
    request.app[keys.catalog].health.authorize_details(request[keys.caller])
    listed = []
    for section in configured.sections:
        health = configured.health(section.name)
        listed.append(
            _store(configured, section)
            | {
                "type": section.type,
                "weight": section.weight,
                "properties": dict(configured.get(section.name).details()),
                # As the process that answers has found; Glance has no such thing.
                "health": {
                    "state": "healthy" if health.healthy else "away",
                    "since": health.since.isoformat(timespec="seconds").replace("+00:00", "Z"),
                },
            }
        )
    return json_reply({"stores": listed})


async def usage(request: web.Request) -> web.Response:
    refuse_body(request)
    caller = request[keys.caller]
    return json_reply({"usage": await request.app[keys.catalog].quotas.usage(caller.project_id)})


def _several(request: web.Request) -> Stores:
    configured = request.app[keys.stores]
    if not configured.multiple:
        raise NotFound("Multi backend is not supported at this site.")
    return configured


def _store(configured: Stores, section: StoreSection) -> dict[str, Any]:
    # Strings, not booleans, and absent where false: that is the API.
    entry = {"id": section.name}
    if section.description:
        entry["description"] = section.description
    if section.name == configured.default.name:
        entry["default"] = "true"
    if not configured.is_writable(section.name):
        entry["read-only"] = "true"
    return entry


async def schema(request: web.Request) -> web.Response:
    return _document(request, request.match_info["name"])


async def metadef_schema(request: web.Request) -> web.Response:
    return _document(request, "metadefs/" + request.match_info["name"])


def _document(request: web.Request, name: str) -> web.Response:
    refuse_body(request)
    try:
        document = request.app[schemas_key][name]
    except KeyError:
        raise NotFound(f"There is no schema {name}.") from None
    return json_reply(document)
