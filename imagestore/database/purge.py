"""Purge: rows that are marked as deleted are removed for good, as ``glance-manage db purge`` does.

The rows of images stay, because their ids may be trusted somewhere: an image that is
made anew under the id of another one would be taken for it (OSSN-0075). Those have a
command of their own, and even then the ids stay taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, select

from imagestore.database.locations import PENDING_DELETE
from imagestore.database.schema import (
    image_locations,
    image_members,
    image_properties,
    image_tags,
    images,
    task_info,
    tasks,
    tombstones,
)

_CHILDREN = (image_members, image_properties, image_tags, image_locations)


def purge(conn: Connection, before: datetime, limit: int) -> Mapping[str, int]:
    """Remove rows, images apart, that were deleted before a moment.

    ``limit``: rows of each table at the most, the longest deleted first. How many it
    was, by table.
    """
    removed = {table.name: _remove(conn, table, before, limit) for table in _CHILDREN}
    old_tasks = _old(conn, tasks, before, limit)
    if old_tasks:
        conn.execute(delete(task_info).where(task_info.c.task_id.in_(old_tasks)))
        conn.execute(delete(tasks).where(tasks.c.id.in_(old_tasks)))
    return removed | {tasks.name: len(old_tasks)}


def purge_images(conn: Connection, before: datetime, limit: int) -> int:
    """Remove images that were deleted before a moment, with all rows, ``limit`` at most; how many.

    Their ids are kept, so that no new image can have one.
    """
    old = _old(conn, images, before, limit)
    if not old:
        return 0
    for table in _CHILDREN:
        conn.execute(delete(table).where(table.c.image_id.in_(old)))
    known = set(conn.scalars(select(tombstones.c.image_id).where(tombstones.c.image_id.in_(old))))
    moment = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    new = [{"image_id": one, "purged_at": moment} for one in old if one not in known]
    if new:
        conn.execute(insert(tombstones), new)
    conn.execute(delete(images).where(images.c.id.in_(old)))
    return len(old)


def _remove(conn: Connection, table: Table, before: datetime, limit: int) -> int:
    old = _old(conn, table, before, limit)
    if old:
        conn.execute(delete(table).where(table.c.id.in_(old)))
    return len(old)


def _old(conn: Connection, table: Table, before: datetime, limit: int) -> list[Any]:
    statement = select(table.c.id).where(table.c.deleted_at < before).order_by(table.c.deleted_at)
    if table is images:
        statement = statement.where(images.c.status != PENDING_DELETE)
    elif table in _CHILDREN:
        # A deletion that is delayed may still be undone, with all that belongs to the image.
        waiting = select(images.c.id).where(images.c.status == PENDING_DELETE)
        statement = statement.where(table.c.image_id.not_in(waiting))
    return list(conn.scalars(statement.limit(limit)))
