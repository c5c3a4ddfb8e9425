"""Delayed deletion: images that are deleted for everybody, but whose bytes are still there.

Rows are as the peer has them with ``delayed_delete``: the image is marked deleted with the
status ``pending_delete``, its locations too, all other children are marked deleted at the
same moment. An image whose bytes are being removed at this moment has the same status, but
is not marked yet.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, false, null, select, true, update

from imagestore.database import events
from imagestore.database.images import soft_delete
from imagestore.database.locations import PENDING_DELETE
from imagestore.database.schema import (
    image_locations,
    image_members,
    image_properties,
    image_tags,
    images,
)
from imagestore.model.image import ImageStatus

_PENDING = (images.c.deleted == true(), images.c.status == PENDING_DELETE)
_CHILDREN = (image_properties, image_members, image_tags)


@dataclass(frozen=True, slots=True)
class Pending:
    """A deleted image whose bytes are still there. Size in bytes, time in UTC without zone."""

    id: str
    name: str | None
    owner: str | None
    size: int | None
    deleted_at: datetime


def delay(conn: Connection, image_id: str, moment: datetime, statuses: Set[ImageStatus]) -> bool:
    """Delete an image that is in one of ``statuses``, but keep its bytes; whether it was."""
    return soft_delete(conn, image_id, moment, statuses, ImageStatus.PENDING_DELETE)


def select_pending(conn: Connection, before: datetime, limit: int = 1000) -> list[Pending]:
    """Images that were deleted before a moment, the longest deleted first."""
    statement = (
        select(*images.c[*Pending.__slots__])
        .where(*_PENDING, images.c.deleted_at <= before)
        .order_by(images.c.deleted_at, images.c.id)
        .limit(limit)
    )
    return [Pending(*row) for row in conn.execute(statement)]


def lock(conn: Connection, image_id: str) -> datetime | None:
    """When the image was deleted, if its bytes are still there; nobody else changes it now."""
    statement = select(images.c.deleted_at).where(images.c.id == image_id, *_PENDING)
    if conn.dialect.name != "sqlite":
        statement = statement.with_for_update()
    found: datetime | None = conn.scalar(statement)
    return found


def finish(conn: Connection, image_id: str, moment: datetime) -> bool:
    """The bytes are gone; whether the image still waited for that."""
    statement = (
        update(images)
        .where(images.c.id == bindparam("of_id"), *_PENDING)
        .values(status=ImageStatus.DELETED.value, updated_at=moment)
    )
    return conn.execute(statement, {"of_id": image_id}).rowcount == 1


def restore(conn: Connection, image_id: str, moment: datetime) -> bool:
    """Undo a delayed deletion, with everything that went with it; whether there was one."""
    deleted_at = lock(conn, image_id)
    if deleted_at is None:
        return False
    back: dict[str, Any] = {"deleted": false(), "deleted_at": null()}
    conn.execute(
        update(images)
        .where(images.c.id == image_id, *_PENDING)
        .values(status=ImageStatus.ACTIVE.value, updated_at=moment, **back)
    )
    conn.execute(
        update(image_locations)
        .where(image_locations.c.image_id == image_id, image_locations.c.status == PENDING_DELETE)
        .values(status="active", updated_at=moment, **back)
    )
    for table in _CHILDREN:
        of_it = (table.c.image_id == image_id, table.c.deleted_at == deleted_at)
        conn.execute(update(table).where(*of_it).values(**back))
    events.record(conn, "image.update", image_id=image_id, status=ImageStatus.ACTIVE.value)
    return True
