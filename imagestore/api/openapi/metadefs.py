"""``/v2/metadefs``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final

from imagestore.api.openapi.operation import Operation, Parameter, Schema, closed, json

_ALL = "/v2/metadefs/namespaces"
_NAMESPACE = _ALL + "/{namespace}"
_DIRECTION: Schema = {"type": "string", "enum": ["asc", "desc"]}
_PAGES = (
    Parameter("limit", "Most entries on the page.", {"type": "integer", "minimum": 0}),
    Parameter("marker", "The last name of the page before."),
    Parameter("sort_key", "The order."),
    Parameter("sort_dir", "Its direction.", _DIRECTION),
    Parameter("visibility", "Only these.", {"type": "string", "enum": ["public", "private"]}),
)
_RESOURCE_TYPE = Parameter("resource_type", "Name properties as on this resource type.")


def _list(name: str, item: Schema) -> Schema:
    return closed(**{name: {"type": "array", "items": item}})


_NAME = closed(name={"type": "string"})
_TAGS = json(_list("tags", _NAME))


def _items(kind: str, plural: str, component: str) -> Iterator[tuple[str, Operation]]:
    """Objects and properties: the same operations on both."""
    operation = partial(Operation, "metadefs")
    path, body = f"{_NAMESPACE}/{plural}", json(component)
    one = f"{path}/{{name}}"
    query = (_RESOURCE_TYPE,) if kind == "property" else ()
    yield f"POST {path}", operation(f"Add one {kind}", {201: body}, errors=(409,), body=body)
    yield f"DELETE {path}", operation(f"Remove every {kind}", {204: None}, errors=(409,))
    yield f"GET {one}", operation(f"Show one {kind}", {200: body}, query=query)
    yield f"PUT {one}", operation(f"Replace one {kind}", {200: body}, errors=(409,), body=body)
    yield f"DELETE {one}", operation(f"Remove one {kind}", {204: None}, errors=(409,))


OPERATIONS: Final[Mapping[str, Operation]] = {
    f"GET {_ALL}": Operation(
        "metadefs", "List namespaces", {200: json("MetadefNamespaces")},
        errors=(404,),
        query=(*_PAGES, Parameter("resource_types", "Of these, separated by commas.")),
    ),
    f"POST {_ALL}": Operation(
        "metadefs", "Create a namespace", {201: json("MetadefNamespace")},
        errors=(404, 409), body=json("MetadefNamespace"), answer_headers=("Location",),
    ),
    f"GET {_NAMESPACE}": Operation(
        "metadefs", "Show a namespace with its contents", {200: json("MetadefNamespace")},
        query=(_RESOURCE_TYPE,),
    ),
    f"PUT {_NAMESPACE}": Operation(
        "metadefs", "Replace the attributes of a namespace", {200: json("MetadefNamespace")},
        errors=(409,), body=json("MetadefNamespace"),
    ),
    f"DELETE {_NAMESPACE}": Operation(
        "metadefs", "Delete a namespace", {204: None}, errors=(409,)
    ),
    "GET /v2/metadefs/resource_types": Operation(
        "metadefs", "List resource types", {200: json(_list("resource_types", _NAME))}
    ),
    f"GET {_NAMESPACE}/resource_types": Operation(
        "metadefs", "List the resource types of a namespace",
        {200: json(_list("resource_type_associations", _NAME))},
    ),
    f"POST {_NAMESPACE}/resource_types": Operation(
        "metadefs", "Associate a resource type", {201: json("MetadefResourceType")},
        errors=(409,), body=json("MetadefResourceType"),
    ),
    f"DELETE {_NAMESPACE}/resource_types/{{name}}": Operation(
        "metadefs", "Dissociate a resource type", {204: None}, errors=(409,)
    ),
    f"GET {_NAMESPACE}/objects": Operation(
        "metadefs", "List objects", {200: json("MetadefObjects")}, query=_PAGES
    ),
    **dict(_items("object", "objects", "MetadefObject")),
    f"GET {_NAMESPACE}/properties": Operation(
        "metadefs", "List properties", {200: json("MetadefProperties")}
    ),
    **dict(_items("property", "properties", "MetadefProperty")),
    f"GET {_NAMESPACE}/tags": Operation("metadefs", "List tags", {200: _TAGS}, query=_PAGES),
    f"POST {_NAMESPACE}/tags": Operation(
        "metadefs", "Replace all tags, or add to them", {201: _TAGS}, errors=(409,), body=_TAGS,
        headers=(
            Parameter("X-Openstack-Append", "Add to them.", {"enum": ["true", "false"]}),
        ),
    ),
    f"DELETE {_NAMESPACE}/tags": Operation(
        "metadefs", "Remove every tag", {204: None}, errors=(409,)
    ),
    f"GET {_NAMESPACE}/tags/{{name}}": Operation(
        "metadefs", "Show a tag", {200: json("MetadefTag")}
    ),
    f"POST {_NAMESPACE}/tags/{{name}}": Operation(
        "metadefs", "Add a tag", {201: json("MetadefTag")}, errors=(409,)
    ),
    f"PUT {_NAMESPACE}/tags/{{name}}": Operation(
        "metadefs", "Rename a tag", {200: json("MetadefTag")},
        errors=(409,), body=json("MetadefTag"),
    ),
    f"DELETE {_NAMESPACE}/tags/{{name}}": Operation(
        "metadefs", "Remove a tag", {204: None}, errors=(409,)
    ),
}  # fmt: skip
