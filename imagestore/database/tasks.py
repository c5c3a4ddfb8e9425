"""Tasks: rows of the tables that Glance keeps them in, so that either service shows them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    false,
    insert,
    or_,
    select,
    true,
    tuple_,
    update,
)

from imagestore.database.schema import task_info, tasks
from imagestore.database.sizes import fitting, shortened
from imagestore.model.task import Task, TaskStatus

SORT_KEYS = ("created_at", "expires_at", "id", "status", "type", "updated_at")
"""What a list can be sorted by."""


@dataclass(frozen=True, slots=True)
class TaskQuery:
    """A page of tasks: ``filters`` by column, of ``owner`` only unless that is None."""

    limit: int
    owner: str | None = None
    marker: str | None = None
    sort_key: str = "created_at"
    descending: bool = True
    filters: Mapping[str, str] = field(default_factory=dict)


_NAMES = (
    "id", "type", "status", "owner", "created_at", "updated_at", "expires_at", "image_id",
    "request_id", "user_id",
)  # fmt: skip
"""Columns of the first table, and fields of a task."""
_SELECT = (
    select(*tasks.c[*_NAMES], *task_info.c["input", "result", "message"])
    .join(task_info, task_info.c.task_id == tasks.c.id, isouter=True)
    .where(tasks.c.deleted == false())
)
_GET = _SELECT.where(tasks.c.id == bindparam("of_id"))
_OF_IMAGE = _SELECT.where(tasks.c.image_id == bindparam("of_image")).order_by(
    tasks.c.created_at, tasks.c.id
)
_INSERT = insert(tasks)
_INSERT_INFO = insert(task_info)


def add(conn: Connection, task: Task) -> None:
    """Write a new task."""
    row = {name: getattr(task, name) for name in _NAMES}
    conn.execute(_INSERT, fitting(tasks, row | {"status": task.status.value, "deleted": False}))
    info = {
        "task_id": task.id,
        "input": json.dumps(dict(task.input)),
        "result": None,
        "message": task.message,
    }
    conn.execute(_INSERT_INFO, fitting(task_info, info, "The input of a task"))


def get(conn: Connection, task_id: str) -> Task | None:
    """The task, whoever may see it; None if there is none."""
    row = conn.execute(_GET, {"of_id": task_id}).one_or_none()
    return None if row is None else _to_task(row)


def of_image(conn: Connection, image_id: str) -> list[Task]:
    """The tasks of one image, the oldest first."""
    return [_to_task(row) for row in conn.execute(_OF_IMAGE, {"of_image": image_id})]


def select_page(conn: Connection, query: TaskQuery) -> list[Task] | None:
    """One page of tasks; None if there is no task of the id in ``marker``."""
    key = tasks.c[query.sort_key]
    statement = _SELECT
    if query.owner is not None:
        statement = statement.where(tasks.c.owner == query.owner)
    for name, value in query.filters.items():
        statement = statement.where(tasks.c[name] == value)
    if query.marker is not None:
        of_marker = (tasks.c.id == query.marker, tasks.c.deleted == false())
        last = conn.execute(
            select(key, tasks.c.created_at, tasks.c.id).where(*of_marker)
        ).one_or_none()
        if last is None:
            return None
        statement = statement.where(_after(key, last, descending=query.descending))
    # A task that goes on has no date of expiry, and databases disagree about where NULL belongs.
    keys = (key, tasks.c.created_at, tasks.c.id)
    order = [key.is_(None), *(each.desc() for each in keys)]
    if not query.descending:
        order = [key.is_(None).desc(), *keys]
    return [_to_task(row) for row in conn.execute(statement.order_by(*order).limit(query.limit))]


def set_status(
    conn: Connection,
    task_id: str,
    status: TaskStatus,
    moment: datetime,
    *,
    message: str | None = None,
    result: Mapping[str, Any] | None = None,
    image_id: str | None = None,
    expires_at: datetime | None = None,
) -> bool:
    """Record how far the task is; whether there is such a task that has not ended."""
    going_on = [TaskStatus.PENDING.value, TaskStatus.PROCESSING.value]
    values: dict[str, Any] = {
        "status": status.value,
        "updated_at": moment,
        "expires_at": expires_at,
    }
    if image_id is not None:
        values["image_id"] = image_id
    changed = conn.execute(
        update(tasks).where(tasks.c.id == task_id, tasks.c.status.in_(going_on)).values(values)
    ).rowcount
    if not changed:
        return False
    info: dict[str, Any] = {}
    if message is not None:
        info["message"] = shortened(message)
    if result is not None:
        info["result"] = json.dumps(dict(result))
    if info:
        fitting(task_info, info, "The result of a task")
        conn.execute(update(task_info).where(task_info.c.task_id == task_id).values(info))
    return True


def remove_expired(conn: Connection, moment: datetime, limit: int) -> int:
    """Mark tasks that have expired as deleted, as Glance does, ``limit`` at most; how many."""
    old = (
        select(tasks.c.id)
        .where(tasks.c.expires_at < moment, tasks.c.deleted == false())
        .limit(limit)
    )
    ids = list(conn.scalars(old))
    if not ids:
        return 0
    gone = {"deleted": true(), "deleted_at": moment, "updated_at": moment}
    return conn.execute(update(tasks).where(tasks.c.id.in_(ids)).values(gone)).rowcount


def _after(key: Any, last: Any, *, descending: bool) -> ColumnElement[bool]:
    """The rows that come after one with that key, time and id."""
    value, created, task_id = last
    ties = tuple_(tasks.c.created_at, tasks.c.id)
    later = ties < (created, task_id) if descending else ties > (created, task_id)
    if value is None:
        same = and_(key.is_(None), later)
        return same if descending else or_(same, key.is_not(None))
    if descending:
        return or_(key < value, and_(key == value, later), key.is_(None))
    return or_(key > value, and_(key == value, later))


def _to_task(row: Any) -> Task:
    id_, type_, status, *rest, input_, result, message = row
    said = {"input": _loaded(input_) or {}, "result": _loaded(result), "message": message or ""}
    return Task(id_, type_, TaskStatus(status), *rest, **said)


def _loaded(text: str | None) -> Any:
    """Glance writes ``null``, and in old rows what is no JSON."""
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return {"text": text}
