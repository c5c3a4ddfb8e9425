"""The routes of metadata definitions."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from imagestore.api.v2.metadefs import namespaces, objects, properties, resource_types, tags
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
        web.get(_OBJECTS, objects.index, allow_head=False),
        web.post(_OBJECTS, objects.create),
        web.delete(_OBJECTS, objects.clear),
        web.get(_OBJECTS + "/{name}", objects.show, allow_head=False),
        web.put(_OBJECTS + "/{name}", objects.replace),
        web.delete(_OBJECTS + "/{name}", objects.remove),
        web.get(_PROPERTIES, properties.index, allow_head=False),
        web.post(_PROPERTIES, properties.create),
        web.delete(_PROPERTIES, properties.clear),
        web.get(_PROPERTIES + "/{name}", properties.show, allow_head=False),
        web.put(_PROPERTIES + "/{name}", properties.replace),
        web.delete(_PROPERTIES + "/{name}", properties.remove),
        web.get(_TAGS, tags.index, allow_head=False),
        web.post(_TAGS, tags.create_all),
        web.delete(_TAGS, tags.clear),
        web.get(_TAGS + "/{name}", tags.show, allow_head=False),
        web.post(_TAGS + "/{name}", tags.create),
        web.put(_TAGS + "/{name}", tags.replace),
        web.delete(_TAGS + "/{name}", tags.remove),
    ]
