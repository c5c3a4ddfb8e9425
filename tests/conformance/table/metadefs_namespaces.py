"""Namespaces of metadata definitions: creating, showing, replacing, deleting."""

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

NAME = "<nonce>"

BODIES: dict[str, Any] = {
    "bare": {},
    "all": {
        "display_name": "Display",
        "description": "Text é 日本",
        "visibility": "public",
        "protected": True,
        "owner": "<owner>",
    },
    "whole": WHOLE,
    "empty-contents": {
        "objects": [], "properties": {}, "tags": [], "resource_type_associations": [],
    },
    "public": {"visibility": "public"},
    "visibility-shared": {"visibility": "shared"},
    "visibility-null": {"visibility": None},
    "visibility-list": {"visibility": ["public"]},
    "protected-text": {"protected": "true"},
    "protected-number": {"protected": 1},
    "owner-null": {"owner": None},
    "owner-empty": {"owner": ""},
    "owner-255": {"owner": "o" * 255},
    "owner-256": {"owner": "o" * 256},
    "display-name-80": {"display_name": "d" * 80},
    "display-name-81": {"display_name": "d" * 81},
    "display-name-empty": {"display_name": ""},
    "display-name-null": {"display_name": None},
    "display-name-4-byte": {"display_name": "🎉"},
    "display-name-nul": {"display_name": "a\0b"},
    "description-500": {"description": "d" * 500},
    "description-501": {"description": "d" * 501},
    "description-4-byte": {"description": "🎉"},
    "unknown-key": {"colour": "red"},
    "self": {"self": "/v2"},
    "schema": {"schema": "/v2"},
    "created-at": {"created_at": "2026-01-01T00:00:00Z"},
    "updated-at": {"updated_at": "2026-01-01T00:00:00Z"},
    "object-twice": {"objects": [{"name": "o"}, {"name": "o"}]},
    "object-nameless": {"objects": [{"description": "d"}]},
    "object-unknown-key": {"objects": [{"name": "o", "colour": "red"}]},
    "object-as-shown": {"objects": [{"name": "o", "created_at": "x", "self": "/"}]},
    "object-81": {"objects": [{"name": "o" * 81}]},
    "object-required": {"objects": [{"name": "o", "required": ["a", "b"]}]},
    "object-required-twice": {"objects": [{"name": "o", "required": ["a", "a"]}]},
    "objects-object": {"objects": {"name": "o"}},
    "property-typeless": {"properties": {"p": {"title": "P"}}},
    "property-titleless": {"properties": {"p": {"type": "string"}}},
    "property-unknown-type": {"properties": {"p": {**DEFINITION, "type": "date"}}},
    "property-unknown-key": {"properties": {"p": {**DEFINITION, "colour": "red"}}},
    "property-confidential": {"properties": {"p": {**DEFINITION, "confidential": True}}},
    "property-named": {"properties": {"p": {**DEFINITION, "name": "q"}}},
    "property-81": {"properties": {"p" * 81: DEFINITION}},
    "property-nameless": {"properties": {"": DEFINITION}},
    "properties-list": {"properties": [DEFINITION]},
    "tag-twice": {"tags": [{"name": "a"}, {"name": "a"}]},
    "tag-nameless": {"tags": [{}]},
    "tag-text": {"tags": ["a"]},
    "tag-81": {"tags": [{"name": "t" * 81}]},
    "tag-4-byte": {"tags": [{"name": "🎉"}]},
    "type-twice": {"resource_type_associations": [{"name": "<nonce>-t"}, {"name": "<nonce>-t"}]},
    "type-nameless": {"resource_type_associations": [{"prefix": "x"}]},
    "type-81": {"resource_type_associations": [{"name": "t" * 81}]},
    "type-unknown-key": {"resource_type_associations": [{"name": "<nonce>-t", "colour": "red"}]},
}  # fmt: skip
"""What is sent beside the name."""

