"""The schema documents of metadata definitions, and those of tasks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tests.conformance.entry import Request, Scene, scene
from tests.conformance.requests import get

SCHEMAS = "/v2/schemas"
NAMES = (
    "namespace", "namespaces", "object", "objects", "property", "properties",
    "resource_type", "resource_types", "tag", "tags",
)  # fmt: skip


def scenes() -> Iterator[Scene]:
    base = f"{SCHEMAS}/metadefs"
    asked = {f"metadefs-schemas/{name}": _document(f"{base}/{name}") for name in NAMES}
    for name in ("task", "tasks"):
        asked[f"metadefs-schemas/{name}"] = _document(f"{SCHEMAS}/{name}")
    yield scene(
        (),
        {
            **asked,
            "metadefs-schemas/as-roleless": _document(f"{base}/namespace", "roleless"),
            "metadefs-schemas/as-anonymous": _document(f"{base}/namespace", "anonymous"),
            "metadefs-schemas/unknown": get(f"{base}/painting"),
            "metadefs-schemas/base": get(base),
            "metadefs-schemas/slash": get(f"{base}/tag/"),
            "metadefs-schemas/deep": get(f"{base}/tag/name"),
            "metadefs-schemas/post": Request("POST", f"{base}/tag"),
            "metadefs-schemas/body": Request("GET", f"{base}/tag", json={}),
        },
    )


def _document(path: str, caller: str = "owner") -> Request:
    return replace(get(path, caller), prose=True)
