"""The matrix of routes and callers: metadata definitions, in a namespace that only its owner's
project sees. ``metadefs_access`` has the public ones, and further callers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from tests.conformance.entry import Scene
from tests.conformance.requests import get
from tests.conformance.table.matrix import Row, matrix, outcome
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
TAGS = f"{NAMESPACE}/tags"
TYPES = f"{NAMESPACE}/resource_types"

ROWS: Final[Mapping[str, Row]] = {
    "types": ((), get("/v2/metadefs/resource_types")),
    # What is in the list depends on the scenes that are played beside.
    "list": ((), outcome(get(NAMESPACES))),
    "create": ((), post(NAMESPACES, {"namespace": "<nonce>-new"})),
    "show": ((), get(NAMESPACE)),
    "replace": ((), put(NAMESPACE, {"namespace": "<nonce>", "owner": "<owner>"})),
    "delete": ((), delete(NAMESPACE)),
    "list-associations": ((), get(TYPES)),
    "associate": ((), post(TYPES, {"name": "<nonce>-n"})),
    "dissociate": ((), delete(f"{TYPES}/<nonce>-a")),
    "list-objects": ((), get(OBJECTS)),
    "add-object": ((), post(OBJECTS, {"name": "n"})),
    "clear-objects": ((), delete(OBJECTS)),
    "show-object": ((), get(f"{OBJECTS}/o1")),
    "replace-object": ((), put(f"{OBJECTS}/o1", {"name": "o1"})),
    "delete-object": ((), delete(f"{OBJECTS}/o1")),
    "list-properties": ((), get(PROPERTIES)),
    "add-property": ((), post(PROPERTIES, {"name": "n", **DEFINITION})),
    "clear-properties": ((), delete(PROPERTIES)),
    "show-property": ((), get(f"{PROPERTIES}/p1")),
    "replace-property": ((), put(f"{PROPERTIES}/p1", {"name": "p1", **DEFINITION})),
    "delete-property": ((), delete(f"{PROPERTIES}/p1")),
    "list-tags": ((), get(TAGS)),
    "set-tags": ((), post(TAGS, {"tags": [{"name": "a"}]})),
    "clear-tags": ((), delete(TAGS)),
    "show-tag": ((), get(f"{TAGS}/t1")),
    "add-tag": ((), post(f"{TAGS}/x")),
    "rename-tag": ((), put(f"{TAGS}/t1", {"name": "t3"})),
    "delete-tag": ((), delete(f"{TAGS}/t1")),
    "schema": ((), outcome(get("/v2/schemas/metadefs/namespace"))),
}


def scenes() -> Iterator[Scene]:
    ground = (namespace(**WHOLE, owner="<owner>", visibility="private"),)
    yield from matrix("rbac-metadefs", ground, ROWS)
