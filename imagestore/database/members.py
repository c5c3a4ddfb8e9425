"""Members: the projects that a shared image is offered to."""

from __future__ import annotations

import builtins
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select, update
from sqlalchemy import insert as sql_insert

from imagestore.database import events, images
from imagestore.database.expressions import exact, not_deleted
from imagestore.database.schema import image_members
from imagestore.database.sizes import fitting
from imagestore.model.errors import Conflict
from imagestore.model.image import Member, MemberStatus

_OF_IMAGE = (
    image_members.c.image_id == bindparam("of_image"),
    not_deleted(image_members),
)
_ONE = (*_OF_IMAGE, exact(image_members.c.member, bindparam("of_member")))

_COLUMNS = image_members.c["image_id", "member", "status", "created_at", "updated_at", "can_share"]

_LIST = select(*_COLUMNS).where(*_OF_IMAGE).order_by(image_members.c.id)
_GET = select(*_COLUMNS).where(*_ONE).order_by(image_members.c.id).limit(1)
_COUNT = select(func.count()).select_from(image_members).where(*_OF_IMAGE)
_INSERT = sql_insert(image_members)
_CHANGE = update(image_members).where(*_ONE)
_REMOVE = delete(image_members).where(*_ONE)
_OF_PROJECT = (
    select(*_COLUMNS)
    .where(
        exact(image_members.c.member, bindparam("of_member")),
        not_deleted(image_members),
        image_members.c.image_id > bindparam("after"),
    )
    .order_by(image_members.c.image_id)
    .limit(bindparam("limit"))
)


def list(conn: Connection, image_id: str) -> builtins.list[Member]:
    """All members of an image, in the order in which they were added."""
    return [_to_member(row) for row in conn.execute(_LIST, {"of_image": image_id})]


def get(conn: Connection, image_id: str, member_id: str) -> Member | None:
    row = conn.execute(_GET, {"of_image": image_id, "of_member": member_id}).one_or_none()
    return None if row is None else _to_member(row)


def of_project(
    conn: Connection, member_id: str, *, after: str = "", limit: int
) -> builtins.list[Member]:
    """Memberships of a project, in the order of the ids of their images, from behind ``after``."""
    parameters = {"of_member": member_id, "after": after, "limit": limit}
    return [_to_member(row) for row in conn.execute(_OF_PROJECT, parameters)]


def count(conn: Connection, image_id: str) -> int:
    return int(conn.execute(_COUNT, {"of_image": image_id}).scalar_one())


def insert(conn: Connection, member: Member) -> None:
    """Add a member; :class:`Conflict` if the project is one already."""
    # The peer's constraint spans deleted_at, which is null: it refuses nothing.
    images.lock(conn, member.image_id)
    if get(conn, member.image_id, member.member_id) is not None:
        raise Conflict(f"{member.member_id} is already a member of the image {member.image_id}.")
    row = {
        "image_id": member.image_id,
        "member": member.member_id,
        "status": member.status.value,
        "can_share": member.can_share,
        "created_at": member.created_at,
        "updated_at": member.updated_at,
        "deleted": False,
    }
    conn.execute(_INSERT, fitting(image_members, row, "The id of a member"))
    _tell(conn, "create", member.image_id, member.member_id, member.status)


def set_status(
    conn: Connection, image_id: str, member_id: str, status: MemberStatus, moment: datetime
) -> bool:
    """Accept, reject or reset; whether there is such a member."""
    found = _change(conn, image_id, member_id, status=status.value, updated_at=moment)
    if found:
        _tell(conn, "update", image_id, member_id, status)
    return found


def set_sharing(
    conn: Connection, image_id: str, member_id: str, can_share: bool, moment: datetime
) -> bool:
    """Keep the word of the Images API v1 on a member; whether there is such a member."""
    return _change(conn, image_id, member_id, can_share=can_share, updated_at=moment)


def remove(conn: Connection, image_id: str, member_id: str) -> bool:
    """End a membership; whether there was one."""
    parameters = {"of_image": image_id, "of_member": member_id}
    found = conn.execute(_REMOVE, parameters).rowcount > 0
    if found:
        _tell(conn, "delete", image_id, member_id)
    return found


def _change(conn: Connection, image_id: str, member_id: str, **values: Any) -> bool:
    parameters = {"of_image": image_id, "of_member": member_id}
    return conn.execute(_CHANGE.values(values), parameters).rowcount > 0


def _tell(
    conn: Connection, what: str, image_id: str, member_id: str, status: MemberStatus | None = None
) -> None:
    more = {} if status is None else {"status": status.value}
    events.record(conn, f"image.member.{what}", image_id=image_id, member=member_id, **more)


def _to_member(row: Any) -> Member:
    image_id, member_id, status, created_at, updated_at, can_share = row
    updated_at = updated_at or created_at
    return Member(
        image_id, member_id, MemberStatus(status), created_at, updated_at, bool(can_share)
    )
