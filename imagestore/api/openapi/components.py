"""The schemas that operations name, made of the documents under ``/v2/schemas``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from imagestore.api.openapi.operation import Schema

_NAMES: Final = {
    "member": "Member",
    "members": "Members",
    "task": "Task",
    "tasks": "Tasks",
    "metadefs/namespace": "MetadefNamespace",
    "metadefs/namespaces": "MetadefNamespaces",
    "metadefs/object": "MetadefObject",
    "metadefs/objects": "MetadefObjects",
    "metadefs/property": "MetadefProperty",
    "metadefs/properties": "MetadefProperties",
    "metadefs/resource_type": "MetadefResourceType",
    "metadefs/tag": "MetadefTag",
}
"""Document → component."""
_LOCAL = "#/definitions/"
_NOT_DRAFTED = frozenset({"locations", "stores", "direct_url"})

_POINTER: Schema = {"type": "string", "pattern": "^/"}
_ERROR: Schema = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("message", "code", "title")},
    "required": ["message", "code", "title"],
}
_PATCH: Schema = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "op": {"enum": ["add", "replace", "remove"]},
            "path": _POINTER,
            "value": {},
        },
        "required": ["op", "path"],
    },
}


def components(documents: Mapping[str, Schema]) -> dict[str, Schema]:
    """All components by name; ``documents`` as ``/v2/schemas`` serves them."""
    image = _object(documents["image"])
    page = _object(documents["images"])
    page["properties"]["images"] = {"type": "array", "items": _reference("Image")}
    found = {
        "Error": _ERROR,
        "Image": image,
        "Images": page,
        "ImageDraft": _draft(image),
        "ImagePatch": _PATCH,
    }
    for document, name in _NAMES.items():
        found |= _hoisted(name, documents[document])
    return found


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(document: Schema) -> Schema:
    """Without what is no JSON schema; the documents never say that they are of objects."""
    kept = {key: value for key, value in document.items() if key not in ("name", "links")}
    return {"type": "object", **kept, "properties": dict(kept["properties"])}


def _draft(image: Schema) -> Schema:
    """What the creator of an image may say."""
    writable = {
        name: rule
        for name, rule in image["properties"].items()
        if not rule.get("readOnly") and name not in _NOT_DRAFTED
    }
    for name in ("min_ram", "min_disk"):
        writable[name] = {**writable[name], "minimum": 0, "maximum": 2**31 - 1}
    return {**image, "properties": writable, "propertyNames": {"maxLength": 255}}


def _hoisted(name: str, document: Schema) -> dict[str, Schema]:
    """A document whose definitions have become components of their own."""
    definitions = document.get("definitions", {})
    body = {key: value for key, value in document.items() if key != "definitions"}
    found = {name: _object(_pointed(body, name))}
    for inner, definition in definitions.items():
        found[f"{name}.{inner}"] = _pointed(definition, name)
    return found


def _pointed(value: Any, name: str) -> Any:
    """``value`` with references to definitions turned into such to components."""
    if isinstance(value, list):
        return [_pointed(item, name) for item in value]
    if not isinstance(value, dict):
        return value
    target = value.get("$ref")
    if isinstance(target, str) and target.startswith(_LOCAL):
        return _reference(f"{name}.{target.removeprefix(_LOCAL)}")
    return {key: _pointed(item, name) for key, item in value.items()}
