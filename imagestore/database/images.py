"""Images: rows of the table and, read with them, their children.

Every function takes a connection inside a transaction that somebody else ends.
After any error the transaction is lost: let the error pass.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, String, Update, bindparam, false, func, select
from sqlalchemy import insert as sql_insert
from sqlalchemy import update as sql_update
from sqlalchemy.exc import IntegrityError

from imagestore.database import events, gates, locations, properties, tags
from imagestore.database.expressions import exact, not_deleted
from imagestore.database.pages import select_page as select_page
from imagestore.database.rows import COLUMNS, load_children, load_whole, to_image
from imagestore.database.schema import (
    image_locations,
    image_members,
    image_properties,
    image_tags,
    images,
    tombstones,
)
from imagestore.database.sizes import fitting
from imagestore.model.errors import Conflict
from imagestore.model.image import DELETED_STATUSES, Image, ImageStatus, MemberStatus


@dataclass(frozen=True, slots=True)
class ImageRow:
    """An image, and what the project that asked is to it.

    ``membership``: the status of that project's membership; None if it has none.
    """

    image: Image
    membership: MemberStatus | None = None


_INSERT = sql_insert(images)

_GET_SEVERAL = select(*COLUMNS).where(
    images.c.id.in_(bindparam("ids", expanding=True, type_=String)), images.c.deleted == false()
)

_PURGED = select(tombstones.c.image_id).where(tombstones.c.image_id == bindparam("id"))

_LOCK = select(images.c.id).where(images.c.id == bindparam("id")).with_for_update()

_OWNER = select(images.c.owner).where(images.c.id == bindparam("id"))

_NOT_USED = sorted(DELETED_STATUSES | {ImageStatus.KILLED})

_UNTOLD = {"updated_at", "deleted", "deleted_at"}

USAGE = (
    select(func.sum(images.c.size))
    .join(image_locations, image_locations.c.image_id == images.c.id)
    .where(
        exact(images.c.owner, bindparam("owner")),
        images.c.deleted == false(),
        images.c.status.not_in([status.value for status in _NOT_USED]),
        image_locations.c.status != "deleted",
    )
)
"""Bytes that a project's images take in all stores: size times number of copies."""


def insert(conn: Connection, image: Image, *, id_is_given: bool = True) -> None:
    """Write a new image with properties, tags and locations.

    ``id_is_given``: by somebody who may know it from elsewhere; not one made up now.
    Raises :class:`Conflict` if the id is or ever was in use.
    """
    if id_is_given and conn.scalar(_PURGED, {"id": image.id}) is not None:
        raise Conflict(f"Image ID {image.id} already exists!")
    row = {column.name: getattr(image, column.name) for column in COLUMNS}
    row |= {
        "status": image.status.value,
        "visibility": image.visibility.value,
        "deleted": False,
    }
    try:
        conn.execute(_INSERT, fitting(images, row))
    except IntegrityError as error:
        raise Conflict(f"Image ID {image.id} already exists!") from error
    moment = image.created_at
    if image.properties:
        properties.insert(conn, image.id, image.properties, moment)
    if image.tags:
        tags.insert(conn, image.id, image.tags, moment)
    for location in image.locations:
        locations.add(conn, image.id, location, moment)
    events.record(conn, "image.create", image_id=image.id, status=image.status.value)


def get(
    conn: Connection,
    image_id: str,
    *,
    project_id: str | None = None,
    include_pending_delete: bool = False,
    locked: bool = False,
) -> ImageRow | None:
    """The image, whoever may see it; None if there is none or it is deleted. One statement.

    ``include_pending_delete``: also one whose data is being removed. ``locked``: after a
    :func:`lock`.
    """
    if locked:
        lock(conn, image_id)
    image, membership = load_whole(conn, image_id, member=project_id)
    if image is None or (
        image.status in DELETED_STATUSES
        and not (include_pending_delete and image.status is ImageStatus.PENDING_DELETE)
    ):
        return None
    return ImageRow(image, membership)


