"""``/v2/metadefs/namespaces``."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from aiohttp import web

from imagestore.api import keys, texts
from imagestore.api.body import read_json, refuse_body
from imagestore.api.reply import json_reply, no_content
from imagestore.api.v2.listing import links
from imagestore.api.v2.metadefs.bodies import read_namespace
from imagestore.api.v2.metadefs.listing import named, parse_namespaces
from imagestore.api.v2.metadefs.views import (
    NAMESPACES,
    SCHEMAS,
    prefixed,
    show_association,
    show_namespace,
)
from imagestore.api.versions import base_url
from imagestore.catalog.metadefs.namespaces import Namespaces

_CONTENTS = ("resource_type_associations", "properties", "objects", "tags")


def _namespaces(request: web.Request) -> Namespaces:
    return request.app[keys.catalog].metadefs.namespaces


async def index(request: web.Request) -> web.Response:
    wanted, page = parse_namespaces(
        request.query, request.app[keys.settings].limits, request.app[texts.key]
    )
    found = await _namespaces(request).page(request[keys.caller], wanted, page)
    listed = []
    for namespace in found.namespaces:
        view = show_namespace(namespace)
        if associations := found.associations.get(namespace.id):
            view["resource_type_associations"] = [show_association(one) for one in associations]
        listed.append(view)
    body = {
        "namespaces": listed,
        **links(NAMESPACES, request.query, found.next),
        "schema": f"{SCHEMAS}/namespaces",
    }
    return json_reply(body)


async def create(request: web.Request) -> web.Response:
    body = await read_json(request)
    draft, contents = read_namespace(body, request.app[texts.key])
    namespace = await _namespaces(request).create(request[keys.caller], draft, contents)
    location = f"{base_url(request)}{NAMESPACES}/{quote(namespace.namespace, safe=':')}"
    view = show_namespace(namespace, contents)
    # What was given is told again, also where it was empty.
    view |= {name: body[name] for name in _CONTENTS if name in body and not body[name]}
    return json_reply(view, 201, {"Location": location})


async def show(request: web.Request) -> web.Response:
    refuse_body(request)
    namespace, contents = await _namespaces(request).show(
        request[keys.caller], named(request, "namespace")
    )
    view: dict[str, Any] = show_namespace(namespace, contents)
    if resource_type := request.query.get("resource_type"):
        for association in contents.associations:
            if association.name == resource_type and association.prefix:
                view = prefixed(view, association.prefix)
    return json_reply(view)


async def replace(request: web.Request) -> web.Response:
    draft, _ = read_namespace(await read_json(request), request.app[texts.key])
    namespace = await _namespaces(request).replace(
        request[keys.caller], named(request, "namespace"), draft
    )
    return json_reply(show_namespace(namespace))


async def delete(request: web.Request) -> web.Response:
    refuse_body(request)
    await _namespaces(request).delete(request[keys.caller], named(request, "namespace"))
    return no_content()
