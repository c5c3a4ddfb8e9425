"""``/v2/metadefs/namespaces/{namespace}/tags``."""

from __future__ import annotations

from aiohttp import web

from imagestore.api import keys, texts
from imagestore.api.body import read_json, refuse_body
from imagestore.api.reply import json_reply, no_content
from imagestore.api.v2.metadefs.bodies import read_tag, read_tags
from imagestore.api.v2.metadefs.listing import parse_tags
from imagestore.api.v2.metadefs.names import named
from imagestore.api.v2.metadefs.views import show_tag
from imagestore.catalog.metadefs.tags import MetadefTags

APPEND = "X-Openstack-Append"
_TRUE = frozenset({"1", "t", "true", "on", "y", "yes"})


def _tags(request: web.Request) -> MetadefTags:
    return request.app[keys.catalog].metadefs.tags


async def index(request: web.Request) -> web.Response:
    page = parse_tags(request.query, request.app[texts.key])
    found = await _tags(request).page(request[keys.caller], named(request, "namespace"), page)
    return json_reply({"tags": [{"name": tag.name} for tag in found]})


async def create_all(request: web.Request) -> web.Response:
    """Put these tags in the place of all that there are; or, where asked, beside them."""
    tags = read_tags(await read_json(request), request.app[texts.key])
    await _tags(request).add_all(
        request[keys.caller],
        named(request, "namespace"),
        tags,
        keep=request.headers.get(APPEND, "").strip().lower() in _TRUE,
    )
    return json_reply({"tags": [{"name": tag.name} for tag in tags]}, 201)


async def create(request: web.Request) -> web.Response:
    refuse_body(request)
    wanted = read_tag({"name": request.match_info["name"]}, request.app[texts.key])
    tag = await _tags(request).add(request[keys.caller], named(request, "namespace"), wanted)
    return json_reply(show_tag(tag), 201)


async def show(request: web.Request) -> web.Response:
    refuse_body(request)
    tag = await _tags(request).show(
        request[keys.caller], named(request, "namespace"), named(request, "name")
    )
    return json_reply(show_tag(tag))


async def replace(request: web.Request) -> web.Response:
    wanted = read_tag(await read_json(request), request.app[texts.key])
    tag = await _tags(request).replace(
        request[keys.caller], named(request, "namespace"), named(request, "name"), wanted
    )
    return json_reply(show_tag(tag))


async def remove(request: web.Request) -> web.Response:
    refuse_body(request)
    await _tags(request).remove(
        request[keys.caller], named(request, "namespace"), named(request, "name")
    )
    return no_content()


async def clear(request: web.Request) -> web.Response:
    refuse_body(request)
    await _tags(request).clear(request[keys.caller], named(request, "namespace"))
    return no_content()
