"""The schema documents of metadata definitions, under ``/v2/schemas/metadefs``."""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]

_NAME: Document = {"type": "string", "maxLength": 80}
_STRING: Document = {"type": "string"}
_STRINGS: Document = {"type": "array", "items": {"type": "string"}}
_LINK: Document = {"readOnly": True, "type": "string"}
_PROPERTY_REFERENCE: Document = {"$ref": "#/definitions/property"}
_JSON_TYPES = ["array", "boolean", "integer", "number", "object", "string", None]


def metadef_documents() -> dict[str, Document]:
    """The ten documents, by the end of their path."""
    shared = _definitions()
    whole = {**shared, "property": _PROPERTY_MAP}
    # A property on its own may not name an empty list of required keys.
    alone = {**shared, "stringArray": {**shared["stringArray"], "minItems": 1}}
    namespace = _closed("namespace", _NAMESPACE, ["namespace"])
    association = _closed("resource_type_association", _ASSOCIATION, ["name"])
    item = _closed("object", _OBJECT, ["name"])
    tag = _closed("tag", _TAG, ["name"])
    named = {"name": _NAME, **_PROPERTY}
    listed = _closed("property", named, ["type", "title"])
    single = _closed("property", named, ["type", "title", "name"])
    return {
        "metadefs/namespace": {**namespace, "definitions": whole},
        "metadefs/namespaces": {**collection("namespaces", namespace), "definitions": whole},
        "metadefs/resource_type": association,
        "metadefs/resource_types": collection("resource_type_associations", association),
        "metadefs/property": {**single, "definitions": alone},
        "metadefs/properties": {
            **collection("properties", listed, by_name=True),
            "definitions": alone,
        },
        "metadefs/object": {**item, "definitions": whole},
        "metadefs/objects": {**collection("objects", item), "definitions": whole},
        "metadefs/tag": tag,
        "metadefs/tags": collection("tags", tag),
    }


def _closed(name: str, properties: Document, required: list[str]) -> Document:
    """A schema that allows no other keys."""
    return {
        "name": name,
        "properties": properties,
        "additionalProperties": False,
        "required": required,
    }


def collection(name: str, item: Document, *, paged: bool = True, by_name: bool = False) -> Document:
    """A list, in pages or not; or, ``by_name``, an object with an item for each name."""
    items = {"type": "array", "items": item}
    if by_name:
        items = {"type": "object", "additionalProperties": item}
    pages = {"first": _STRING, "next": _STRING} if paged else {}
    return {
        "name": name,
        "properties": {name: items, **pages, "schema": _STRING},
        "links": [
            *({"rel": page, "href": f"{{{page}}}"} for page in pages),
            {"rel": "describedby", "href": "{schema}"},
        ],
    }


def _definitions() -> Document:
    positive = {"$ref": "#/definitions/positiveInteger"}
    return {
        "positiveInteger": {"type": "integer", "minimum": 0},
        "positiveIntegerDefault0": {"allOf": [positive, {"default": 0}]},
        "stringArray": {**_STRINGS, "uniqueItems": True},
    }


def _text(description: str, limit: int | None = None, **rules: Any) -> Document:
    size = {} if limit is None else {"maxLength": limit}
    return {"type": "string", "description": description, **size, **rules}


def _times(what: str) -> Document:
    return {
        "created_at": _text(f"When the {what} was created", readOnly=True, format="date-time"),
        "updated_at": _text(f"When the {what} was last changed", readOnly=True, format="date-time"),
    }


_PROPERTY: Document = {
    "title": _STRING,
    "description": _STRING,
    "operators": _STRINGS,
    "type": {"type": "string", "enum": _JSON_TYPES},
    "required": {"$ref": "#/definitions/stringArray"},
    "minimum": {"type": "number"},
    "maximum": {"type": "number"},
    "maxLength": {"$ref": "#/definitions/positiveInteger"},
    "minLength": {"$ref": "#/definitions/positiveIntegerDefault0"},
    "pattern": {"type": "string", "format": "regex"},
    "enum": {"type": "array"},
    "readonly": {"type": "boolean"},
    "default": {},
    "items": {
        "type": "object",
        "properties": {
            "type": {"type": "string", "enum": _JSON_TYPES},
            "enum": {"type": "array"},
        },
    },
    "maxItems": {"$ref": "#/definitions/positiveInteger"},
    "minItems": {"$ref": "#/definitions/positiveIntegerDefault0"},
    "uniqueItems": {"type": "boolean", "default": False},
    "additionalItems": {"type": "boolean"},
}
"""The JSON-schema keywords that describe one property."""

_PROPERTY_MAP: Document = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "required": ["title", "type"],
        "properties": {"name": _NAME, **_PROPERTY},
    },
}

_OBJECT_CORE: Document = {
    "description": _STRING,
    "required": {"$ref": "#/definitions/stringArray"},
    "properties": _PROPERTY_REFERENCE,
}

_OBJECT: Document = {
    "name": _NAME,
    **_OBJECT_CORE,
    "schema": _LINK,
    "self": _LINK,
    **_times("object"),
}

_TAG: Document = {"name": _NAME, **_times("tag")}

_ASSOCIATION: Document = {
    "name": _text("Name of the resource type, as Heat calls it where it knows it", 80),
    "prefix": _text(
        "What stands before each property name when it is set on this resource type, "
        "with its separator",
        80,
    ),
    "properties_target": _text(
        "Which of several sets of key and value pairs of the resource is meant", 80
    ),
    **_times("association"),
}

_NAMESPACE: Document = {
    "namespace": _text("Unique name of the namespace", 80),
    "display_name": _text("Name of the namespace, for people", 80),
    "description": _text("What the namespace is for", 500),
    "visibility": _text("Who can see the namespace", enum=["public", "private"]),
    "protected": {"type": "boolean", "description": "Whether the namespace cannot be deleted"},
    "owner": _text("Project that the namespace belongs to", 255),
    **_times("namespace"),
    "schema": _LINK,
    "self": _LINK,
    "resource_type_associations": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"name": _STRING, "prefix": _STRING, "properties_target": _STRING},
        },
    },
    "properties": _PROPERTY_REFERENCE,
    "objects": {
        "type": "array",
        "items": {"type": "object", "properties": {"name": _STRING, **_OBJECT_CORE}},
    },
    "tags": {"type": "array", "items": {"type": "object", "properties": {"name": _STRING}}},
}
