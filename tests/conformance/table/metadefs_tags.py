"""Tags and resource types of a namespace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.conformance.entry import Request, Scene, each, scene
from tests.conformance.requests import get
from tests.conformance.table.metadef_requests import (
    NAMESPACE,
    NAMESPACES,
    WHOLE,
    delete,
    namespace,
    post,
    put,
)

TAGS = f"{NAMESPACE}/tags"
TYPES = f"{NAMESPACE}/resource_types"

SETS: dict[str, Any] = {
    "good": {"tags": [{"name": "b"}, {"name": "a"}]},
    "some-there": {"tags": [{"name": "t1"}, {"name": "new"}]},
    "empty": {"tags": []},
    "missing": {},
    "twice": {"tags": [{"name": "a"}, {"name": "a"}]},
    "case": {"tags": [{"name": "a"}, {"name": "A"}]},
    "name-81": {"tags": [{"name": "t" * 81}]},
    "name-empty": {"tags": [{"name": ""}]},
    "name-4-byte": {"tags": [{"name": "🎉"}]},
    "name-number": {"tags": [{"name": 1}]},
    "nameless": {"tags": [{}]},
    "texts": {"tags": ["a"]},
    "object": {"tags": {"name": "a"}},
    "null": {"tags": None},
    "unknown-key": {"tags": [], "colour": "red"},
    "unknown-key-of-tag": {"tags": [{"name": "a", "colour": "red"}]},
    "created-at": {"created_at": "x", "tags": []},
    "list": [{"name": "a"}],
}
APPENDS = ("true", "True", "1", "yes", "false", "0", "", "perhaps")
TAG_NAMES = {
    "plain": "new",
    "80": "t" * 80,
    "81": "t" * 81,
    "space": "a%20b",
    "plus": "a+b",
    "slash": "a%2Fb",
    "percent": "50%25",
    "4-byte": "%F0%9F%8E%89",
    "nul": "a%00b",
    "taken": "t1",
    "taken-case": "T1",
}
RENAMES: dict[str, Any] = {
    "new": {"name": "new"},
    "same": {"name": "t1"},
    "case": {"name": "T1"},
    "taken": {"name": "t2"},
    "taken-case": {"name": "T2"},
    "81": {"name": "t" * 81},
    "empty": {"name": ""},
    "4-byte": {"name": "🎉"},
    "nameless": {},
    "null": {"name": None},
    "unknown-key": {"name": "new", "colour": "red"},
    "created-at": {"name": "new", "created_at": "x"},
    "list": ["new"],
}
LIST_QUERIES = (
    "limit=1", "limit=0", "limit=-1", "limit=a", "limit=", "marker=t2", "marker=t1", "marker=",
    "marker=none", "marker=%F0%9F%8E%89", "sort_key=name&sort_dir=asc", "sort_key=name&limit=1",
    "sort_key=name&sort_dir=asc&marker=t1", "sort_key=id", "sort_key=updated_at",
    "sort_key=colour", "sort_key=", "sort_dir=up", "visibility=odd", "visibility=shared",
)  # fmt: skip
ASSOCIATIONS: dict[str, Any] = {
    "bare": {"name": "<nonce>-n"},
    "all": {"name": "<nonce>-n", "prefix": "x:", "properties_target": "image"},
    "taken": {"name": "<nonce>-a"},
    "prefix-empty": {"name": "<nonce>-n", "prefix": ""},
    "prefix-null": {"name": "<nonce>-n", "prefix": None},
    "prefix-80": {"name": "<nonce>-n", "prefix": "p" * 80},
    "prefix-81": {"name": "<nonce>-n", "prefix": "p" * 81},
    "prefix-4-byte": {"name": "<nonce>-n", "prefix": "🎉"},
    "target-81": {"name": "<nonce>-n", "properties_target": "t" * 81},
    "name-81": {"name": "t" * 81},
    "name-empty": {"name": ""},
    "name-4-byte": {"name": "<nonce>🎉"},
    "nameless": {"prefix": "x"},
    "unknown-key": {"name": "<nonce>-n", "colour": "red"},
    "created-at": {"name": "<nonce>-n", "created_at": "x"},
    "self": {"name": "<nonce>-n", "self": "x"},
    "body-list": ["<nonce>-n"],
}


def scenes() -> Iterator[Scene]:
    yield from _tags()
    yield from _resource_types()


def _tags() -> Iterator[Scene]:
    ground = (namespace(**WHOLE),)
    for word, body in SETS.items():
        yield from each(
            ground,
            {
                f"metadefs-tags/set-{word}": [post(TAGS, body), get(TAGS, "admin")],
                f"metadefs-tags/append-{word}": [
                    post(TAGS, body, headers={"X-Openstack-Append": "true"}),
                    get(TAGS, "admin"),
                ],
            },
        )
    for value in APPENDS:
        yield from each(
            ground,
            {
                f"metadefs-tags/header-{value or 'empty'}": [
                    post(TAGS, SETS["good"], headers={"X-Openstack-Append": value}),
                    get(TAGS, "admin"),
                ]
            },
        )
    for word, name in TAG_NAMES.items():
        yield from each(
            ground,
            {
                f"metadefs-tags/name-{word}": [
                    post(f"{TAGS}/{name}"),
                    get(f"{TAGS}/{name}", "admin"),
                    get(TAGS, "admin"),
                    delete(f"{TAGS}/{name}"),
                ]
            },
        )
    for word, body in RENAMES.items():
        yield from each(
            ground,
            {f"metadefs-tags/rename-{word}": [put(f"{TAGS}/t1", body), get(TAGS, "admin")]},
        )
    yield scene(
        ground,
        {
            **{
                f"metadefs-tags/list-{query}": get(f"{TAGS}?{query}", "admin")
                for query in LIST_QUERIES
            },
            "metadefs-tags/list": get(TAGS, "admin"),
            "metadefs-tags/show": get(f"{TAGS}/t1", "admin"),
            "metadefs-tags/show-missing": get(f"{TAGS}/none", "admin"),
            "metadefs-tags/show-body": Request("GET", f"{TAGS}/t1", "admin", json={}),
            "metadefs-tags/list-body": Request("GET", TAGS, "admin", json={}),
            "metadefs-tags/add-body": post(f"{TAGS}/x", {"name": "x"}),
            "metadefs-tags/add-body-text": Request("POST", f"{TAGS}/x", "admin", body=b"x"),
            "metadefs-tags/rename-missing": put(f"{TAGS}/none", {"name": "none"}),
            "metadefs-tags/rename-no-body": Request("PUT", f"{TAGS}/t1", "admin"),
            "metadefs-tags/delete-missing": delete(f"{TAGS}/none"),
            "metadefs-tags/of-missing": get(f"{NAMESPACES}/<nonce>-none/tags", "admin"),
            "metadefs-tags/add-to-missing": post(f"{NAMESPACES}/<nonce>-none/tags/x"),
            "metadefs-tags/set-of-missing": post(f"{NAMESPACES}/<nonce>-none/tags", SETS["good"]),
            "metadefs-tags/clear-missing": delete(f"{NAMESPACES}/<nonce>-none/tags"),
            "metadefs-tags/set-no-body": Request("POST", TAGS, "admin"),
            "metadefs-tags/set-malformed": Request("POST", TAGS, "admin", body=b"{"),
            "metadefs-tags/put-collection": put(TAGS, {}),
            "metadefs-tags/patch": Request("PATCH", f"{TAGS}/t1", "admin"),
        },
    )
    yield from each(
        ground,
        {
            "metadefs-tags/delete": [
                delete(f"{TAGS}/t1"),
                delete(f"{TAGS}/t1"),
                get(TAGS, "admin"),
            ],
            "metadefs-tags/clear": [delete(TAGS), get(TAGS, "admin"), delete(TAGS)],
            "metadefs-tags/clear-body": Request("DELETE", TAGS, "admin", json={}),
            "metadefs-tags/add-and-show": [post(f"{TAGS}/x"), get(NAMESPACE, "admin")],
        },
    )


def _resource_types() -> Iterator[Scene]:
    ground = (namespace(**WHOLE),)
    for word, body in ASSOCIATIONS.items():
        yield from each(
            ground,
            {f"metadefs-tags/type-{word}": [post(TYPES, body), get(TYPES, "admin")]},
        )
    yield from each(
        ground,
        {
            "metadefs-tags/type-delete": [
                delete(f"{TYPES}/<nonce>-a"),
                delete(f"{TYPES}/<nonce>-a"),
                get(TYPES, "admin"),
                get(f"{NAMESPACE}?resource_type=<nonce>-a", "admin"),
            ],
            "metadefs-tags/type-kept": [
                delete(NAMESPACE),
                namespace(resource_type_associations=[{"name": "<nonce>-a"}]),
                get(TYPES, "admin"),
            ],
            "metadefs-tags/type-of-two": [
                namespace(namespace="<nonce>-two"),
                post(f"{NAMESPACES}/<nonce>-two/resource_types", {"name": "<nonce>-a"}),
                delete(f"{TYPES}/<nonce>-a"),
                get(f"{NAMESPACES}/<nonce>-two/resource_types", "admin"),
            ],
        },
    )
    everything = "/v2/metadefs/resource_types"
    yield scene(
        ground,
        {
            "metadefs-tags/types": get(everything, "admin"),
            "metadefs-tags/types-as-reader": get(everything, "reader"),
            "metadefs-tags/types-as-roleless": get(everything, "roleless"),
            "metadefs-tags/types-as-writer": get(everything, "writer"),
            "metadefs-tags/types-as-anonymous": get(everything, "anonymous"),
            "metadefs-tags/types-body": Request("GET", everything, "admin", json={}),
            "metadefs-tags/types-post": post(everything, {"name": "x"}),
            "metadefs-tags/types-slash": get(f"{everything}/", "admin"),
            "metadefs-tags/types-one": get(f"{everything}/<nonce>-a", "admin"),
            "metadefs-tags/type-list": get(TYPES, "admin"),
            "metadefs-tags/type-delete-missing": delete(f"{TYPES}/<nonce>-none"),
            "metadefs-tags/type-of-missing": get(
                f"{NAMESPACES}/<nonce>-none/resource_types", "admin"
            ),
            "metadefs-tags/type-get-one": get(f"{TYPES}/<nonce>-a", "admin"),
            "metadefs-tags/type-put-one": put(f"{TYPES}/<nonce>-a", {}),
            "metadefs-tags/type-put-all": put(TYPES, {}),
            "metadefs-tags/type-list-body": Request("GET", TYPES, "admin", json={}),
            "metadefs-tags/type-delete-body": Request(
                "DELETE", f"{TYPES}/<nonce>-a", "admin", json={}
            ),
            "metadefs-tags/type-no-body": Request("POST", TYPES, "admin"),
        },
    )