def get_several(
    conn: Connection, image_ids: Collection[str], *, project_id: str | None = None
) -> dict[str, ImageRow]:
    """Those of the images that are there, by id, as :func:`get` finds each."""
    if not image_ids:
        return {}
    rows = conn.execute(_GET_SEVERAL, {"ids": list(image_ids)})
    found = [image for row in rows if (image := to_image(row)).status not in DELETED_STATUSES]
    memberships = load_children(conn, found, member=project_id)
    return {image.id: ImageRow(image, memberships.get(image.id)) for image in found}


def lock(conn: Connection, image_id: str) -> bool:
    """Keep other transactions from changing the image until this one ends; whether it is there.

    For changes of its children that no constraint of the tables guards. In
    SQLite the one writer has the lock already.
    """
    if conn.dialect.name == "sqlite":
        return True
    found = conn.execute(_LOCK, {"id": image_id}).first() is not None
    gates.touch(conn, images.c.min_ram, images.c.id == image_id)
    return found


def update(
    conn: Connection,
    image_id: str,
    values: Mapping[str, Any],
    *,
    only_if_status: Set[ImageStatus] | None = None,
) -> bool:
    """Set columns, if the image is there and, where asked, still in one of those states.

    Whether it was: compare and swap, so that of two callers one wins. Deleted
    images are left alone. ``values``: by column, ``updated_at`` among them.
    """
    fitting(images, values)
    statement = _update(frozenset(values), only_if_status is not None)
    parameters: dict[str, Any] = {f"new_{name}": value for name, value in values.items()}
    parameters["image_id"] = image_id
    if only_if_status is not None:
        parameters["statuses"] = [status.value for status in only_if_status]
    changed = conn.execute(statement, parameters).rowcount == 1
    # What is being deleted is told of by who deletes it.
    if changed and values.get("status") not in _NOT_USED:
        status = {"status": values["status"]} if "status" in values else {}
        events.record(
            conn, "image.update", image_id=image_id, changed=sorted({*values} - _UNTOLD), **status
        )
    return changed


def transition(
    conn: Connection,
    image_id: str,
    from_statuses: Set[ImageStatus],
    to: ImageStatus,
    **values: Any,
) -> bool:
    """Change the status, with any other columns, if it is one of ``from_statuses``; whether so."""
    return update(conn, image_id, {**values, "status": to.value}, only_if_status=from_statuses)


def soft_delete(
    conn: Connection,
    image_id: str,
    moment: datetime,
    statuses: Set[ImageStatus],
    to: ImageStatus = ImageStatus.DELETED,
) -> bool:
    """Delete the image and all its children if it is in one of ``statuses``; whether so.

    The rows stay, marked, as the peer leaves them, so that the id stays taken and
    the peer's purge finds them. ``to``: the status of the image and its locations.
    """
    marks = {"deleted": True, "deleted_at": moment}
    gone = transition(conn, image_id, statuses, to, **marks, updated_at=moment)
    if gone:
        conn.execute(_DELETE_LOCATIONS, {"b_image_id": image_id, **marks, "status": to.value})
        for statement in _DELETE_CHILDREN:
            conn.execute(statement, {"b_image_id": image_id, **marks})
        events.record(conn, "image.delete", image_id=image_id)
    return gone


def owner_of(conn: Connection, image_id: str) -> str | None:
    """The project of an image, deleted or not, as long as its row is there."""
    owner: str | None = conn.scalar(_OWNER, {"id": image_id})
    return owner


@lru_cache(maxsize=256)
def _update(names: frozenset[str], with_statuses: bool) -> Update:
    statement = (
        sql_update(images)
        .where(images.c.id == bindparam("image_id"), images.c.deleted == false())
        .values({name: bindparam(f"new_{name}", type_=images.c[name].type) for name in names})
    )
    if with_statuses:
        statuses = bindparam("statuses", expanding=True, type_=String)
        statement = statement.where(images.c.status.in_(statuses))
    return statement


_DELETE_LOCATIONS, *_DELETE_CHILDREN = (
    sql_update(table).where(table.c.image_id == bindparam("b_image_id"), not_deleted(table))
    for table in (image_locations, image_properties, image_members, image_tags)
)
