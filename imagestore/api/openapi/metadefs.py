"""``/v2/metadefs``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final

from imagestore.api.openapi.operation import Operation, Parameter, Schema, closed, json

_ALL = "/v2/metadefs/namespaces"
_NAMESPACE = _ALL + "/{namespace}"
_TYPES = _NAMESPACE + "/resource_types"
_TAGS = _NAMESPACE + "/tags"
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
_NAMED = json(_list("tags", _NAME))
_TAG = json("MetadefTag")
_TYPE = json("MetadefResourceType")
_WHOLE = json("MetadefNamespace")


_call = partial(Operation, "metadefs")
_change = partial(_call, errors=(409,))


def _items(kind: str, plural: str, component: str) -> Iterator[tuple[str, Operation]]:
    """Objects and properties: the same operations on both."""
    path, body = f"{_NAMESPACE}/{plural}", json(component)
    one = f"{path}/{{name}}"
    query = (_RESOURCE_TYPE,) if kind == "property" else ()
    yield f"POST {path}", _change(f"Add one {kind}", {201: body}, body=body)
    yield f"DELETE {path}", _change(f"Remove every {kind}", {204: None})
    yield f"GET {one}", _call(f"Show one {kind}", {200: body}, query=query)
    yield f"PUT {one}", _change(f"Replace one {kind}", {200: body}, body=body)
    yield f"DELETE {one}", _change(f"Remove one {kind}", {204: None})


OPERATIONS: Final[Mapping[str, Operation]] = {
    f"GET {_ALL}": _call(
        "List namespaces",
        {200: json("MetadefNamespaces")},
        errors=(404,),
        query=(*_PAGES, Parameter("resource_types", "Of these, separated by commas.")),
    ),
    f"POST {_ALL}": _call(
        "Create a namespace",
        {201: _WHOLE},
        errors=(404, 409),
        body=_WHOLE,
        answer_headers=("Location",),
    ),
    f"GET {_NAMESPACE}": _call(
        "Show a namespace with its contents", {200: _WHOLE}, query=(_RESOURCE_TYPE,)
    ),
    f"PUT {_NAMESPACE}": _change(
        "Replace the attributes of a namespace", {200: _WHOLE}, body=_WHOLE
    ),
    f"DELETE {_NAMESPACE}": _change("Delete a namespace", {204: None}),
    "GET /v2/metadefs/resource_types": _call(
        "List resource types", {200: json(_list("resource_types", _NAME))}
    ),
    f"GET {_TYPES}": _call(
        "List the resource types of a namespace",
        {200: json(_list("resource_type_associations", _NAME))},
    ),
    f"POST {_TYPES}": _change("Associate a resource type", {201: _TYPE}, body=_TYPE),
    f"DELETE {_TYPES}/{{name}}": _change("Dissociate a resource type", {204: None}),
    f"GET {_NAMESPACE}/objects": _call("List objects", {200: json("MetadefObjects")}, query=_PAGES),
    **dict(_items("object", "objects", "MetadefObject")),
    f"GET {_NAMESPACE}/properties": _call("List properties", {200: json("MetadefProperties")}),
    **dict(_items("property", "properties", "MetadefProperty")),
    f"GET {_TAGS}": _call("List tags", {200: _NAMED}, query=_PAGES),
    f"POST {_TAGS}": _change(
        "Replace all tags, or add to them",
        {201: _NAMED},
        body=_NAMED,
        headers=(Parameter("X-Openstack-Append", "Add to them.", {"enum": ["true", "false"]}),),
    ),
    f"DELETE {_TAGS}": _change("Remove every tag", {204: None}),
    f"GET {_TAGS}/{{name}}": _call("Show a tag", {200: _TAG}),
    f"POST {_TAGS}/{{name}}": _change("Add a tag", {201: _TAG}),
    f"PUT {_TAGS}/{{name}}": _change("Rename a tag", {200: _TAG}, body=_TAG),
    f"DELETE {_TAGS}/{{name}}": _change("Remove a tag", {204: None}),
}