NAMES: dict[str, Any] = {
    "80": "<nonce>" + "n" * 48,
    "81": "<nonce>" + "n" * 49,
    "empty": "",
    "space": "<nonce> a",
    "slash": "<nonce>/a",
    "question": "<nonce>?a",
    "percent": "<nonce>%41",
    "colons": "OS::<nonce>::A",
    "dot": "<nonce>.a",
    "latin": "<nonce>é",
    "cjk": "<nonce>日本",
    "4-byte": "<nonce>🎉",
    "nul": "<nonce>\0",
    "newline": "<nonce>\n",
    "upper-case": "<nonce>A",
    "number": 12,
    "null": None,
    "list": ["<nonce>"],
}
"""What is sent as the name."""

REPLACEMENTS: dict[str, Any] = {
    "bare": {"namespace": NAME},
    "all": {"namespace": NAME, **BODIES["all"], "protected": False},
    "rename": {"namespace": f"{NAME}-new"},
    "taken": {"namespace": f"{NAME}-other"},
    "contents": {"namespace": NAME, **WHOLE},
    "nameless": {"display_name": "x"},
    "owner": {"namespace": NAME, "owner": "<other>"},
    "owner-empty": {"namespace": NAME, "owner": ""},
    "protected": {"namespace": NAME, "protected": True},
    "unknown-key": {"namespace": NAME, "colour": "red"},
    "created-at": {"namespace": NAME, "created_at": "x"},
    "name-81": {"namespace": "n" * 81},
    "name-4-byte": {"namespace": "🎉"},
    "name-empty": {"namespace": ""},
    "list": [NAME],
}


