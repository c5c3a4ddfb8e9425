"""``/v2/metadefs/namespaces/{namespace}/objects``."""

from __future__ import annotations

from aiohttp import web

from imagestore.api import keys, texts
from imagestore.api.body import read_json, refuse_body
from imagestore.api.reply import json_reply, no_content
from imagestore.api.v2.metadefs.bodies import read_object
from imagestore.api.v2.metadefs.listing import check_objects
from imagestore.api.v2.metadefs.names import named
from imagestore.api.v2.metadefs.views import show_object
from imagestore.catalog.metadefs.objects import Objects


def _objects(request: web.Request) -> Objects:
    return request.app[keys.catalog].metadefs.objects


async def index(request: web.Request) -> web.Response:
    check_objects(request.query)
    namespace = named(request, "namespace")
    found = await _objects(request).all(request[keys.caller], namespace)
    body = {
        "objects": [show_object(namespace, item) for item in found],
        # Without a slash before it: that is the API.
        "schema": "v2/schemas/metadefs/objects",
    }
    return json_reply(body)


async def create(request: web.Request) -> web.Response:
    wanted = read_object(await read_json(request), request.app[texts.key])
    namespace = named(request, "namespace")
    item = await _objects(request).add(request[keys.caller], namespace, wanted)
    return json_reply(show_object(namespace, item), 201)


async def show(request: web.Request) -> web.Response:
    refuse_body(request)
    namespace = named(request, "namespace")
    item = await _objects(request).show(request[keys.caller], namespace, named(request, "name"))
    return json_reply(show_object(namespace, item))


async def replace(request: web.Request) -> web.Response:
    wanted = read_object(await read_json(request), request.app[texts.key])
    namespace = named(request, "namespace")
    item = await _objects(request).replace(
        request[keys.caller], namespace, named(request, "name"), wanted
    )
    return json_reply(show_object(namespace, item))


async def remove(request: web.Request) -> web.Response:
    refuse_body(request)
    await _objects(request).remove(
        request[keys.caller], named(request, "namespace"), named(request, "name")
    )
    return no_content()


async def clear(request: web.Request) -> web.Response:
    refuse_body(request)
    await _objects(request).clear(request[keys.caller], named(request, "namespace"))
    return no_content()
