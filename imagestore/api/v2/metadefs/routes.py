"""The routes of metadata definitions."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from imagestore.api.v2.metadefs import items, namespaces, resource_types
from imagestore.api.v2.metadefs.views import NAMESPACES

_NAMESPACE = NAMESPACES + "/{namespace}"
_OBJECTS = _NAMESPACE + "/objects"
_PROPERTIES = _NAMESPACE + "/properties"
_TAGS = _NAMESPACE + "/tags"
_RESOURCE_TYPES = _NAMESPACE + "/resource_types"


def routes() -> Sequence[web.RouteDef]:
    return [
        web.get("/v2/metadefs/resource_types", resource_types.index, allow_head=False),
        web.get(NAMESPACES, namespaces.index, allow_head=False),
        web.post(NAMESPACES, namespaces.create),
        web.get(_NAMESPACE, namespaces.show, allow_head=False),
        web.put(_NAMESPACE, namespaces.replace),
        web.delete(_NAMESPACE, namespaces.delete),
        web.get(_RESOURCE_TYPES, resource_types.of_namespace, allow_head=False),
        web.post(_RESOURCE_TYPES, resource_types.associate),
        web.delete(_RESOURCE_TYPES + "/{name}", resource_types.dissociate),
        web.get(_OBJECTS, items.list_objects, allow_head=False),
        web.post(_OBJECTS, items.OBJECTS.create),
        web.get(_OBJECTS + "/{name}", items.OBJECTS.show, allow_head=False),
        *items.OBJECTS.routes(_OBJECTS),
        web.get(_PROPERTIES, items.list_properties, allow_head=False),
        web.post(_PROPERTIES, items.PROPERTIES.create),
        web.get(_PROPERTIES + "/{name}", items.show_one_property, allow_head=False),
        *items.PROPERTIES.routes(_PROPERTIES),
        web.get(_TAGS, items.list_tags, allow_head=False),
        web.post(_TAGS, items.create_tags),
        web.get(_TAGS + "/{name}", items.TAGS.show, allow_head=False),
        web.post(_TAGS + "/{name}", items.create_tag),
        *items.TAGS.routes(_TAGS),
    ]
