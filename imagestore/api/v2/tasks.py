"""``/v2/tasks`` and ``/v2/images/{id}/tasks``: how far imports are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, Never

from aiohttp import web

from imagestore.api import keys, request_id, texts
from imagestore.api.body import read_json, refuse_body
from imagestore.api.reply import json_reply
from imagestore.api.v2 import imports
from imagestore.api.v2.documents import UUID_PATTERN
from imagestore.api.v2.images import schema_key
from imagestore.api.v2.info import available_import_methods
from imagestore.api.v2.listing import links
from imagestore.api.v2.views import timestamp
from imagestore.api.versions import base_url
from imagestore.config.settings import Limits
from imagestore.database.tasks import SORT_KEYS, TaskQuery
from imagestore.model.errors import Invalid
from imagestore.model.task import Task, TaskStatus, TaskType

_UUID = re.compile(UUID_PATTERN)


async def of_image(request: web.Request) -> web.Response:
    refuse_body(request)
    found = await request.app[keys.catalog].tasks.of_image(*keys.of_image(request))
    return json_reply({"tasks": [_of_image(task) for task in found]})


async def index(request: web.Request) -> web.Response:
    app = request.app
    app[keys.catalog].tasks.authorize(request[keys.caller])
    query = _query(request.query, app[keys.settings].limits)
    found = await app[keys.catalog].tasks.page(request[keys.caller], query)
    marker = found[-1].id if found and len(found) == query.limit else None
    body = {
        "tasks": [_stub(task) for task in found],
        **links("/v2/tasks", dict(request.query.items()), marker),
        "schema": "/v2/schemas/tasks",
    }
    return json_reply(body)


async def create(request: web.Request) -> web.Response:
    app = request.app
    caller = request[keys.caller]
    app[keys.catalog].tasks.authorize(caller)
    body = await read_json(request)
    asked = body.get("input") if isinstance(body, dict) else None
    needed = _INPUT.get(str(body.get("type"))) if isinstance(body, dict) else None
    if needed is None or not isinstance(asked, dict):
        raise Invalid(f"A task has a type, {' or '.join(_INPUT)}, and an object as input.")
    app[texts.key].require_storable(body)
    if missing := [name for name in needed if name not in asked]:
        raise Invalid(f"The input lacks {', '.join(missing)}.")
    if body["type"] == TaskType.API_IMAGE_IMPORT:
        task = await _import(request, asked)
    else:
        url, properties = asked["import_from"], asked["image_properties"]
        if not isinstance(url, str) or not isinstance(properties, dict):
            raise Invalid("import_from is a URL, image_properties an object.")
        draft = app[schema_key].validate_create(properties)
        task = await app[keys.catalog].tasks.create(
            caller, draft, url, asked, request_id.of(request)
        )
    location = f"{base_url(request)}/v2/tasks/{task.id}"
    return json_reply(_whole(task), 201, {"Location": location})


async def _import(request: web.Request, asked: Mapping[str, Any]) -> Task:
    """What ``POST /v2/images/{id}/import`` does; ``backend`` names the stores."""
    app = request.app
    wanted = imports.parse(asked["import_req"], available_import_methods(app[keys.settings].images))
    backend, image_id = asked.get("backend") or [None], asked["image_id"]
    if not (isinstance(image_id, str) and isinstance(backend, list)):
        raise Invalid("image_id is the id of an image, backend a list of ids of stores.")
    if backend != [None]:
        wanted = replace(wanted, stores=tuple(map(str, backend)), all_stores=False)
    return await app[keys.catalog].tasks.import_into(
        request[keys.caller],
        image_id,
        wanted,
        request_id=request_id.of(request),
        token=imports.token(request),
    )


async def show(request: web.Request) -> web.Response:
    task = await request.app[keys.catalog].tasks.show(
        request[keys.caller], request.match_info["task_id"]
    )
    return json_reply(_whole(task))


async def delete(request: web.Request) -> Never:
    request.app[keys.catalog].tasks.authorize(request[keys.caller])
    raise web.HTTPMethodNotAllowed(request.method, ["GET"])


_INPUT: Mapping[str, tuple[str, ...]] = {
    TaskType.IMPORT.value: ("import_from", "import_from_format", "image_properties"),
    TaskType.API_IMAGE_IMPORT.value: ("image_id", "import_req"),
}
"""What the input of each type has to have."""


def _query(given: Mapping[str, str], limits: Limits) -> TaskQuery:
    limit = given.get("limit")
    if limit is not None and not (limit.isascii() and limit.isdecimal()):
        raise Invalid("limit must be a number that is not negative.")
    marker = given.get("marker")
    if marker is not None and not _UUID.fullmatch(marker):
        raise Invalid("marker must be the id of a task.")
    sort_key, sort_dir = given.get("sort_key", "created_at"), given.get("sort_dir", "desc")
    if sort_key not in SORT_KEYS or sort_dir not in ("asc", "desc"):
        raise Invalid(f"sort_key is one of {', '.join(SORT_KEYS)}, sort_dir asc or desc.")
    filters = {name: given[name] for name in ("status", "type") if given.get(name)}
    if filters.get("status", "pending") not in set(TaskStatus):
        raise Invalid(f"status is one of: {', '.join(TaskStatus)}.")
    if filters.get("type", "import") != TaskType.IMPORT:
        raise Invalid("The only type that can be asked for is import.")
    asked = limits.limit_param_default if limit is None else int(limit[:10])
    return TaskQuery(
        limit=min(asked, limits.api_limit_max),
        marker=marker,
        sort_key=sort_key,
        descending=sort_dir == "desc",
        filters=filters,
    )


def _stub(task: Task) -> dict[str, Any]:
    view: dict[str, Any] = {
        "id": task.id,
        "type": task.type,
        "status": task.status,
        "owner": task.owner,
        "created_at": timestamp(task.created_at),
        "updated_at": timestamp(task.updated_at),
        "self": f"/v2/tasks/{task.id}",
        "schema": "/v2/schemas/task",
    }
    if task.expires_at is not None:
        view["expires_at"] = timestamp(task.expires_at)
    return view


def _whole(task: Task) -> dict[str, Any]:
    view = _stub(task)
    view |= {"input": task.input, "result": task.result, "message": task.message}
    # Of a task of the older API the image is in its result.
    image = () if task.type == TaskType.IMPORT else ("image_id",)
    for name in (*image, "request_id", "user_id"):
        if (value := getattr(task, name)) is not None:
            view[name] = value
    return view


def _of_image(task: Task) -> dict[str, Any]:
    """As Glance shows it here alone: its row, with times to the microsecond."""
    times = {
        name: value.isoformat()
        for name in ("expires_at", "created_at", "updated_at")
        if (value := getattr(task, name)) is not None
    }
    return asdict(task) | {"deleted_at": None, "deleted": False} | times
