"""Short ways to write requests on metadata definitions, and what they are asked about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.conformance.entry import ABSENT, Request

NAMESPACES = "/v2/metadefs/namespaces"
NAMESPACE = f"{NAMESPACES}/<nonce>"
"""The namespace of a scene, which is called as nothing else in any scene is."""

DEFINITION: dict[str, Any] = {"title": "Title", "type": "string"}
WHOLE: dict[str, Any] = {
    "resource_type_associations": [
        {"name": "<nonce>-a", "prefix": "a_", "properties_target": "image"},
        {"name": "<nonce>-b"},
    ],
    "properties": {
        "p1": {**DEFINITION, "description": "First", "enum": ["a", "b"], "default": "a"},
        "p2": {"title": "Second", "type": "integer", "minimum": 0, "maximum": 10, "default": 5},
    },
    "objects": [
        {
            "name": "o1", "description": "First", "required": ["q1"],
            "properties": {"q1": DEFINITION},
        },
        {"name": "o2"},
    ],
    "tags": [{"name": "t1"}, {"name": "t2"}],
}  # fmt: skip
"""Some of each kind."""


def namespace(**attributes: Any) -> Request:
    """Create the namespace of the scene, or another one."""
    return post(NAMESPACES, {"namespace": "<nonce>", **attributes})


def post(
    path: str,
    body: Any = ABSENT,
    caller: str = "admin",
    headers: Mapping[str, str] | None = None,
) -> Request:
    return Request("POST", path, caller, json=body, headers=headers or {})


def put(path: str, body: Any, caller: str = "admin") -> Request:
    return Request("PUT", path, caller, json=body)


def delete(path: str, caller: str = "admin") -> Request:
    return Request("DELETE", path, caller)
