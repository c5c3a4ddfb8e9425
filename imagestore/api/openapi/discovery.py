"""Versions, health, ``/v2/info``, ``/v2/events``, ``/v2/schemas`` and the description itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from imagestore.api.openapi.operation import Body, Operation, Parameter, Schema, closed, json

_OBJECT: Schema = {"type": "object"}
_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "string", "pattern": "^[0-9]{1,18}$"}

_VERSIONS = closed(
    versions={
        "type": "array",
        "items": closed(
            id=_TEXT,
            status={"enum": ["CURRENT", "SUPPORTED"]},
            links={"type": "array", "items": closed(rel=_TEXT, href=_TEXT)},
        ),
    }
)
_STORE: Schema = {
    "type": "object",
    "properties": {
        "id": _TEXT,
        "description": _TEXT,
        "default": {"enum": ["true"]},
        "read-only": {"enum": ["true"]},
    },
    "required": ["id"],
}
_STORE_DETAIL: Schema = {
    **_STORE,
    "properties": {
        **_STORE["properties"],
        "type": _TEXT,
        "weight": {"type": "integer"},
        "properties": _OBJECT,
        "health": closed(state={"enum": ["healthy", "away"]}, since=_TEXT),
    },
}
_IMPORT = closed(
    **{
        "import-methods": closed(
            description=_TEXT, type=_TEXT, value={"type": "array", "items": _TEXT}
        )
    }
)
_HEALTH = Body(
    {"anyOf": [_TEXT, closed(detailed={"type": "boolean"}, reasons={"type": "array"})]},
    ("text/plain", "application/json", "text/html"),
)
_USAGE = closed(usage={"type": "integer"}, limit={"type": "integer"})
_READINESS = closed(ready={"type": "boolean"}, reasons={"type": "array", "items": _TEXT})

OPERATIONS: Final[Mapping[str, Operation]] = {
    "GET /": Operation("versions", "List the versions", {300: json(_VERSIONS)}, public=True),
    "GET /versions": Operation(
        "versions", "List the versions", {200: json(_VERSIONS)}, public=True
    ),
    "GET /healthcheck": Operation(
        "health", "Whether this process takes requests", {200: _HEALTH, 503: _HEALTH}, public=True
    ),
    "GET /readiness": Operation(
        "health", "Whether the database and the default store answer",
        {200: json(_READINESS), 503: json(_READINESS)}, public=True,
    ),
    "GET /v2/info/import": Operation("info", "Ways of importing", {200: json(_IMPORT)}),
    "GET /v2/info/usage": Operation(
        "info", "What the project uses and may use, by resource; empty without limits",
        {200: json(closed(usage={"type": "object", "additionalProperties": _USAGE}))},
    ),
    "GET /v2/info/stores": Operation(
        "info", "The stores", {200: json(closed(stores={"type": "array", "items": _STORE}))},
        errors=(404,),
    ),
    "GET /v2/info/stores/detail": Operation(
        "info", "The stores and their properties",
        {200: json(closed(stores={"type": "array", "items": _STORE_DETAIL}))}, errors=(404,),
    ),
    "GET /v2/events": Operation(
        "events", "What happens to images and jobs, as server-sent events, without end",
        {200: Body(_TEXT, ("text/event-stream",))},
        query=(
            Parameter("image", "Events of this image alone."),
            Parameter("last_event_id", "As Last-Event-ID.", _NUMBER),
        ),
        headers=(Parameter("Last-Event-ID", "Go on after the event of this id.", _NUMBER),),
        answer_headers=("Cache-Control", "X-Accel-Buffering"),
    ),
    "GET /v2/schemas/{name}": Operation(
        "schemas", "The schema of images, members or tasks", {200: json(_OBJECT)}
    ),
    "GET /v2/schemas/metadefs/{name}": Operation(
        "schemas", "The schema of metadata definitions", {200: json(_OBJECT)}
    ),
    "GET /v2/openapi.json": Operation("schemas", "This description", {200: json(_OBJECT)}),
}  # fmt: skip
