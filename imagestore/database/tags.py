"""Tags of an image: a set. No constraint keeps a tag from being there twice, so callers
that change tags hold the image (:func:`imagestore.database.images.lock`) or its only writer."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, String, bindparam, delete, select
from sqlalchemy import insert as sql_insert

from imagestore.database.expressions import exact, exactly_one_of, not_deleted
from imagestore.database.schema import image_tags
from imagestore.database.sizes import fitting
from imagestore.model.clock import now

_INSERT = sql_insert(image_tags)

_EXISTS = select(image_tags.c.id).where(
    image_tags.c.image_id == bindparam("image_id"),
    exact(image_tags.c.value, bindparam("value")),
    not_deleted(image_tags),
)

_DELETE = delete(image_tags).where(
    image_tags.c.image_id == bindparam("image_id"),
    exactly_one_of(
        image_tags.c.value.in_(bindparam("tags", expanding=True, type_=String)),
        image_tags.c.value,
    ),
    not_deleted(image_tags),
)


def insert(conn: Connection, image_id: str, tags: Iterable[str], moment: datetime) -> None:
    """Write tags that the image does not have."""
    conn.execute(
        _INSERT,
        [
            {
                "image_id": image_id,
                "created_at": moment,
                "updated_at": moment,
                "deleted": False,
                **fitting(image_tags, {"value": tag}, "A tag"),
            }
            for tag in tags
        ],
    )


def add(conn: Connection, image_id: str, tag: str) -> bool:
    """Put the tag on the image; whether it was not there before."""
    if conn.execute(_EXISTS, {"image_id": image_id, "value": tag}).first() is not None:
        return False
    insert(conn, image_id, (tag,), now())
    return True


def remove(conn: Connection, image_id: str, tag: str) -> bool:
    """Take the tag off the image; whether it was there."""
    return conn.execute(_DELETE, {"image_id": image_id, "tags": [tag]}).rowcount > 0


def replace(conn: Connection, image_id: str, before: Iterable[str], after: Iterable[str]) -> None:
    """Make the rows of ``before`` those of ``after``, writing only the difference."""
    old, new = dict.fromkeys(before), dict.fromkeys(after)
    removed = [tag for tag in old if tag not in new]
    added = [tag for tag in new if tag not in old]
    if removed:
        conn.execute(_DELETE, {"image_id": image_id, "tags": removed})
    if added:
        insert(conn, image_id, added, now())
