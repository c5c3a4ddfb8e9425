"""``/v2/metadefs/namespaces/{namespace}/properties``."""

from __future__ import annotations

from aiohttp import web

from imagestore.api import keys, texts
from imagestore.api.body import read_json, refuse_body
from imagestore.api.reply import json_reply, no_content
from imagestore.api.v2.metadefs.bodies import read_property
from imagestore.api.v2.metadefs.names import named
from imagestore.api.v2.metadefs.views import show_properties, show_property
from imagestore.catalog.metadefs.properties import Properties
from imagestore.model.errors import NotFound


def _properties(request: web.Request) -> Properties:
    return request.app[keys.catalog].metadefs.properties


async def index(request: web.Request) -> web.Response:
    refuse_body(request)
    found = await _properties(request).all(request[keys.caller], named(request, "namespace"))
    return json_reply({"properties": show_properties(found)})


async def create(request: web.Request) -> web.Response:
    wanted = read_property(await read_json(request), request.app[texts.key])
    item = await _properties(request).add(request[keys.caller], named(request, "namespace"), wanted)
    return json_reply(show_property(item), 201)


async def show(request: web.Request) -> web.Response:
    """One property; with ``resource_type``, by its name with the prefix of that type."""
    caller, properties = request[keys.caller], _properties(request)
    namespace, name = named(request, "namespace"), named(request, "name")
    if resource_type := request.query.get("resource_type"):
        if not request.app[texts.key].is_possible(resource_type):
            raise NotFound("There is no such resource type.")
        item = await properties.show_prefixed(caller, namespace, name, resource_type)
    else:
        item = await properties.show(caller, namespace, name)
    return json_reply(show_property(item))


async def replace(request: web.Request) -> web.Response:
    wanted = read_property(await read_json(request), request.app[texts.key])
    item = await _properties(request).replace(
        request[keys.caller], named(request, "namespace"), named(request, "name"), wanted
    )
    return json_reply(show_property(item))


async def remove(request: web.Request) -> web.Response:
    refuse_body(request)
    await _properties(request).remove(
        request[keys.caller], named(request, "namespace"), named(request, "name")
    )
    return no_content()


async def clear(request: web.Request) -> web.Response:
    refuse_body(request)
    await _properties(request).clear(request[keys.caller], named(request, "namespace"))
    return no_content()