def scenes() -> Iterator[Scene]:
    for word, body in BODIES.items():
        made = post(NAMESPACES, {"namespace": NAME, **body})
        yield from each((), {f"metadefs-namespaces/create-{word}": [made, get(NAMESPACE, "admin")]})
    for word, name in NAMES.items():
        yield from each(
            (), {f"metadefs-namespaces/name-{word}": post(NAMESPACES, {"namespace": name})}
        )
    for word, path in {
        "space": "<nonce>%20a", "question": "<nonce>%3Fa", "percent": "<nonce>%2541",
        "colons": "OS::<nonce>::A", "slash": "<nonce>%2Fa", "latin": "<nonce>%C3%A9",
    }.items():  # fmt: skip
        yield from each(
            (post(NAMESPACES, {"namespace": NAMES[word]}),),
            {
                f"metadefs-namespaces/path-{word}": [
                    get(f"{NAMESPACES}/{path}", "admin"),
                    delete(f"{NAMESPACES}/{path}"),
                ]
            },
        )
    for word, body in REPLACEMENTS.items():
        yield from each(
            (namespace(**WHOLE, display_name="before", description="before"),
             namespace(namespace=f"{NAME}-other")),
            {
                f"metadefs-namespaces/replace-{word}": [
                    put(NAMESPACE, body),
                    get(NAMESPACE, "admin"),
                    get(f"{NAMESPACE}-new", "admin"),
                ]
            },
        )  # fmt: skip
    yield from each(
        (namespace(**WHOLE),),
        {
            "metadefs-namespaces/create-again": post(NAMESPACES, {"namespace": NAME}),
            "metadefs-namespaces/delete": [delete(NAMESPACE), get(NAMESPACE, "admin")],
            "metadefs-namespaces/delete-twice": [delete(NAMESPACE), delete(NAMESPACE)],
            "metadefs-namespaces/delete-and-create": [
                delete(NAMESPACE),
                post(NAMESPACES, {"namespace": NAME}),
                get(NAMESPACE, "admin"),
            ],
            "metadefs-namespaces/delete-body": Request("DELETE", NAMESPACE, "admin", json={}),
            "metadefs-namespaces/show-prefixed": get(
                f"{NAMESPACE}?resource_type=<nonce>-a", "admin"
            ),
            "metadefs-namespaces/show-unprefixed": get(
                f"{NAMESPACE}?resource_type=<nonce>-b", "admin"
            ),
            "metadefs-namespaces/show-untied": get(f"{NAMESPACE}?resource_type=other", "admin"),
            "metadefs-namespaces/show-type-empty": get(f"{NAMESPACE}?resource_type=", "admin"),
            "metadefs-namespaces/show-body": Request("GET", NAMESPACE, "admin", json={}),
            "metadefs-namespaces/show-upper-case": get(f"{NAMESPACES}/OS::<nonce>", "admin"),
        },
    )
    yield from each(
        (namespace(**WHOLE, protected=True),),
        {
            "metadefs-namespaces/protected-delete": [delete(NAMESPACE), get(NAMESPACE, "admin")],
            "metadefs-namespaces/protected-contents": [
                delete(f"{NAMESPACE}/objects"),
                delete(f"{NAMESPACE}/properties"),
                delete(f"{NAMESPACE}/tags"),
                delete(f"{NAMESPACE}/objects/o1"),
                delete(f"{NAMESPACE}/properties/p1"),
                delete(f"{NAMESPACE}/tags/t1"),
                delete(f"{NAMESPACE}/resource_types/<nonce>-a"),
                delete(f"{NAMESPACE}/objects/none"),
                get(NAMESPACE, "admin"),
            ],
            "metadefs-namespaces/protected-changes": [
                put(f"{NAMESPACE}/tags/t1", {"name": "t9"}),
                put(f"{NAMESPACE}/objects/o1", {"name": "o9"}),
                put(f"{NAMESPACE}/properties/p1", {"name": "p9", **DEFINITION}),
                post(f"{NAMESPACE}/tags", {"tags": [{"name": "only"}]}),
                post(f"{NAMESPACE}/tags/more"),
                get(f"{NAMESPACE}/tags", "admin"),
            ],
            "metadefs-namespaces/protected-released": [
                put(NAMESPACE, {"namespace": NAME, "protected": False}),
                delete(NAMESPACE),
            ],
        },
    )
    yield scene(
        (namespace(),),
        {
            "metadefs-namespaces/missing-show": get(f"{NAMESPACES}/<nonce>-none", "admin"),
            "metadefs-namespaces/missing-replace": put(
                f"{NAMESPACES}/<nonce>-none", {"namespace": "<nonce>-none"}
            ),
            "metadefs-namespaces/missing-delete": delete(f"{NAMESPACES}/<nonce>-none"),
            "metadefs-namespaces/missing-4-byte": get(f"{NAMESPACES}/%F0%9F%8E%89", "admin"),
            "metadefs-namespaces/missing-nul": get(f"{NAMESPACES}/a%00b", "admin"),
            "metadefs-namespaces/missing-long": get(f"{NAMESPACES}/{'n' * 300}", "admin"),
            "metadefs-namespaces/body-missing": Request("POST", NAMESPACES, "admin"),
            "metadefs-namespaces/body-malformed": Request("POST", NAMESPACES, "admin", body=b"{"),
            "metadefs-namespaces/body-list": post(NAMESPACES, [NAME]),
            "metadefs-namespaces/body-text": post(NAMESPACES, NAME),
            "metadefs-namespaces/body-null": post(NAMESPACES, None),
            "metadefs-namespaces/body-put-missing": Request("PUT", NAMESPACE, "admin"),
            "metadefs-namespaces/body-put-malformed": Request("PUT", NAMESPACE, "admin", body=b"{"),
            "metadefs-namespaces/slash": get(f"{NAMESPACES}/", "admin"),
            "metadefs-namespaces/base": get("/v2/metadefs", "admin"),
            "metadefs-namespaces/put-collection": put(NAMESPACES, {}),
            "metadefs-namespaces/delete-collection": delete(NAMESPACES),
            "metadefs-namespaces/patch-collection": Request("PATCH", NAMESPACES, "admin"),
            "metadefs-namespaces/post-one": post(NAMESPACE, {}),
            "metadefs-namespaces/patch-one": Request("PATCH", NAMESPACE, "admin"),
            "metadefs-namespaces/head-one": Request("HEAD", NAMESPACE, "admin"),
            "metadefs-namespaces/unknown-below": get(f"{NAMESPACE}/colours", "admin"),
        },
    )
