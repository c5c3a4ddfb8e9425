"""Staging, import, locations, and the tasks that tell how far imports are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from imagestore.api.openapi.operation import Body, Operation, Parameter, Schema, closed, json
from imagestore.database.tasks import SORT_KEYS
from imagestore.model.import_request import Method
from imagestore.model.task import TaskStatus, TaskType

_IMAGE = "/v2/images/{image_id}"
_LOCATIONS = _IMAGE + "/locations"
_TEXT: Schema = {"type": "string"}
_NULLABLE: Schema = {"type": ["string", "null"]}
_INTEGER: Schema = {"type": "integer", "minimum": 0}
_FLAG: Schema = {"type": "boolean"}
_IMPORT: Schema = {
    "type": "object",
    "properties": {
        "method": {
            "type": "object",
            "properties": {
                "name": {"enum": [method.value for method in Method]},
                "uri": {"type": "string", "description": "Of the data, for web-download."},
                "glance_region": {"type": "string", "description": "For glance-download."},
                "glance_image_id": {"type": "string", "description": "Of the image there."},
                "glance_service_interface": {"enum": ["public", "internal", "admin"]},
            },
            "required": ["name"],
        },
        "stores": {"type": "array", "items": _TEXT},
        "all_stores": _FLAG,
        "all_stores_must_succeed": _FLAG,
    },
    "required": ["method"],
}
_NEW_TASK: Schema = {
    "type": "object",
    "properties": {
        "type": {"enum": [TaskType.IMPORT.value, TaskType.API_IMAGE_IMPORT.value]},
        "input": {
            "type": "object",
            "properties": {
                "import_from": {"type": "string", "format": "uri"},
                "import_from_format": _TEXT,
                "image_properties": {"$ref": "#/components/schemas/ImageDraft"},
                "image_id": _TEXT,
                "import_req": _IMPORT,
                "backend": {"type": "array", "items": _TEXT},
            },
        },
    },
    "required": ["type", "input"],
}
_LOCATION: Schema = {
    "type": "object",
    "properties": {
        "url": _TEXT,
        "validation_data": {
            **closed(
                os_hash_algo={"enum": ["sha1", "sha256", "sha512", "md5"]},
                os_hash_value={"type": "string", "pattern": "^[0-9a-fA-F]+$"},
            ),
            "additionalProperties": False,
        },
    },
    "required": ["url"],
}


def _task_of_image() -> dict[str, Any]:
    """The row of a task, as only the list of an image shows it."""
    return closed(
        id=_TEXT,
        type={"enum": [type_.value for type_ in TaskType]},
        status={"enum": [status.value for status in TaskStatus]},
        **dict.fromkeys(("owner", "created_at", "updated_at"), _TEXT),
        **dict.fromkeys(("expires_at", "deleted_at", "image_id", "request_id"), _NULLABLE),
        **dict.fromkeys(("user_id", "message"), _NULLABLE),
        input={"type": ["object", "null"]},
        result={"type": ["object", "null"]},
        deleted=_FLAG,
    )


OPERATIONS: Final[Mapping[str, Operation]] = {
    f"PUT {_IMAGE}/stage": Operation(
        "imports", "Send the data ahead of an import", {204: None}, errors=(409, 410, 415),
        body=Body({"type": "string", "format": "binary"}, ("application/octet-stream",)),
        headers=(Parameter("x-openstack-image-size", "How many bytes will come.", _INTEGER),),
    ),
    f"POST {_IMAGE}/import": Operation(
        "imports", "Import staged or fetched data, or copy the data into further stores",
        {202: None}, errors=(409,), body=json(_IMPORT),
        headers=(Parameter("X-Image-Meta-Store", "The store that the data goes to."),),
    ),
    f"GET {_LOCATIONS}": Operation(
        "locations", "Where the data lies, for services",
        {200: json({"type": "array", "items": closed(url=_TEXT, metadata={"type": "object"})})},
    ),
    f"POST {_LOCATIONS}": Operation(
        "locations", "Make the bytes at a URL the data of a queued image", {202: None},
        errors=(409,), body=json(_LOCATION),
    ),
    f"GET {_IMAGE}/tasks": Operation(
        "tasks", "The tasks of an image, the oldest first",
        {200: json(closed(tasks={"type": "array", "items": _task_of_image()}))},
    ),
    "GET /v2/tasks": Operation(
        "tasks", "List tasks, without what went in and came out", {200: json("Tasks")},
        query=(
            Parameter("limit", "Most tasks on the page.", _INTEGER),
            Parameter("marker", "The last task of the page before."),
            Parameter("sort_key", "Default: created_at.", {"enum": list(SORT_KEYS)}),
            Parameter("sort_dir", "Default: desc.", {"enum": ["asc", "desc"]}),
            Parameter("status", "Of this status.", {"enum": [s.value for s in TaskStatus]}),
            Parameter("type", "Of this type.", {"enum": [TaskType.IMPORT.value]}),
        ),
    ),
    "POST /v2/tasks": Operation(
        "tasks", "Make an image and import what is at a URL, or import into one that is there",
        {201: json("Task")},
        errors=(409,), body=json(_NEW_TASK), answer_headers=("Location",),
        links={
            "show": {
                "operationId": "get_v2_tasks_task_id",
                "parameters": {"task_id": "$response.body#/id"},
            }
        },
    ),
    "GET /v2/tasks/{task_id}": Operation("tasks", "Show a task", {200: json("Task")}),
    # There in the routes, for its own answer to who may not use tasks at all.
    "DELETE /v2/tasks/{task_id}": Operation(
        "tasks", "Never allowed: tasks go by themselves when they expire", {}, errors=(405,)
    ),
}  # fmt: skip
