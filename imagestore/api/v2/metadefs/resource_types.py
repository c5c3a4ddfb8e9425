"""``/v2/metadefs/resource_types``, and those of a namespace."""

from __future__ import annotations

from aiohttp import web

from imagestore.api import keys, texts
from imagestore.api.body import read_json, refuse_body
from imagestore.api.reply import json_reply, no_content
from imagestore.api.v2.metadefs.bodies import read_association
from imagestore.api.v2.metadefs.listing import named
from imagestore.api.v2.metadefs.views import show_association, show_resource_type
from imagestore.catalog.metadefs.resource_types import ResourceTypes


def _resource_types(request: web.Request) -> ResourceTypes:
    return request.app[keys.catalog].metadefs.resource_types


async def index(request: web.Request) -> web.Response:
    refuse_body(request)
    found = await _resource_types(request).all(request[keys.caller])
    return json_reply({"resource_types": [show_resource_type(one) for one in found]})


async def of_namespace(request: web.Request) -> web.Response:
    refuse_body(request)
    found = await _resource_types(request).of_namespace(
        request[keys.caller], named(request, "namespace")
    )
    return json_reply({"resource_type_associations": [show_association(one) for one in found]})


async def associate(request: web.Request) -> web.Response:
    wanted = read_association(await read_json(request), request.app[texts.key])
    association = await _resource_types(request).associate(
        request[keys.caller], named(request, "namespace"), wanted
    )
    return json_reply(show_association(association), 201)


async def dissociate(request: web.Request) -> web.Response:
    refuse_body(request)
    await _resource_types(request).dissociate(
        request[keys.caller], named(request, "namespace"), named(request, "name")
    )
    return no_content()
