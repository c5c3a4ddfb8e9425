"""``/v2/cache``, and the older ``/v2/cached_images`` and ``/v2/queued_images``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from imagestore.api.openapi.operation import Operation, Parameter, Schema, closed, json

_ONE = "/v2/cache/{image_id}"
_COUNT: Schema = {"type": "integer", "minimum": 0}
_ENTRY = closed(
    id={"type": ["integer", "null"]},
    image_id={"type": "string"},
    hits=_COUNT,
    last_accessed={"type": "number"},
    last_modified={"type": "number"},
    size=_COUNT,
    checksum={"type": ["string", "null"]},
    pinned={"type": "boolean"},
)
_CACHED: Schema = {"type": "array", "items": _ENTRY}
_IDS: Schema = {"type": "array", "items": {"type": "string"}}
_DELETED = json(closed(num_deleted=_COUNT))
_NULL = json({"type": "null"})
_TARGET = Parameter(
    "x-image-cache-clear-target",
    "One of the two; both without it.",
    {"type": "string", "enum": ["cache", "queue", ""]},
)

_call = partial(Operation, "cache")
_here = partial(_call, errors=(404,))
"""404: this node has no cache."""

OPERATIONS: Final[Mapping[str, Operation]] = {
    "GET /v2/cache": _here(
        "What this node has in its cache, and what it is to fetch",
        {200: json(closed(cached_images=_CACHED, queued_images=_IDS))},
    ),
    "DELETE /v2/cache": _here(
        "Empty cache and queue of this node", {204: None}, headers=(_TARGET,)
    ),
    "POST /v2/cache/clean": _here("Remove what is invalid or stalled", {200: None}),
    "POST /v2/cache/prune": _here(
        "Shrink the cache to the configured size",
        {200: json(closed(total_files_pruned=_COUNT, total_bytes_pruned=_COUNT))},
    ),
    "GET /v2/cache/nodes/{image_id}": _call(
        "The URLs of the nodes that have the image", {200: json(_IDS)}, errors=(409,)
    ),
    f"PUT {_ONE}": _call("Have this node fetch an image", {202: None}),
    f"DELETE {_ONE}": _call(
        "Remove an image from the caches of all nodes, and from this one's queue", {204: None}
    ),
    "GET /v2/cached_images": _here(
        "What this node has in its cache", {200: json(closed(cached_images=_CACHED))}
    ),
    "DELETE /v2/cached_images": _here("Empty the cache of this node", {200: _DELETED}),
    "DELETE /v2/cached_images/{image_id}": _call(
        "Remove an image from the caches of all nodes", {200: _NULL}
    ),
    "GET /v2/queued_images": _here(
        "What this node is to fetch", {200: json(closed(queued_images=_IDS))}
    ),
    "DELETE /v2/queued_images": _here("Empty the queue of this node", {200: _DELETED}),
    "PUT /v2/queued_images/{image_id}": _call(
        "Have this node fetch an image, whether there is one or not", {200: _NULL}
    ),
    "DELETE /v2/queued_images/{image_id}": _call(
        "Take an image off the queue of this node", {200: _NULL}
    ),
}
