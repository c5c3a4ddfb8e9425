"""Objects and properties of a namespace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.conformance.entry import Request, Scene, each, scene
from tests.conformance.requests import get
from tests.conformance.table.metadef_requests import (
    DEFINITION,
    NAMESPACE,
    NAMESPACES,
    WHOLE,
    delete,
    namespace,
    post,
    put,
)

OBJECTS = f"{NAMESPACE}/objects"
PROPERTIES = f"{NAMESPACE}/properties"

BODIES: dict[str, Any] = {
    "bare": {"name": "n"},
    "all": {
        "name": "n",
        "description": "Text",
        "required": ["q"],
        "properties": {"q": DEFINITION, "r": DEFINITION},
    },
    "taken": {"name": "o1"},
    "empty": {"name": "n", "required": [], "properties": {}, "description": ""},
    "required-unknown": {"name": "n", "required": ["x"]},
    "required-twice": {"name": "n", "required": ["x", "x"]},
    "required-text": {"name": "n", "required": "x"},
    "required-null": {"name": "n", "required": None},
    "nameless": {"description": "x"},
    "name-empty": {"name": ""},
    "name-80": {"name": "n" * 80},
    "name-81": {"name": "n" * 81},
    "name-4-byte": {"name": "🎉"},
    "name-latin": {"name": "é"},
    "name-number": {"name": 1},
    "description-long": {"name": "n", "description": "d" * 5000},
    "description-4-byte": {"name": "n", "description": "🎉"},
    "property-4-byte": {"name": "n", "properties": {"🎉": DEFINITION}},
    "property-titleless": {"name": "n", "properties": {"q": {"type": "string"}}},
    "property-unknown-key": {"name": "n", "properties": {"q": {**DEFINITION, "colour": 1}}},
    "properties-list": {"name": "n", "properties": [DEFINITION]},
    "unknown-key": {"name": "n", "colour": "red"},
    "self": {"name": "n", "self": "/"},
    "schema": {"name": "n", "schema": "/"},
    "created-at": {"name": "n", "created_at": "x"},
    "body-list": ["n"],
}
DEFINITIONS: dict[str, Any] = {
    "bare": {},
    "all-string": {
        "description": "d", "operators": ["<in>", "<or>"], "default": "a", "enum": ["a", "b"],
        "pattern": "^a", "minLength": 1, "maxLength": 5, "readonly": True,
    },
    "all-integer": {"type": "integer", "minimum": -1, "maximum": 7, "default": 3},
    "all-array": {
        "type": "array", "items": {"type": "string", "enum": ["a"]}, "uniqueItems": True,
        "minItems": 1, "maxItems": 2, "additionalItems": False,
    },
    "boolean": {"type": "boolean", "default": True},
    "object": {"type": "object"},
    "type-unknown": {"type": "date"},
    "type-null": {"type": None},
    "type-list": {"type": ["string", "null"]},
    "title-null": {"title": None},
    "title-number": {"title": 1},
    "title-4-byte": {"title": "🎉"},
    "enum-numbers": {"enum": [1, 2]},
    "enum-text": {"enum": "a"},
    "enum-empty": {"enum": []},
    "minimum-float": {"minimum": 0.5},
    "minimum-whole-float": {"minimum": 2.0},
    "minimum-text": {"minimum": "1"},
    "maximum-huge": {"maximum": 10**18},
    "min-length-negative": {"minLength": -1},
    "min-length-whole-float": {"minLength": 1.0},
    "min-length-float": {"minLength": 1.5},
    "default-float": {"type": "number", "default": 1.5},
    "default-null": {"default": None},
    "default-list": {"type": "array", "default": ["a"]},
    "default-object": {"type": "object", "default": {"a": "b"}},
    "default-latin": {"default": "é"},
    "items-typeless": {"type": "array", "items": {}},
    "items-numbers": {"type": "array", "items": {"type": "integer", "enum": [1]}},
    "items-unknown-key": {"type": "array", "items": {"type": "string", "maxLength": 3}},
    "items-list": {"type": "array", "items": [{"type": "string"}]},
    "operators-text": {"operators": "<in>"},
    "pattern-broken": {"pattern": "("},
    "required": {"required": ["a"]},
    "required-empty": {"required": []},
    "readonly-text": {"readonly": "true"},
    "confidential": {"confidential": True},
    "unknown-key": {"colour": "red"},
    "created-at": {"created_at": "x"},
    "schema": {"schema": "x"},
}  # fmt: skip
"""Keywords beside a name, a title and a type."""
NAMES = {"empty": "", "81": "n" * 81, "4-byte": "🎉", "colon": "hw:n", "taken": "p1", "null": None}
LIST_QUERIES = (
    "limit=1", "limit=0", "limit=-1", "limit=a", "limit=", "marker=o1", "marker=none",
    "sort_key=colour", "sort_dir=up", "sort_dir=asc", "visibility=odd", "visibility=shared",
)  # fmt: skip


def scenes() -> Iterator[Scene]:
    yield from _objects()
    yield from _properties()


def _objects() -> Iterator[Scene]:
    ground = (namespace(**WHOLE),)
    for word, body in BODIES.items():
        yield from each(
            ground,
            {
                f"metadefs-objects/object-{word}": [post(OBJECTS, body), get(OBJECTS, "admin")],
                f"metadefs-objects/object-put-{word}": [
                    put(f"{OBJECTS}/o2", body),
                    get(f"{OBJECTS}/n", "admin"),
                    get(f"{OBJECTS}/o2", "admin"),
                ],
            },
        )
    yield scene(
        ground,
        {
            **{
                f"metadefs-objects/list-{query}": get(f"{OBJECTS}?{query}", "admin")
                for query in LIST_QUERIES
            },
            "metadefs-objects/list": get(OBJECTS, "admin"),
            "metadefs-objects/show": get(f"{OBJECTS}/o1", "admin"),
            "metadefs-objects/show-bare": get(f"{OBJECTS}/o2", "admin"),
            "metadefs-objects/show-missing": get(f"{OBJECTS}/none", "admin"),
            "metadefs-objects/show-4-byte": get(f"{OBJECTS}/%F0%9F%8E%89", "admin"),
            "metadefs-objects/show-body": Request("GET", f"{OBJECTS}/o1", "admin", json={}),
            "metadefs-objects/list-body": Request("GET", OBJECTS, "admin", json={}),
            "metadefs-objects/put-missing": put(f"{OBJECTS}/none", {"name": "none"}),
            "metadefs-objects/delete-missing": delete(f"{OBJECTS}/none"),
            "metadefs-objects/of-missing": get(f"{NAMESPACES}/<nonce>-none/objects", "admin"),
            "metadefs-objects/add-to-missing": post(
                f"{NAMESPACES}/<nonce>-none/objects", {"name": "n"}
            ),
            "metadefs-objects/clear-missing": delete(f"{NAMESPACES}/<nonce>-none/objects"),
            "metadefs-objects/no-body": Request("POST", OBJECTS, "admin"),
            "metadefs-objects/malformed": Request("POST", OBJECTS, "admin", body=b"{"),
            "metadefs-objects/put-collection": put(OBJECTS, {}),
            "metadefs-objects/patch": Request("PATCH", f"{OBJECTS}/o1", "admin"),
            "metadefs-objects/post-one": post(f"{OBJECTS}/o1", {}),
        },
    )
    yield from each(
        ground,
        {
            "metadefs-objects/delete": [delete(f"{OBJECTS}/o1"), get(OBJECTS, "admin")],
            "metadefs-objects/delete-twice": [delete(f"{OBJECTS}/o1"), delete(f"{OBJECTS}/o1")],
            "metadefs-objects/delete-body": Request("DELETE", f"{OBJECTS}/o1", "admin", json={}),
            "metadefs-objects/clear": [delete(OBJECTS), get(OBJECTS, "admin"), delete(OBJECTS)],
            "metadefs-objects/clear-body": Request("DELETE", OBJECTS, "admin", json={}),
            "metadefs-objects/rename": [
                put(f"{OBJECTS}/o1", {"name": "o3"}),
                get(f"{OBJECTS}/o1", "admin"),
                get(f"{OBJECTS}/o3", "admin"),
            ],
        },
    )


def _properties() -> Iterator[Scene]:
    ground = (namespace(**WHOLE),)
    for word, keywords in DEFINITIONS.items():
        body = {"name": "n", **DEFINITION, **keywords}
        inside = {"name": "n", "properties": {"q": {**DEFINITION, **keywords}}}
        yield from each(
            (namespace(),),
            {
                f"metadefs-objects/definition-{word}": [
                    post(PROPERTIES, body),
                    get(f"{PROPERTIES}/n", "admin"),
                    get(PROPERTIES, "admin"),
                ],
                f"metadefs-objects/inside-{word}": [
                    post(OBJECTS, inside),
                    get(f"{OBJECTS}/n", "admin"),
                ],
            },
        )
    for word, name in NAMES.items():
        body = {"name": name, **DEFINITION}
        yield from each(
            ground,
            {
                f"metadefs-objects/property-name-{word}": post(PROPERTIES, body),
                f"metadefs-objects/property-rename-{word}": [
                    put(f"{PROPERTIES}/p2", body),
                    get(PROPERTIES, "admin"),
                ],
            },
        )
    yield scene(
        ground,
        {
            "metadefs-objects/property-list": get(PROPERTIES, "admin"),
            "metadefs-objects/property-list-query": get(f"{PROPERTIES}?limit=a", "admin"),
            "metadefs-objects/property-show": get(f"{PROPERTIES}/p2", "admin"),
            "metadefs-objects/property-prefixed": get(
                f"{PROPERTIES}/a_p1?resource_type=<nonce>-a", "admin"
            ),
            "metadefs-objects/property-prefix-missing": get(
                f"{PROPERTIES}/p1?resource_type=<nonce>-a", "admin"
            ),
            "metadefs-objects/property-without-prefix": get(
                f"{PROPERTIES}/p1?resource_type=<nonce>-b", "admin"
            ),
            "metadefs-objects/property-untied": get(
                f"{PROPERTIES}/p1?resource_type=<nonce>-c", "admin"
            ),
            "metadefs-objects/property-type-4-byte": get(
                f"{PROPERTIES}/p1?resource_type=%F0%9F%8E%89", "admin"
            ),
            "metadefs-objects/property-missing": get(f"{PROPERTIES}/none", "admin"),
            "metadefs-objects/property-put-missing": put(
                f"{PROPERTIES}/none", {"name": "none", **DEFINITION}
            ),
            "metadefs-objects/property-delete-missing": delete(f"{PROPERTIES}/none"),
            "metadefs-objects/property-of-missing": get(
                f"{NAMESPACES}/<nonce>-none/properties", "admin"
            ),
            "metadefs-objects/property-titleless": post(
                PROPERTIES, {"name": "n", "type": "string"}
            ),
            "metadefs-objects/property-typeless": post(PROPERTIES, {"name": "n", "title": "T"}),
            "metadefs-objects/property-nameless": post(PROPERTIES, DEFINITION),
            "metadefs-objects/property-list-body": post(PROPERTIES, [DEFINITION]),
            "metadefs-objects/property-no-body": Request("POST", PROPERTIES, "admin"),
            "metadefs-objects/property-get-body": Request("GET", PROPERTIES, "admin", json={}),
            "metadefs-objects/property-show-body": Request(
                "GET", f"{PROPERTIES}/p1", "admin", json={}
            ),
            "metadefs-objects/property-put-collection": put(PROPERTIES, {}),
            "metadefs-objects/property-post-one": post(f"{PROPERTIES}/p1", {}),
        },
    )
    yield from each(
        ground,
        {
            "metadefs-objects/property-delete": [
                delete(f"{PROPERTIES}/p1"),
                delete(f"{PROPERTIES}/p1"),
                get(PROPERTIES, "admin"),
            ],
            "metadefs-objects/property-delete-body": Request(
                "DELETE", f"{PROPERTIES}/p1", "admin", json={}
            ),
            "metadefs-objects/property-clear": [
                delete(PROPERTIES),
                get(PROPERTIES, "admin"),
                get(NAMESPACE, "admin"),
            ],
        },
    )
