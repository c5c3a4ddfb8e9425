"""Objects, properties and tags below ``/v2/metadefs/namespaces/{namespace}``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from aiohttp import web

from imagestore.api import keys, texts
from imagestore.api.body import read_json, refuse_body
from imagestore.api.reply import json_reply, no_content
from imagestore.api.v2.metadefs.bodies import read_object, read_property, read_tag, read_tags
from imagestore.api.v2.metadefs.listing import check_objects, named, parse_tags
from imagestore.api.v2.metadefs.views import show_object, show_properties, show_property, show_tag
from imagestore.catalog.metadefs.items import Items
from imagestore.catalog.metadefs.metadefs import Metadefs
from imagestore.model.errors import NotFound
from imagestore.model.metadef import Item, MetadefObject, MetadefProperty, MetadefTag

APPEND = "X-Openstack-Append"
_TRUE = frozenset({"1", "t", "true", "on", "y", "yes"})

T = TypeVar("T", bound=Item)


@dataclass(frozen=True)
class _Kind(Generic[T]):
    """The calls that are the same on all three, but for what goes in and comes out.

    ``read``: the item that the body of a request describes. ``view``: an item of the namespace
    of that name as an answer has it.
    """

    items: Callable[[Metadefs], Items[T]]
    read: Callable[[Any, texts.Texts], T]
    view: Callable[[str, T], dict[str, Any]]

    def of(self, request: web.Request) -> Items[T]:
        return self.items(_metadefs(request))

    async def create(self, request: web.Request) -> web.Response:
        return await self.add(request, await read_json(request))

    async def add(self, request: web.Request, body: Any) -> web.Response:
        wanted = self.read(body, request.app[texts.key])
        namespace = named(request, "namespace")
        item = await self.of(request).add(request[keys.caller], namespace, wanted)
        return json_reply(self.view(namespace, item), 201)

    async def show(self, request: web.Request) -> web.Response:
        refuse_body(request)
        namespace, name = named(request, "namespace"), named(request, "name")
        item = await self.of(request).show(request[keys.caller], namespace, name)
        return json_reply(self.view(namespace, item))

    async def replace(self, request: web.Request) -> web.Response:
        wanted = self.read(await read_json(request), request.app[texts.key])
        namespace, name = named(request, "namespace"), named(request, "name")
        item = await self.of(request).replace(request[keys.caller], namespace, name, wanted)
        return json_reply(self.view(namespace, item))

    async def remove(self, request: web.Request) -> web.Response:
        refuse_body(request)
        namespace, name = named(request, "namespace"), named(request, "name")
        await self.of(request).remove(request[keys.caller], namespace, name)
        return no_content()

    async def clear(self, request: web.Request) -> web.Response:
        refuse_body(request)
        await self.of(request).clear(request[keys.caller], named(request, "namespace"))
        return no_content()

    def routes(self, path: str) -> Sequence[web.RouteDef]:
        """Those that change the kind, but for adding."""
        return [
            web.delete(path, self.clear),
            web.put(path + "/{name}", self.replace),
            web.delete(path + "/{name}", self.remove),
        ]


OBJECTS = _Kind[MetadefObject](lambda metadefs: metadefs.objects, read_object, show_object)
PROPERTIES = _Kind[MetadefProperty](
    lambda metadefs: metadefs.properties, read_property, lambda _, item: show_property(item)
)
TAGS = _Kind[MetadefTag](lambda metadefs: metadefs.tags, read_tag, lambda _, tag: show_tag(tag))


def _metadefs(request: web.Request) -> Metadefs:
    return request.app[keys.catalog].metadefs


async def list_objects(request: web.Request) -> web.Response:
    check_objects(request.query)
    namespace = named(request, "namespace")
    found = await OBJECTS.of(request).all(request[keys.caller], namespace)
    body = {
        "objects": [show_object(namespace, item) for item in found],
        # Without a slash before it: that is the API.
        "schema": "v2/schemas/metadefs/objects",
    }
    return json_reply(body)


async def list_properties(request: web.Request) -> web.Response:
    refuse_body(request)
    found = await PROPERTIES.of(request).all(request[keys.caller], named(request, "namespace"))
    return json_reply({"properties": show_properties(found)})


async def show_one_property(request: web.Request) -> web.Response:
    """One property; with ``resource_type``, by its name with the prefix of that type."""
    caller, properties = request[keys.caller], _metadefs(request).properties
    namespace, name = named(request, "namespace"), named(request, "name")
    if resource_type := request.query.get("resource_type"):
        if not request.app[texts.key].is_possible(resource_type):
            raise NotFound("There is no such resource type.")
        item = await properties.show_prefixed(caller, namespace, name, resource_type)
    else:
        item = await properties.show(caller, namespace, name)
    return json_reply(show_property(item))


async def list_tags(request: web.Request) -> web.Response:
    page = parse_tags(request.query, request.app[texts.key])
    tags = _metadefs(request).tags
    found = await tags.page(request[keys.caller], named(request, "namespace"), page)
    return json_reply({"tags": [{"name": tag.name} for tag in found]})


async def create_tags(request: web.Request) -> web.Response:
    """Put these tags in the place of all that there are; or, where asked, beside them."""
    tags = read_tags(await read_json(request), request.app[texts.key])
    await _metadefs(request).tags.add_all(
        request[keys.caller],
        named(request, "namespace"),
        tags,
        keep=request.headers.get(APPEND, "").strip().lower() in _TRUE,
    )
    return json_reply({"tags": [{"name": tag.name} for tag in tags]}, 201)


async def create_tag(request: web.Request) -> web.Response:
    refuse_body(request)
    return await TAGS.add(request, {"name": request.match_info["name"]})
